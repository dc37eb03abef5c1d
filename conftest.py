"""Makes `python -m pytest some/file.py` import the package as a whole first, as users do."""

import minitorch_bn  # noqa: F401
