"""Strategies for hypothesis: tensors of all shapes, dtypes and layouts, and layers with inputs that fit them.

>>> from hypothesis import given
>>> from minitorch_bn.testing import strategies as tensor_st
>>> @given(tensor_st.tensors(dtype="float64", layouts=True))
... def test_exp_of_log(x):
...     assert ((x.abs() + 1).log().exp() - x.abs() - 1).abs().max().item() < 1e-6 if x.numel() else True
>>> test_exp_of_log()

hypothesis comes with ``pip install "minitorch_bn[test]"``; it is imported when a strategy is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from minitorch_bn import creation, nn
from minitorch_bn import dtypes as dt
from minitorch_bn._tensor import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable

    from hypothesis.strategies import DrawFn, SearchStrategy

__all__ = ["LayerCase", "layers", "shapes", "tensors"]


class LayerCase(NamedTuple):
    """A layer and an input that it takes."""

    layer: nn.Module
    input: Tensor


def _hypothesis() -> Any:
    """hypothesis.strategies, or an error that says where to get it."""
    try:
        from hypothesis import strategies
    except ImportError:
        raise ImportError(
            'minitorch_bn.testing.strategies needs hypothesis: pip install "minitorch_bn[test]"'
        ) from None
    return strategies


def shapes(
    min_dims: int = 0, max_dims: int = 4, min_side: int = 0, max_side: int = 5
) -> SearchStrategy[tuple[int, ...]]:
    """Shapes as tuples, empty ones and single elements among them.

    >>> from minitorch_bn.testing import strategies as tensor_st
    >>> from hypothesis import given
    >>> @given(tensor_st.shapes(1, 2, min_side=1))
    ... def test(shape):
    ...     assert len(shape) in (1, 2) and min(shape) >= 1
    >>> test()
    """
    st = _hypothesis()
    return st.lists(st.integers(min_side, max_side), min_size=min_dims, max_size=max_dims).map(tuple)


def tensors(
    shape: Any = None,
    dtype: Any = None,
    *,
    min_value: float | None = None,
    max_value: float | None = None,
    special: bool = False,
    layouts: bool = False,
    requires_grad: bool = False,
) -> SearchStrategy[Tensor]:
    """Tensors whose values shrink towards 0.

    Args:
        shape: a shape, or a strategy for shapes; default: ``shapes()``.
        dtype: a dtype or its name, or a strategy for dtypes; default: float32 and float64.
        min_value, max_value: limits of the values; default: -10 and 10 (0 and 10 for uint8).
        special: also values up to the dtype's largest and, unless there are limits, infinities and NaN.
        layouts: also non-contiguous tensors: with dimensions swapped, and with gaps between their elements.
        requires_grad: of the result; only for floating-point dtypes.

    Raises:
        ImportError: hypothesis is missing.

    >>> from minitorch_bn.testing import strategies as tensor_st
    >>> from hypothesis import given
    >>> @given(tensor_st.tensors((2, 3), "float32", min_value=0, max_value=1))
    ... def test(x):
    ...     assert x.shape == (2, 3) and ((x >= 0) & (x <= 1)).all()
    >>> test()
    """
    st = _hypothesis()

    def draw_tensor(draw: DrawFn) -> Tensor:
        kind = _drawn(draw, st.sampled_from([dt.float32, dt.float64]) if dtype is None else dtype)
        kind = getattr(dt, kind) if isinstance(kind, str) else kind
        size = tuple(_drawn(draw, shapes() if shape is None else shape))
        result = _values(draw, size, kind, min_value, max_value, special)
        if layouts:
            result = _layout(draw, result)
        return result.requires_grad_() if requires_grad else result

    return st.composite(draw_tensor)()


def _drawn(draw: DrawFn, value: Any) -> Any:
    """A value, or one drawn where a strategy was given."""
    from hypothesis.strategies import SearchStrategy

    return draw(value) if isinstance(value, SearchStrategy) else value


def _values(
    draw: DrawFn, size: tuple[int, ...], kind: dt.dtype, low: float | None, high: float | None, special: bool
) -> Tensor:
    from hypothesis.extra import numpy as numpy_st

    st = _hypothesis()
    if kind is dt.bool:
        return creation.tensor(draw(numpy_st.arrays(np.bool_, size)))
    if low is None and not special:
        low = 0 if kind is dt.uint8 else -10
    if high is None and not special:
        high = 10
    if not kind.is_floating_point:
        info = dt.iinfo(kind)
        low, high = max(info.min, info.min if low is None else low), min(info.max, info.max if high is None else high)
        array = draw(numpy_st.arrays(np.dtype(kind.name), size, elements=st.integers(int(low), int(high))))
        return creation.tensor(array, dtype=kind)
    # Drawn in a width that numpy and hypothesis know, and within what the dtype itself can hold.
    width = 64 if kind is dt.float64 else 32
    anything = special and low is None and high is None
    limits: dict[str, Any] = {"allow_nan": anything, "allow_infinity": anything}
    for name, value in (("min_value", low), ("max_value", high)):
        if value is not None:
            limits[name] = float(np.float32(value)) if width == 32 else float(value)
    array = draw(numpy_st.arrays(f"float{width}", size, elements=st.floats(width=width, **limits)))
    return creation.tensor(array).to(kind)


def _layout(draw: DrawFn, x: Tensor) -> Tensor:
    """The same values in memory of another order."""
    kind = draw(_hypothesis().sampled_from(["contiguous", "transposed", "strided"]))
    if kind == "transposed" and x.dim() > 1:
        return x.transpose(0, -1).contiguous().transpose(0, -1)
    if kind == "strided" and x.dim() and x.numel():
        wide = x.repeat_interleave(2, dim=-1)
        return wide[..., ::2]
    return x


# -- layers ----------------------------------------------------------------------------------------------------------


def layers(*names: str) -> SearchStrategy[LayerCase]:
    """Layers in all their configurations, each with an input that it takes in the mode it is in.

    ``names``: of the classes in ``nn``; default: all that this strategy knows, which are linear and convolutional
    layers, normalisations, pooling and activations. Parameters and inputs are float32, drawn from a seed.

    Raises:
        ValueError: it does not know a name. ImportError: hypothesis is missing.

    >>> from minitorch_bn.testing import strategies as tensor_st
    >>> from hypothesis import given
    >>> @given(tensor_st.layers("BatchNorm1d", "BatchNorm2d"))
    ... def test_shape_is_kept(case):
    ...     assert case.layer(case.input).shape == case.input.shape
    >>> test_shape_is_kept()
    """
    st = _hypothesis()
    unknown = [name for name in names if name not in _BUILDERS]
    if unknown:
        raise ValueError(f"layers() does not know {unknown}; it knows {sorted(_BUILDERS)}")

    def draw_case(draw: DrawFn) -> LayerCase:
        name = draw(st.sampled_from(sorted(names or _BUILDERS)))
        layer, size = _BUILDERS[name](_Draw(draw, st), name)
        stream = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
        for p in layer.parameters():
            p.data = creation.tensor(stream.standard_normal(tuple(p.shape)), dtype=dt.float32)
        x = creation.tensor(stream.standard_normal(size), dtype=dt.float32)
        return LayerCase(layer.train(draw(st.booleans())), x)

    return st.composite(draw_case)()


class _Draw:
    """Short words for what the builders below draw."""

    def __init__(self, draw: DrawFn, st: Any) -> None:
        self._draw, self._st = draw, st

    def some(self, low: int, high: int) -> int:
        """A whole number."""
        return self._draw(self._st.integers(low, high))

    def yes(self) -> bool:
        """True or False."""
        return self._draw(self._st.booleans())

    def one_of(self, *values: Any) -> Any:
        """One of some values."""
        return self._draw(self._st.sampled_from(values))

    def sides(self, dims: int, low: int, high: int = 6) -> tuple[int, ...]:
        """The sizes of some positions."""
        return tuple(self.some(low, high) for _ in range(dims))


def _dims(name: str) -> int:
    """BatchNorm2d -> 2"""
    return int(name[-2])


def _batch_norm(d: _Draw, name: str) -> tuple[nn.Module, tuple[int, ...]]:
    channels, dims = d.some(1, 4), _dims(name)
    layer = getattr(nn, name)(
        channels,
        eps=d.one_of(1e-5, 1e-3, 1.0),
        momentum=d.one_of(0.1, None, 0.0, 0.5),
        affine=d.yes(),
        track_running_stats=d.yes(),
    )
    positions = () if dims == 1 and d.yes() else d.sides(dims, 1, 4)
    return layer, (d.some(2, 6), channels, *positions)


def _instance_norm(d: _Draw, name: str) -> tuple[nn.Module, tuple[int, ...]]:
    channels = d.some(1, 4)
    layer = getattr(nn, name)(channels, affine=d.yes(), track_running_stats=d.yes())
    return layer, (d.some(1, 4), channels, *d.sides(_dims(name), 2, 4))


def _group_norm(d: _Draw, name: str) -> tuple[nn.Module, tuple[int, ...]]:
    groups, each = d.some(1, 3), d.some(1, 3)
    return nn.GroupNorm(groups, groups * each, affine=d.yes()), (d.some(1, 4), groups * each, d.some(2, 5))


def _layer_norm(d: _Draw, name: str) -> tuple[nn.Module, tuple[int, ...]]:
    size = d.sides(d.some(1, 2), 1, 5)
    return nn.LayerNorm(size, elementwise_affine=d.yes()), (d.some(1, 4), *size)


def _linear(d: _Draw, name: str) -> tuple[nn.Module, tuple[int, ...]]:
    inside, outside = d.some(1, 5), d.some(1, 5)
    return nn.Linear(inside, outside, bias=d.yes()), (*d.sides(d.some(0, 2), 1, 4), inside)


def _conv(d: _Draw, name: str) -> tuple[nn.Module, tuple[int, ...]]:
    groups, dims, kernel, dilation = d.some(1, 2), _dims(name), d.some(1, 3), d.some(1, 2)
    inside, outside = groups * d.some(1, 2), groups * d.some(1, 2)
    options = {"stride": d.some(1, 2), "padding": d.some(0, 2), "dilation": dilation, "groups": groups}
    layer = getattr(nn, name)(inside, outside, kernel, bias=d.yes(), **options)
    return layer, (d.some(1, 3), inside, *d.sides(dims, dilation * (kernel - 1) + 1, 7))


def _pool(d: _Draw, name: str) -> tuple[nn.Module, tuple[int, ...]]:
    kernel = d.some(1, 3)
    layer = getattr(nn, name)(kernel, stride=d.some(1, 3), padding=d.some(0, kernel // 2))
    return layer, (d.some(1, 3), d.some(1, 3), *d.sides(_dims(name), kernel, 7))


def _activation(d: _Draw, name: str) -> tuple[nn.Module, tuple[int, ...]]:
    return getattr(nn, name)(), d.sides(d.some(1, 4), 1, 4)


_BUILDERS: dict[str, Callable[[_Draw, str], tuple[nn.Module, tuple[int, ...]]]] = {
    **dict.fromkeys(("BatchNorm1d", "BatchNorm2d", "BatchNorm3d"), _batch_norm),
    **dict.fromkeys(("InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d"), _instance_norm),
    "GroupNorm": _group_norm,
    "LayerNorm": _layer_norm,
    "Linear": _linear,
    **dict.fromkeys(("Conv1d", "Conv2d", "Conv3d"), _conv),
    **dict.fromkeys(("AvgPool1d", "AvgPool2d", "MaxPool1d", "MaxPool2d"), _pool),
    **dict.fromkeys(("ELU", "GELU", "ReLU", "SiLU", "Sigmoid", "Softplus", "Tanh"), _activation),
}
