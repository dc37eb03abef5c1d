"""``Tensor``: a numpy array on the tape, with PyTorch's names. Every method is a function of a family in ``ops``."""

from __future__ import annotations

import warnings
from builtins import bool as builtin_bool  # the class body shadows these by PyTorch's names
from builtins import float as builtin_float
from builtins import int as builtin_int
from typing import Any

import numpy as np

from minitorch_bn import _dlpack, _inplace, _legacy, _resizing, creation, dtypes, functional, random
from minitorch_bn._device import CPU, check_device, device
from minitorch_bn._dunder import OPERANDS, cast, dunder, short_dunder
from minitorch_bn._layout import contiguous_format, layout, strided, strides_of
from minitorch_bn._scope import METHODS, AbsentMethod
from minitorch_bn._tensor_str import tensor_str
from minitorch_bn.autograd import engine, hooks, inference, views
from minitorch_bn.autograd.grad_mode import thread
from minitorch_bn.autograd.variable import Variable, set_tensor_class, share, wrap
from minitorch_bn.ops import (
    activation,
    arithmetic,
    counting,
    decomposition,
    einsum,
    elementwise,
    indexing,
    linalg,
    matrix,
    reduction,
    scattering,
    sorting,
    special,
    statistics,
    strides,
)
from minitorch_bn.ops import shape as shapes
from minitorch_bn.ops._common import canonical_dim
from minitorch_bn.size import Size
from minitorch_bn.storage import TypedStorage, UntypedStorage, memory_of

_NO_LEAF = (
    "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad attribute won't be "
    "populated during autograd.backward(). If you indeed want the .grad field to be populated for a non-leaf Tensor, "
    "use .retain_grad() on the non-leaf Tensor. If you access the non-leaf Tensor by mistake, make sure you access the "
    "leaf Tensor instead."
)


class Tensor(Variable):
    """A multi-dimensional array of one dtype that remembers how it was computed.

    Made by ``tensor``, ``zeros``, ``randn``, ...; ``Tensor(2, 3)`` (unset values) and ``Tensor([1, 2])`` give the
    default dtype, ``Tensor(other)`` shares the memory of ``other``.

    >>> import minitorch_bn as torch
    >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> y = (x * x).sum(); y
    tensor(5., grad_fn=<SumBackward0>)
    >>> y.backward(); x.grad
    tensor([2., 4.])
    """

    __slots__ = ()
    __array_priority__ = 1000  # numpy_array * tensor asks the tensor first
    __hash__ = object.__hash__

    def __new__(cls, *args: Any, **named: Any) -> Any:
        return _legacy.new(dtypes.get_default_dtype(), args, named, any_dtype=True)

    # -- what it is --------------------------------------------------------------------------------------------------

    @property
    def shape(self) -> Size:
        """The size of each dimension."""
        return tuple.__new__(Size, self._data.shape)

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the size of one dimension."""
        return self.shape if dim is None else self._data.shape[_checked_dim(dim, self._data.ndim)]

    def stride(self, dim: int | None = None) -> Any:
        """How many elements apart neighbours are in memory, for each dimension or one."""
        strides = strides_of(self._data)
        return strides if dim is None else strides[_checked_dim(dim, self._data.ndim)]

    @property
    def dtype(self) -> dtypes.dtype:
        """The element type."""
        return dtypes.from_numpy_dtype(self._data.dtype)

    @property
    def device(self) -> device:
        """Always the CPU."""
        return CPU

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self._data.ndim

    @property
    def itemsize(self) -> int:
        """The bytes of one element."""
        return self._data.itemsize

    @property
    def nbytes(self) -> int:
        """The bytes of all elements."""
        return self._data.nbytes

    def dim(self) -> int:
        """The number of dimensions."""
        return self._data.ndim

    ndimension = dim

    def element_size(self) -> int:
        """The bytes of one element."""
        return self._data.itemsize

    def is_floating_point(self) -> bool:
        """Whether the elements are floating-point numbers."""
        return self.dtype.is_floating_point

    def is_complex(self) -> bool:
        """Always False: complex numbers are out of scope."""
        return False

    def is_contiguous(self, memory_format: Any = contiguous_format) -> bool:
        """Whether memory is in row-major order, or in that of ``memory_format``."""
        if memory_format.rank not in (None, self._data.ndim):
            return False
        order = memory_format.order(self._data.ndim)
        return order is None or self._data.transpose(order).flags.c_contiguous

    @property
    def layout(self) -> layout:
        """How the elements lie in memory: ``torch.strided``."""
        return strided

    def storage_offset(self) -> int:
        """How many elements after the start of its memory the first element lies."""
        return memory_of(self._data)[1]

    def untyped_storage(self) -> UntypedStorage:
        """The bytes of the memory that this tensor is a view of."""
        return UntypedStorage(memory_of(self._data)[0])

    def storage(self) -> TypedStorage:
        """The numbers in the memory that this tensor is a view of."""
        return TypedStorage(memory_of(self._data)[0])

    def get_device(self) -> int:
        """-1: the CPU."""
        return -1

    def data_ptr(self) -> int:
        """The address of the first element."""
        return self._data.ctypes.data

    is_cpu = True
    is_mps = is_xpu = is_meta = is_mkldnn = is_sparse = is_quantized = is_nested = False

    def is_pinned(self) -> bool:
        """Always False: there is no device that memory could be pinned for.

        >>> import minitorch_bn as torch
        >>> torch.ones(1).is_pinned()
        False
        """
        return False

    @property
    def is_cuda(self) -> bool:
        """Always False."""
        return False

    # -- its place in the graph --------------------------------------------------------------------------------------

    @property
    def requires_grad(self) -> bool:
        """Whether a gradient is wanted: set on leaves, inherited by what is computed from them."""
        # a view that is behind its base takes part in the base's history as soon as it is used
        return self._requires_grad or (self._view is not None and self._view.base._requires_grad)

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if type(value) is not builtin_bool:
            raise RuntimeError("requires_grad must be a bool")
        if not self.is_leaf:
            hint = "" if value else (
                " If you want to use a computed variable in a subgraph that doesn't require differentiation use "
                "var_no_grad = var.detach()."
            )  # fmt: skip
            raise RuntimeError(f"you can only change requires_grad flags of leaf variables.{hint}")
        if value and not self.is_floating_point():
            raise RuntimeError("only Tensors of floating point and complex dtype can require gradients")
        if value:
            inference.check_requiring_grad(self)
        self._requires_grad = value

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Sets ``requires_grad`` and returns the tensor."""
        if type(requires_grad) is not builtin_bool:
            raise TypeError(
                "requires_grad_(): argument 'requires_grad' (position 1) must be bool, not "
                f"{type(requires_grad).__name__}"
            )
        if requires_grad and not self.is_floating_point():
            raise RuntimeError("only Tensors of floating point dtype can require gradients")
        if requires_grad:
            inference.check_requiring_grad(self)
        if self.is_leaf or not requires_grad:  # what was computed and requires grad goes on doing so
            self.requires_grad = requires_grad
        return self

    @property
    def grad(self) -> Any:
        """The accumulated gradient of a leaf, or of a tensor that retains it; None before the first backward.

        That of another tensor stays None: asking for it is a UserWarning.
        """
        if self._grad is None and self._node is not None and not self._retains_grad:
            warnings.warn(_NO_LEAF, stacklevel=2)
        return self._grad

    @grad.setter
    def grad(self, value: Any) -> None:
        if value is not None:
            if not isinstance(value, Variable):
                raise TypeError(
                    f"assigned grad expected to be a Tensor or None but got grad of type {type(value).__name__}"
                )
            if value is self:
                raise RuntimeError("can't assign Variable as its own grad")
            if value._data.shape != self._data.shape:
                raise RuntimeError(
                    f"attempting to assign a gradient of size '{list(value._data.shape)}' to a tensor of size "
                    f"'{list(self._data.shape)}'. Please ensure that the gradient and the tensor are the same size"
                )
            if value._data.dtype != self._data.dtype:
                raise RuntimeError(
                    f"attempting to assign a gradient with dtype '{value.dtype.legacy_name.lower()}' to a tensor with "
                    f"grad_dtype '{self.dtype.legacy_name}'. The gradient must have the tensor's dtype."
                )
        self._grad = value

    @grad.deleter
    def grad(self) -> None:
        self._grad = None

    @property
    def grad_fn(self) -> Any:
        """The node that computed this tensor; None for leaves."""
        if self._view is not None:
            views.refresh(self)
        return self._node

    @property
    def is_leaf(self) -> bool:
        """Whether it was not computed by a recorded operation."""
        return self.grad_fn is None

    @property
    def output_nr(self) -> int:
        """Which output of ``grad_fn`` this is."""
        return self._output_nr

    @property
    def _version(self) -> int:
        if self.is_inference():
            raise RuntimeError("Inference tensors do not track version counter.")
        return self._version_counter[0]

    is_inference = inference.is_inference

    def share_memory_(self) -> Tensor:
        """The tensor itself, for programs that share it with worker processes; there are none here."""
        return self

    def is_shared(self) -> builtin_bool:
        """Whether worker processes see the same memory: never."""
        return False

    @property
    def _base(self) -> Any:
        return None if self._view is None else self._view.base

    def _is_view(self) -> bool:
        return self._view is not None

    @property
    def data(self) -> Tensor:
        """The same memory without history; in-place changes through it go unnoticed by autograd."""
        return wrap(self._data.view())

    @data.setter
    def data(self, value: Any) -> None:
        if not isinstance(value, Variable):
            raise TypeError(f"Variable data has to be a tensor, but got {type(value).__name__}")
        if self._requires_grad and not value.is_floating_point():
            raise RuntimeError("data set to a tensor that requires gradients must be floating point or complex dtype")
        self._data = value._data.view()  # an array object of its own: saved values are recognised by identity

    def detach(self) -> Tensor:
        """The same memory without history; in-place changes are noticed by graphs that saved this tensor."""
        return share(self._data.view(), self)

    def detach_(self) -> Tensor:
        """Cuts this tensor off from its history."""
        if self._view is not None:
            raise RuntimeError(
                "Can't detach views in-place. Use detach() instead. If you are using DistributedDataParallel (DDP) for "
                "training, and gradient_as_bucket_view is set as True, gradients are views of DDP buckets, and hence "
                "detach_() cannot be called on these gradients."
            )
        self._node, self._output_nr, self._requires_grad = None, 0, False
        return self

    def retain_grad(self) -> None:
        """Makes backward store the gradient of this computed tensor in ``.grad``."""
        if not self.requires_grad:
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
        node = self.grad_fn
        if node is not None and not self._retains_grad:
            self._retains_grad = True
            hooks.retain_on(node, self._output_nr, self)

    @property
    def retains_grad(self) -> bool:
        """Whether this is a computed tensor whose gradient is stored."""
        return self._retains_grad

    def register_hook(self, hook: Any) -> hooks.RemovableHandle:
        """``hook(grad)`` is called with the gradient of this tensor; a result that is not None replaces it."""
        return hooks.register_tensor_hook(self, hook)

    def register_post_accumulate_grad_hook(self, hook: Any) -> hooks.RemovableHandle:
        """``hook(tensor)`` is called after a gradient was added to a leaf's ``.grad``."""
        if not self.is_leaf:
            raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
        if not self._requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        return hooks.add_hook(self, "_post_accumulate_hooks", hook)

    def backward(
        self, gradient: Any = None, retain_graph: bool | None = None, create_graph: bool = False, inputs: Any = None
    ) -> None:
        """Adds the gradients of this tensor to the ``.grad`` of its leaves; a scalar needs no ``gradient``."""
        engine.backward(self, gradient, retain_graph, create_graph, inputs=inputs)

    # -- to Python, numpy and other dtypes ---------------------------------------------------------------------------

    def item(self) -> Any:
        """The only element, as a Python number."""
        if self._data.size != 1:
            raise RuntimeError(f"a Tensor with {self._data.size} elements cannot be converted to Scalar")
        return self._data.item() if self._data.dtype.kind != "V" else float(self._data.reshape(()))

    def tolist(self) -> Any:
        """Nested lists of Python numbers."""
        return self._data.tolist()

    def numpy(self, *, force: bool = False) -> np.ndarray:
        """A numpy array that shares this tensor's memory; refused while gradients are recorded unless ``force``."""
        if thread.mode.grad and self.requires_grad and not force:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
        return self._data.view()

    def __array__(self, dtype: Any = None, copy: builtin_bool | None = None) -> np.ndarray:
        return np.array(self.numpy(), dtype, copy=copy)

    def __array_wrap__(self, array: np.ndarray, context: Any = None, return_scalar: builtin_bool = False) -> Any:
        """What numpy computed from a Tensor, ``np.sin(x)``, is a Tensor again."""
        return wrap(array)

    __dlpack__ = _dlpack.to_capsule
    __dlpack_device__ = _dlpack.device_of

    def to(
        self,
        *args: Any,
        dtype: Any = None,
        device: Any = None,
        copy: bool = False,
        non_blocking: bool | None = False,
        memory_format: Any = None,
    ) -> Any:
        """As another dtype: ``to(dtype)``, ``to(device, dtype)``, ``to(other)``; itself if nothing changes."""
        for arg in args:
            if isinstance(arg, dtypes.dtype):
                dtype = arg
            elif isinstance(arg, Variable):
                dtype = dtypes.from_numpy_dtype(arg._data.dtype)
            elif isinstance(arg, bool):
                copy, non_blocking = copy or (arg and non_blocking is None), None  # this order, by position
            else:
                check_device(arg)
        check_device(device)
        np_dtype = self._data.dtype if dtype is None else dtypes.as_dtype(dtype).numpy
        return elementwise.to_copy(self, np_dtype, memory_format, copy)

    def type(self, dtype: Any = None) -> Any:
        """The legacy type string (``torch.FloatTensor``), or the tensor as another dtype."""
        if dtype is None:
            return f"torch.{self.dtype.legacy_name}Tensor"
        return self.to(_legacy.dtype_of(dtype))

    def type_as(self, other: Any) -> Any:
        """As the dtype of ``other``."""
        return self.to(other.dtype)

    def cpu(self) -> Tensor:
        """The tensor itself: everything is on the CPU."""
        return self

    def cuda(self, device: Any = None, non_blocking: builtin_bool = False) -> Any:
        """Refused with an AssertionError: there is no such device."""
        return self.to("cuda")

    float = cast("float", dtypes.float32)
    double = cast("double", dtypes.float64)
    half = cast("half", dtypes.float16)
    bfloat16 = cast("bfloat16", dtypes.bfloat16)
    bool = cast("bool", dtypes.bool)
    byte = cast("byte", dtypes.uint8)
    int = cast("int", dtypes.int32)
    long = cast("long", dtypes.int64)
    short = cast("short", dtypes.int16)
    char = cast("char", dtypes.int8)

    def clone(self, *, memory_format: Any = None) -> Any:
        """A copy with memory of its own, in the same order if no other is given, on the tape."""
        order = None if memory_format is None else memory_format.order(self._data.ndim)
        return elementwise.Clone.apply(self, self._data.dtype, order)

    def __bool__(self) -> builtin_bool:
        if self._data.size != 1:
            which = "more than one value" if self._data.size else "no values"
            raise RuntimeError(f"Boolean value of Tensor with {which} is ambiguous")
        return builtin_bool(self._data.item())

    def __float__(self) -> builtin_float:
        return builtin_float(_only_element(self))

    def __int__(self) -> builtin_int:
        return builtin_int(_only_element(self))

    def __index__(self) -> builtin_int:
        if self._data.size != 1 or self._data.dtype.kind not in "iub":
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return builtin_int(self._data.item())

    def __len__(self) -> builtin_int:
        if not self._data.ndim:
            raise TypeError("len() of a 0-d tensor")
        return len(self._data)

    def __iter__(self) -> Any:
        if not self._data.ndim:
            raise TypeError("iteration over a 0-d tensor")
        return iter(shapes.unbind(self, 0))

    def __contains__(self, element: Any) -> builtin_bool:
        if isinstance(element, OPERANDS):
            return builtin_bool((self == element)._data.any())
        raise RuntimeError(f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(element)}.")

    def __format__(self, spec: str) -> str:
        if self._data.ndim == 0:
            return self.item().__format__(spec)
        return object.__format__(self, spec)

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        try:
            node_name = type(self.grad_fn).__name__ if self.grad_fn is not None else None
        except RuntimeError:  # a view that may no longer be used can still be looked at
            node_name = "Invalid"
        return tensor_str(
            self._data,
            dtype_name=repr(self.dtype),
            default_dtype_name=repr(dtypes.get_default_dtype()),
            requires_grad=self.requires_grad,
            grad_fn_name=node_name,
        )

    def __deepcopy__(self, memo: dict) -> Any:
        if not self.is_leaf:
            raise RuntimeError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the "
                "moment.  If you were attempting to deepcopy a module, this may be because of a torch.nn.utils."
                "weight_norm usage, see https://github.com/pytorch/pytorch/pull/103001"
            )
        if id(self) in memo:
            return memo[id(self)]
        import copy

        result = _rebuild(type(self), self._data.copy(order="K"), self._requires_grad, {})
        memo[id(self)] = result
        result.__dict__.update(copy.deepcopy(_user_attributes(self), memo))
        if self._grad is not None:
            result._grad = copy.deepcopy(self._grad, memo)
        return result

    def __copy__(self) -> Any:
        return _rebuild(type(self), self._data.view(), self.requires_grad, _user_attributes(self))

    def __reduce_ex__(self, protocol: Any) -> tuple:
        return _rebuild, (type(self), self._data, self.requires_grad, _user_attributes(self))

    # -- arithmetic --------------------------------------------------------------------------------------------------

    __add__ = __radd__ = short_dunder(arithmetic.add, arithmetic.Add, np.add)
    __sub__ = short_dunder(arithmetic.sub, arithmetic.Sub, np.subtract)
    __rsub__ = short_dunder(arithmetic.rsub, arithmetic.Rsub, np.subtract, reflected=True)
    __mul__ = __rmul__ = short_dunder(arithmetic.mul, arithmetic.Mul, np.multiply)
    __truediv__ = short_dunder(arithmetic.div, arithmetic.Div, np.true_divide)
    __rtruediv__ = dunder(arithmetic.rdiv)
    __floordiv__ = dunder(arithmetic.floor_divide)
    __rfloordiv__ = dunder(arithmetic.floor_divide, reflected=True)
    __mod__ = dunder(arithmetic.remainder)
    __rmod__ = dunder(arithmetic.remainder, reflected=True)
    __pow__ = dunder(arithmetic.pow)
    __rpow__ = dunder(arithmetic.rpow)
    __matmul__ = dunder(linalg.matmul, operands=(Variable, np.ndarray))
    __rmatmul__ = dunder(linalg.matmul, reflected=True, operands=(Variable, np.ndarray))

    def __neg__(self) -> Any:
        if thread.mode.grad or thread.mode.inference or self._data.dtype.kind != "f":
            return elementwise.neg(self)
        return wrap(thread.mode.quietly(np.negative, self._data))

    __pos__ = elementwise.positive
    __abs__ = elementwise.abs
    __eq__ = dunder(elementwise.eq)
    __ne__ = dunder(elementwise.ne)
    __lt__ = dunder(elementwise.lt)
    __le__ = dunder(elementwise.le)
    __gt__ = dunder(elementwise.gt)
    __ge__ = dunder(elementwise.ge)
    __and__ = __rand__ = dunder(elementwise.bitwise_and)
    __or__ = __ror__ = dunder(elementwise.bitwise_or)
    __xor__ = __rxor__ = dunder(elementwise.bitwise_xor)
    __lshift__ = dunder(special.bitwise_left_shift)
    __rlshift__ = dunder(special.bitwise_left_shift, reflected=True)
    __rshift__ = dunder(special.bitwise_right_shift)
    __rrshift__ = dunder(special.bitwise_right_shift, reflected=True)
    __invert__ = elementwise.invert
    __iadd__ = dunder(_inplace.add_)
    __isub__ = dunder(_inplace.sub_)
    __imul__ = dunder(_inplace.mul_)
    __itruediv__ = dunder(_inplace.div_)
    __ifloordiv__ = dunder(_inplace.floor_divide_)
    __imod__ = dunder(_inplace.remainder_)
    __ipow__ = dunder(_inplace.pow_)
    __iand__ = dunder(_inplace.bitwise_and_)
    __ior__ = dunder(_inplace.bitwise_or_)
    __ixor__ = dunder(_inplace.bitwise_xor_)
    __ilshift__ = dunder(_inplace.bitwise_left_shift_)
    __irshift__ = dunder(_inplace.bitwise_right_shift_)
    __getitem__ = indexing.getitem
    __setitem__ = indexing.setitem

    add, sub, mul, div = arithmetic.add, arithmetic.sub, arithmetic.mul, arithmetic.div
    subtract, multiply, divide, true_divide = sub, mul, div, arithmetic.div
    floor_divide, remainder, fmod = arithmetic.floor_divide, arithmetic.remainder, arithmetic.fmod
    pow, square = arithmetic.pow, arithmetic.square
    maximum, minimum, fmax, fmin = arithmetic.maximum, arithmetic.minimum, arithmetic.fmax, arithmetic.fmin
    atan2, hypot, logaddexp, xlogy = arithmetic.atan2, arithmetic.hypot, arithmetic.logaddexp, arithmetic.xlogy
    lerp, addcmul, addcdiv = arithmetic.lerp, arithmetic.addcmul, arithmetic.addcdiv
    arctan2 = atan2

    # -- element by element ------------------------------------------------------------------------------------------

    neg = negative = elementwise.neg
    abs = absolute = elementwise.abs
    positive = elementwise.positive
    exp, exp2, expm1 = elementwise.exp, elementwise.exp2, elementwise.expm1
    log, log2, log10, log1p = elementwise.log, elementwise.log2, elementwise.log10, elementwise.log1p
    sqrt, rsqrt, reciprocal = elementwise.sqrt, elementwise.rsqrt, elementwise.reciprocal
    sin, cos, tan = elementwise.sin, elementwise.cos, elementwise.tan
    asin, acos, atan = elementwise.asin, elementwise.acos, elementwise.atan
    arcsin, arccos, arctan = asin, acos, atan
    sinh, cosh, tanh = elementwise.sinh, elementwise.cosh, elementwise.tanh
    asinh, acosh, atanh = elementwise.asinh, elementwise.acosh, elementwise.atanh
    sigmoid, relu, erf, logit = elementwise.sigmoid, elementwise.relu, elementwise.erf, elementwise.logit
    floor, ceil, round = elementwise.floor, elementwise.ceil, elementwise.round
    trunc, frac, sign = elementwise.trunc, elementwise.frac, elementwise.sign
    fix = trunc
    clamp = clip = elementwise.clamp
    masked_fill, nan_to_num = elementwise.masked_fill, elementwise.nan_to_num
    eq, ne, lt, le, gt, ge = (
        elementwise.eq, elementwise.ne, elementwise.lt, elementwise.le, elementwise.gt, elementwise.ge,
    )  # fmt: skip
    isnan, isinf, isfinite = elementwise.isnan, elementwise.isinf, elementwise.isfinite
    isclose, allclose, equal = elementwise.isclose, elementwise.allclose, elementwise.equal
    logical_and, logical_or = elementwise.logical_and, elementwise.logical_or
    logical_xor, logical_not = elementwise.logical_xor, elementwise.logical_not
    bitwise_and, bitwise_or = elementwise.bitwise_and, elementwise.bitwise_or
    bitwise_xor, bitwise_not = elementwise.bitwise_xor, elementwise.bitwise_not
    not_equal, less, less_equal, greater, greater_equal = ne, lt, le, gt, ge
    arcsinh, arccosh, arctanh = asinh, acosh, atanh
    erfc, erfinv, lgamma, digamma = special.erfc, special.erfinv, special.lgamma, special.digamma
    sinc, sgn, deg2rad, rad2deg = special.sinc, special.sgn, special.deg2rad, special.rad2deg
    copysign, heaviside, nextafter = special.copysign, special.heaviside, special.nextafter
    logaddexp2, ldexp, frexp, float_power = special.logaddexp2, special.ldexp, special.frexp, special.float_power
    clamp_min, clamp_max, gcd, lcm = special.clamp_min, special.clamp_max, special.gcd, special.lcm
    bitwise_left_shift, bitwise_right_shift = special.bitwise_left_shift, special.bitwise_right_shift
    conj, conj_physical, resolve_conj, resolve_neg = special.real, special.real, special.real, special.real
    signbit, isreal, isposinf, isneginf = special.signbit, special.isreal, special.isposinf, special.isneginf
    is_nonzero, is_signed, is_same_size = special.is_nonzero, special.is_signed, special.is_same_size

    def where(self, condition: Any, other: Any) -> Any:
        """self where the condition holds, else other."""
        return elementwise.where(condition, self, other)

    def polygamma(self, n: builtin_int) -> Any:
        """The n-th derivative of digamma."""
        return special.polygamma(n, self)

    # -- reductions --------------------------------------------------------------------------------------------------

    sum, mean, prod = reduction.sum, reduction.mean, reduction.prod
    var, std = reduction.var, reduction.std
    max, min, amax, amin = reduction.max, reduction.min, reduction.amax, reduction.amin
    argmax, argmin = reduction.argmax, reduction.argmin
    all, any, count_nonzero = reduction.all, reduction.any, reduction.count_nonzero
    cumsum, cumprod, logsumexp, norm = reduction.cumsum, reduction.cumprod, reduction.logsumexp, reduction.norm
    softmax, log_softmax = reduction.softmax, reduction.log_softmax
    logcumsumexp = reduction.logcumsumexp
    nansum, nanmean, aminmax = statistics.nansum, statistics.nanmean, statistics.aminmax
    quantile, nanquantile = statistics.quantile, statistics.nanquantile
    cummax, cummin = sorting.cummax, sorting.cummin
    diff, dist, cov, corrcoef = functional.diff, functional.dist, functional.cov, functional.corrcoef
    adjoint, split_with_sizes = functional.adjoint, functional.split_with_sizes
    is_conj = is_neg = functional.is_conj

    # -- order and counts --------------------------------------------------------------------------------------------

    sort, argsort, msort, topk = sorting.sort, sorting.argsort, sorting.msort, sorting.topk
    kthvalue, median, nanmedian, mode = sorting.kthvalue, sorting.median, sorting.nanmedian, sorting.mode
    unique, unique_consecutive = sorting.unique, sorting.unique_consecutive
    bincount, histc, histogram = counting.bincount, counting.histc, counting.histogram

    # -- linear algebra ----------------------------------------------------------------------------------------------

    matmul, mm, bmm, mv, dot, outer = linalg.matmul, linalg.mm, linalg.bmm, linalg.mv, linalg.dot, linalg.outer
    addmm, baddbmm = linalg.addmm, linalg.baddbmm
    ger = outer
    addmv, addr, addbmm, vdot = matrix.addmv, matrix.addr, matrix.addbmm, matrix.vdot
    cross, trace, diag, diagflat = matrix.cross, matrix.trace, matrix.diag, matrix.diagflat
    diag_embed, det, slogdet, logdet = matrix.diag_embed, matrix.det, matrix.slogdet, matrix.logdet
    inverse, matrix_power = matrix.inv, matrix.matrix_power
    inner, kron, svd = einsum.inner, einsum.kron, decomposition.svd

    # -- shape -------------------------------------------------------------------------------------------------------

    T = property(shapes.reverse_dims, doc=shapes.reverse_dims.__doc__)
    mT = property(shapes.matrix_transpose, doc=shapes.matrix_transpose.__doc__)
    H = property(functional.conjugate_transpose, doc=functional.conjugate_transpose.__doc__)
    mH = property(functional.adjoint, doc=functional.adjoint.__doc__)
    real = property(special.real, doc=special.real.__doc__)
    reshape, view, view_as, reshape_as = shapes.reshape, shapes.view, shapes.view_as, shapes.reshape_as
    flatten, unflatten, ravel = shapes.flatten, shapes.unflatten, shapes.ravel
    permute, transpose, t, movedim = shapes.permute, shapes.transpose, shapes.t, shapes.movedim
    swapaxes = swapdims = shapes.transpose
    expand, expand_as, broadcast_to = shapes.expand, shapes.expand_as, shapes.broadcast_to
    sum_to_size, squeeze, unsqueeze = shapes.sum_to_size, shapes.squeeze, shapes.unsqueeze
    diagonal, tril, triu = shapes.diagonal, shapes.tril, shapes.triu
    as_strided, as_strided_ = strides.as_strided, _inplace.as_strided_
    split, chunk, unbind = shapes.split, shapes.chunk, shapes.unbind
    flip, roll, repeat, tile = shapes.flip, shapes.roll, shapes.repeat, shapes.tile
    contiguous, numel, nelement = shapes.contiguous, shapes.numel, shapes.numel
    moveaxis = movedim
    tensor_split, hsplit, vsplit = functional.tensor_split, functional.hsplit, functional.vsplit
    dsplit, rot90, fliplr, flipud = functional.dsplit, functional.rot90, functional.fliplr, functional.flipud
    narrow_copy = functional.narrow_copy

    # -- indexing ----------------------------------------------------------------------------------------------------

    select, narrow = indexing.select, indexing.narrow
    gather, scatter, scatter_add = indexing.gather, indexing.scatter, indexing.scatter_add
    index_select, masked_select, nonzero = indexing.index_select, indexing.masked_select, indexing.nonzero
    index_put = indexing.index_put
    index_add, index_copy, index_fill = scattering.index_add, scattering.index_copy, scattering.index_fill
    take, put, take_along_dim = scattering.take, scattering.put, scattering.take_along_dim
    masked_scatter, repeat_interleave = scattering.masked_scatter, scattering.repeat_interleave
    unfold, argwhere, scatter_reduce = scattering.unfold, scattering.argwhere, scattering.scatter_reduce
    slice_scatter, select_scatter = scattering.slice_scatter, scattering.select_scatter
    diagonal_scatter = scattering.diagonal_scatter

    # -- new tensors like this one -----------------------------------------------------------------------------------

    new_zeros, new_ones, new_empty = creation.new_zeros, creation.new_ones, creation.new_empty
    new_full, new_tensor = creation.new_full, creation.new_tensor

    def new(self, *args: Any, **named: Any) -> Any:
        """What the old constructor of this tensor's type gives: unset values for sizes, or data.

        >>> import minitorch_bn as torch
        >>> torch.ones(1, dtype=torch.int32).new([1, 2])
        tensor([1, 2], dtype=torch.int32)
        """
        return _legacy.new(self.dtype, args, named)

    bernoulli, multinomial = creation.bernoulli, creation.multinomial

    # -- in place ----------------------------------------------------------------------------------------------------

    add_, sub_, mul_, div_ = _inplace.add_, _inplace.sub_, _inplace.mul_, _inplace.div_
    floor_divide_, remainder_, fmod_ = _inplace.floor_divide_, _inplace.remainder_, _inplace.fmod_
    pow_, square_, neg_, abs_ = _inplace.pow_, _inplace.square_, _inplace.neg_, _inplace.abs_
    exp_, log_, sqrt_, rsqrt_ = _inplace.exp_, _inplace.log_, _inplace.sqrt_, _inplace.rsqrt_
    reciprocal_, sigmoid_, tanh_, relu_ = _inplace.reciprocal_, _inplace.sigmoid_, _inplace.tanh_, _inplace.relu_
    sin_, cos_, floor_, ceil_ = _inplace.sin_, _inplace.cos_, _inplace.floor_, _inplace.ceil_
    round_, trunc_, sign_ = _inplace.round_, _inplace.trunc_, _inplace.sign_
    clamp_ = clip_ = _inplace.clamp_
    addcmul_, addcdiv_, lerp_ = _inplace.addcmul_, _inplace.addcdiv_, _inplace.lerp_
    copy_, fill_, zero_, masked_fill_ = _inplace.copy_, _inplace.fill_, _inplace.zero_, _inplace.masked_fill_
    scatter_, scatter_add_ = _inplace.scatter_, _inplace.scatter_add_
    uniform_, normal_, random_ = _inplace.uniform_, _inplace.normal_, _inplace.random_
    bernoulli_, exponential_ = _inplace.bernoulli_, _inplace.exponential_
    acos_, acosh_, asin_, asinh_ = _inplace.acos_, _inplace.acosh_, _inplace.asin_, _inplace.asinh_
    atan_, atanh_, cosh_, sinh_ = _inplace.atan_, _inplace.atanh_, _inplace.cosh_, _inplace.sinh_
    tan_, erf_, erfc_, erfinv_ = _inplace.tan_, _inplace.erf_, _inplace.erfc_, _inplace.erfinv_
    exp2_, expm1_, log10_, log1p_ = _inplace.exp2_, _inplace.expm1_, _inplace.log10_, _inplace.log1p_
    log2_, lgamma_, digamma_, sinc_ = _inplace.log2_, _inplace.lgamma_, _inplace.digamma_, _inplace.sinc_
    deg2rad_, rad2deg_, sgn_, frac_ = _inplace.deg2rad_, _inplace.rad2deg_, _inplace.sgn_, _inplace.frac_
    logit_, nan_to_num_, atan2_, hypot_ = _inplace.logit_, _inplace.nan_to_num_, _inplace.atan2_, _inplace.hypot_
    xlogy_, copysign_, heaviside_, ldexp_ = _inplace.xlogy_, _inplace.copysign_, _inplace.heaviside_, _inplace.ldexp_
    nextafter_, float_power_, clamp_min_ = _inplace.nextafter_, _inplace.float_power_, _inplace.clamp_min_
    clamp_max_, gcd_, lcm_, bitwise_and_ = _inplace.clamp_max_, _inplace.gcd_, _inplace.lcm_, _inplace.bitwise_and_
    bitwise_or_, bitwise_xor_, bitwise_not_ = _inplace.bitwise_or_, _inplace.bitwise_xor_, _inplace.bitwise_not_
    bitwise_left_shift_, bitwise_right_shift_ = _inplace.bitwise_left_shift_, _inplace.bitwise_right_shift_
    eq_, ne_, lt_, le_ = _inplace.eq_, _inplace.ne_, _inplace.lt_, _inplace.le_
    gt_, ge_, logical_and_, logical_or_ = _inplace.gt_, _inplace.ge_, _inplace.logical_and_, _inplace.logical_or_
    logical_xor_, logical_not_, cumsum_ = _inplace.logical_xor_, _inplace.logical_not_, _inplace.cumsum_
    cumprod_, tril_, triu_, addmm_ = _inplace.cumprod_, _inplace.tril_, _inplace.triu_, _inplace.addmm_
    baddbmm_, addmv_, addr_, addbmm_ = _inplace.baddbmm_, _inplace.addmv_, _inplace.addr_, _inplace.addbmm_
    index_put_, index_add_, index_copy_ = _inplace.index_put_, _inplace.index_add_, _inplace.index_copy_
    index_fill_, put_, masked_scatter_ = _inplace.index_fill_, _inplace.put_, _inplace.masked_scatter_
    scatter_reduce_, fill_diagonal_, apply_ = _inplace.scatter_reduce_, _inplace.fill_diagonal_, _inplace.apply_
    squeeze_, unsqueeze_, transpose_, t_ = _inplace.squeeze_, _inplace.unsqueeze_, _inplace.transpose_, _inplace.t_
    polygamma_, resize_, resize_as_ = _inplace.polygamma_, _resizing.resize_, _resizing.resize_as_
    hardshrink, prelu = activation.hardshrink, activation.prelu
    negative_, absolute_, fix_, subtract_, multiply_, divide_ = neg_, abs_, trunc_, sub_, mul_, div_
    true_divide_, arctan2_, swapaxes_, swapdims_ = div_, atan2_, transpose_, transpose_
    arcsin_, arccos_, arctan_, arcsinh_, arccosh_, arctanh_ = asin_, acos_, atan_, asinh_, acosh_, atanh_
    not_equal_, less_, less_equal_, greater_, greater_equal_ = ne_, lt_, le_, gt_, ge_


def _checked_dim(dim: int, ndim: int) -> int:
    if not ndim:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    return canonical_dim(dim, ndim)


def _only_element(tensor: Tensor) -> Any:
    if tensor._data.size != 1:
        raise ValueError("only one element tensors can be converted to Python scalars")
    return tensor.item()


def _user_attributes(tensor: Tensor) -> dict:
    """What users hung onto the tensor: copied along; gradients and hooks are not."""
    return {k: v for k, v in tensor.__dict__.items() if not hasattr(Variable, k)}


def _rebuild(cls: type, data: np.ndarray, requires_grad: bool, attributes: dict) -> Any:
    """Makes a copy or unpickled tensor of the same class."""
    result = wrap(data)
    if cls is not Tensor:
        result = result.as_subclass(cls) if hasattr(result, "as_subclass") else cls(result, requires_grad)
    result._requires_grad = requires_grad
    result.__dict__.update(attributes)
    return result


for _name in METHODS.split():
    setattr(Tensor, _name, AbsentMethod(_name))

set_tensor_class(Tensor)
random.Generator.device = CPU
random.wrap_states(wrap, lambda state: getattr(state, "_data", state))
