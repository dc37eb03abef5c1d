"""The named tuples that functions with several results return; they print as PyTorch's."""

from __future__ import annotations

from operator import itemgetter
from typing import Any


class _Fields(tuple):
    """A tuple whose places have names. ``f(...)`` and ``f(...).values`` both work; so does unpacking."""

    __slots__ = ()
    _fields: tuple[str, ...] = ()

    def __init_subclass__(cls) -> None:
        for i, field in enumerate(cls._fields):
            setattr(cls, field, property(itemgetter(i)))

    def __repr__(self) -> str:
        lines = ",\n".join(f"{field}={value!r}" for field, value in zip(self._fields, self))
        return f"torch.return_types.{type(self).__name__}(\n{lines})"


def _return_type(name: str, *fields: str) -> Any:
    body = {"__slots__": (), "_fields": fields, "__module__": __name__, "__doc__": f"What {name} returns."}
    return type(name, (_Fields,), body)


max = _return_type("max", "values", "indices")
min = _return_type("min", "values", "indices")
sort = _return_type("sort", "values", "indices")
topk = _return_type("topk", "values", "indices")
kthvalue = _return_type("kthvalue", "values", "indices")
median = _return_type("median", "values", "indices")
nanmedian = _return_type("nanmedian", "values", "indices")
mode = _return_type("mode", "values", "indices")
cummax = _return_type("cummax", "values", "indices")
cummin = _return_type("cummin", "values", "indices")
aminmax = _return_type("aminmax", "min", "max")
histogram = _return_type("histogram", "hist", "bin_edges")
frexp = _return_type("frexp", "mantissa", "exponent")
linalg_svd = _return_type("linalg_svd", "U", "S", "Vh")
svd = _return_type("svd", "U", "S", "V")
linalg_slogdet = _return_type("linalg_slogdet", "sign", "logabsdet")
