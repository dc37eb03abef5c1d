"""Every public name says what it does and shows an example, and every example runs.

A method or function that ends in an underscore works in place: the example may be that of the one without it. So it is
with the old names in ``nn.init``, which lack the underscore. Aliases have the docstring of what they stand for.
"""

from __future__ import annotations

import pytest
from public_docstrings import DOCS, failures


def has_example(docs: dict[str, str], name: str) -> bool:
    return any(">>>" in docs.get(other, "") for other in (name, name.removesuffix("_"), f"{name}_"))


@pytest.mark.parametrize("where", DOCS)
def test_every_public_name_is_documented(where):
    assert [name for name, doc in DOCS[where].items() if not doc.strip()] == []


@pytest.mark.parametrize("where", DOCS)
def test_every_public_name_has_an_example(where):
    docs = DOCS["torch"] | DOCS[where] if where == "Tensor" else DOCS[where]
    assert [name for name in DOCS[where] if not has_example(docs, name)] == []


@pytest.mark.parametrize("where", DOCS)
def test_every_example_runs(where):
    """Also those that are put together when the package is loaded, which pytest does not collect."""
    examples = {doc: name for name, doc in DOCS[where].items() if ">>>" in doc}
    assert examples
    report = "".join(failures(doc, f"{where}.{name}") for doc, name in examples.items())
    assert not report, report
