"""Lazy modules: they learn the size of their input, and so the shapes of their parameters, from the first one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from minitorch_bn.autograd.grad_mode import no_grad
from minitorch_bn.nn.modules.module import Module
from minitorch_bn.nn.parameter import UninitializedBuffer, UninitializedParameter, is_lazy

if TYPE_CHECKING:
    from minitorch_bn._tensor import Tensor
    from minitorch_bn.dtypes import dtype as DType


class LazyModuleMixin:
    """Makes a Module lazy: its first call gives its uninitialized parameters their shapes, then it changes its class.

    A subclass names this class first, then a Module, and writes ``initialize_parameters(*args)``, which gets the
    arguments of the first call and materializes everything. Then an instance becomes a ``cls_to_become``, if that is
    not None, and the call goes on: one call with an input of the right shape (a dry run) makes a model complete.
    Before that ``to(dtype)``, ``state_dict``, ``load_state_dict``, copies and pickles work; what needs values raises.

    >>> import minitorch_bn as torch
    >>> class Scale(torch.nn.modules.lazy.LazyModuleMixin, torch.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.weight = torch.nn.UninitializedParameter()
    ...     def initialize_parameters(self, x):
    ...         self.weight.materialize((x.shape[-1],))
    ...         torch.nn.init.ones_(self.weight)
    ...     def forward(self, x):
    ...         return self.weight * x
    >>> scale = Scale(); scale.weight
    <UninitializedParameter>
    >>> _ = scale(torch.zeros(2, 3)); scale.weight
    Parameter containing:
    tensor([1., 1., 1.], requires_grad=True)
    """

    cls_to_become: type[Any] | None = None
    _parameters: dict[str, Any]
    _buffers: dict[str, Any]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.cls_to_become is not None or self.has_uninitialized_params():
            self._infer_parameters(args, kwargs)
        return Module.__call__(self, *args, **kwargs)  # type: ignore[arg-type]

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Gives every uninitialized parameter and buffer its shape and first values; every subclass writes its own."""
        raise NotImplementedError(f"initialize_parameters is not implemented for {type(self).__name__}")

    def has_uninitialized_params(self) -> bool:
        """Whether any parameter or buffer of this module itself has no shape yet."""
        return any(is_lazy(tensor) for tensor in (*self._parameters.values(), *self._buffers.values()))

    def _infer_parameters(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.initialize_parameters(*args, **kwargs)
        if self.has_uninitialized_params():
            raise RuntimeError(f"module {type(self).__name__} has not been fully initialized")
        if self.cls_to_become is not None:
            self.__class__ = self.cls_to_become


class _LazyLayer(LazyModuleMixin):
    """A layer of which one size is unknown: it is built with size 0, and what has no shape then is uninitialized."""

    _unknown: ClassVar[str]  # the attribute that is this size

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, parameter in self._parameters.items():
            if parameter is not None:
                self._parameters[name] = UninitializedParameter(dtype=parameter.dtype)
        for name, buffer in self._buffers.items():
            if buffer is not None and buffer.ndim:  # not a counter
                self._buffers[name] = UninitializedBuffer(dtype=buffer.dtype)

    def _size_in(self, input: Tensor) -> int:
        """The size that was unknown; raises for input that the layer does not take."""
        raise NotImplementedError

    def _shapes(self, size: int) -> dict[str, tuple[int, ...]]:
        """The shape of each parameter and buffer for this size."""
        raise NotImplementedError

    def reset_parameters(self) -> None:
        """Nothing: values come with the first input."""

    def initialize_parameters(self, input: Tensor) -> None:
        """Takes the size from an input and draws the first values; what was loaded before stays."""
        size = self._size_in(input)
        tensors = {name: t for name, t in (*self._parameters.items(), *self._buffers.items()) if t is not None}
        shapes = self._shapes(size)
        loaded = {name: tensor.detach().clone() for name, tensor in tensors.items() if not is_lazy(tensor)}
        for name in loaded.keys() & shapes.keys():
            self._check_loaded(size, name, loaded[name].shape, shapes[name])
        setattr(self, self._unknown, size)
        if not self.has_uninitialized_params():
            return
        for name in tensors.keys() - loaded.keys():
            tensors[name].materialize(shapes[name])
        super().reset_parameters()  # type: ignore[misc]
        with no_grad():
            for name, values in loaded.items():
                tensors[name].copy_(values)

    def _check_loaded(self, size: int, name: str, shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
        if shape == expected:
            return
        other = next((n for n, m in zip(shape, expected) if n != m), len(shape))
        raise AssertionError(
            f"The {self._unknown} inferred from input: {size} is not equal to {self._unknown} from self.{name}: "
            f"{other}\nFor this input {name} must have the shape {list(expected)}; the one loaded has {list(shape)}."
        )


class _LazyNormBase(_LazyLayer):
    """All a normalisation with running estimates needs to be lazy; ``options`` are what only some of them take."""

    _unknown = "num_features"
    _check_input_dim: Any
    _channel_dim_of: Any

    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: DType | None = None,
        *,
        bias: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(0, eps, momentum, affine, track_running_stats, device, dtype, bias=bias, **options)

    def _size_in(self, input: Tensor) -> int:
        self._check_input_dim(input)
        return input.shape[self._channel_dim_of(input)]

    def _shapes(self, size: int) -> dict[str, tuple[int, ...]]:
        return dict.fromkeys(("weight", "bias", "running_mean", "running_var"), (size,))
