"""Tables that print in a terminal and show themselves in a notebook."""

from __future__ import annotations

from html import escape
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Colours with alpha, and none for the text: readable on a light page and on a dark one.
_CELL = "text-align:right;padding:2px 10px;white-space:nowrap"
_LEFT = "text-align:left;padding:2px 10px;white-space:nowrap"
_HEAD = "border-bottom:1px solid rgba(128,128,128,.6);font-weight:600"
_MARKS = {"good": "background:rgba(46,160,67,.18)", "near": "background:rgba(56,139,253,.16)", "bad":
          "background:rgba(248,81,73,.28);font-weight:600"}  # fmt: skip


class Table(NamedTuple):
    """A title, column heads, and rows of texts; the first ``left`` columns are aligned to the left.

    ``marks``: (row, column) -> "good", "near" or "bad", shown as a colour where there are colours.
    """

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    left: int = 1
    marks: Mapping[tuple[int, int], str] = MappingProxyType({})

    def text(self) -> str:
        """Aligned columns, two spaces apart."""
        lines = [self.heads, *self.rows] if any(self.heads) else list(self.rows)
        widths = [max(len(line[column]) for line in lines) for column in range(len(self.heads))]
        texts = [
            "  ".join(
                cell.ljust(width) if column < self.left else cell.rjust(width)
                for column, (cell, width) in enumerate(zip(line, widths))
            ).rstrip()
            for line in lines
        ]
        if any(self.heads):
            texts.insert(1, "-" * max(map(len, texts)))
        return "\n".join([self.title, *texts] if self.title else texts)

    def html(self) -> str:
        """A table element with its title above; everything escaped."""
        parts = [f"<h4 style='margin:14px 0 4px'>{escape(self.title)}</h4>"] if self.title else []
        parts.append("<table style='border-collapse:collapse;font-size:90%'>")
        if any(self.heads):
            parts.append(f"<tr style='{_HEAD}'>{''.join(map(self._head, range(len(self.heads))))}</tr>")
        for number, row in enumerate(self.rows):
            cells = "".join(
                f"<td style='{self._style(column)};{_MARKS.get(self.marks.get((number, column), ''), '')}'>"
                f"{escape(cell).replace('  ', '&nbsp;&nbsp;')}</td>"
                for column, cell in enumerate(row)
            )
            parts.append(f"<tr>{cells}</tr>")
        return "".join([*parts, "</table>"])

    def _style(self, column: int) -> str:
        return _LEFT if column < self.left else _CELL

    def _head(self, column: int) -> str:
        return f"<th style='{self._style(column)}'>{escape(self.heads[column])}</th>"


def paragraphs_html(lines: Sequence[str], mark: str = "") -> str:
    """Each line as a paragraph, escaped."""
    style = f"margin:3px 0;padding:1px 6px;{_MARKS.get(mark, '')}"
    return "".join(f"<p style='{style}'>{escape(line)}</p>" for line in lines)
