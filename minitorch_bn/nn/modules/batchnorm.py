"""Batch Normalization layers: state, checks and ``forward``. The mathematics is in ``minitorch_bn.ops.batch_norm``."""

from __future__ import annotations

from typing import Any, ClassVar

from minitorch_bn import creation, dtypes
from minitorch_bn.autograd.variable import Variable
from minitorch_bn.nn import init
from minitorch_bn.nn.modules._batchnorm_checks import check_configuration, refuse_dim
from minitorch_bn.nn.modules._registered import registered
from minitorch_bn.nn.modules._running_stats import take_in
from minitorch_bn.nn.modules.module import Module
from minitorch_bn.nn.parameter import Parameter
from minitorch_bn.ops._batch_norm_checks import expanded_mask
from minitorch_bn.ops.batch_norm import normalized
from minitorch_bn.ops.elementwise import rectified
from minitorch_bn.ops.shape import cat


class _NormBase(Module):
    """Parameters, running estimates and how they are saved; shared by all normalisations that keep such estimates.

    ``momentum`` is the weight of the new batch: running = (1 - momentum) running + momentum batch. None averages over
    all batches equally. The variance that normalises is the biased one; what ``running_var`` follows is the unbiased.
    """

    _tells_its_place = True
    _frozen = False  # set by nn.utils.freeze
    __constants__: ClassVar = ["track_running_stats", "momentum", "eps", "num_features", "affine"]
    _version = 2  # 2: num_batches_tracked is part of the state

    num_features: int
    eps: float
    momentum: float | None
    affine: bool
    track_running_stats: bool
    weight: Any = registered()
    bias: Any = registered()
    running_mean: Any = registered()
    running_var: Any = registered()
    num_batches_tracked: Any = registered()

    def __init__(
        self,
        num_features: int,
        eps: float,
        momentum: float | None,
        affine: bool,
        track_running_stats: bool,
        device: Any,
        dtype: dtypes.dtype | None,
        bias: bool,
    ) -> None:
        super().__init__()
        check_configuration(num_features, eps, momentum)
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        made: dict[str, Any] = {"device": device, "dtype": dtype}
        self.register_parameter("weight", Parameter(creation.empty(num_features, **made)) if affine else None)
        self.register_parameter("bias", Parameter(creation.empty(num_features, **made)) if affine and bias else None)
        self.register_buffer("running_mean", creation.zeros(num_features, **made) if track_running_stats else None)
        self.register_buffer("running_var", creation.ones(num_features, **made) if track_running_stats else None)
        count = creation.tensor(0, dtype=dtypes.int64) if track_running_stats else None
        self.register_buffer("num_batches_tracked", count)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Running mean 0, running variance 1, no batch counted; nothing without running estimates."""
        if self.track_running_stats:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Also weight 1 and bias 0."""
        self.reset_running_stats()
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def _check_input_dim(self, input: Any) -> None:
        raise NotImplementedError

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )

    def _load_from_state_dict(
        self, state_dict: dict, prefix: str, local_metadata: dict, strict: bool, *reports: list[str]
    ) -> None:
        version = local_metadata.get("version")
        if (version is None or version < 2) and self.track_running_stats:
            # Before version 2 no batches were counted: such a state leaves the count as it is.
            key = prefix + "num_batches_tracked"
            if key not in state_dict:
                count = self.num_batches_tracked
                state_dict[key] = creation.tensor(0, dtype=dtypes.int64) if count is None else count
        super()._load_from_state_dict(state_dict, prefix, local_metadata, strict, *reports)


class _BatchNorm(_NormBase):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: dtypes.dtype | None = None,
        *,
        bias: bool = True,
        channel_dim: int = 1,
        virtual_batch_size: int | None = None,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias)
        if virtual_batch_size is not None and virtual_batch_size < 1:
            raise ValueError(f"virtual_batch_size must be at least 1, but got {virtual_batch_size}")
        self.channel_dim = channel_dim
        self.virtual_batch_size = virtual_batch_size

    def forward(self, input: Any, mask: Any = None) -> Any:
        """Normalises with the batch's own statistics in training (or without running estimates), else with those.

        Where a boolean ``mask``, which broadcasts to the input, is False, a value takes no part and the output is 0.
        """
        return self._forward(input, mask)

    def _forward(self, input: Any, mask: Any, relu: Any = None) -> Any:
        """The output, or that of the ReLU behind this layer."""
        self._check_input_dim(input)
        mean, var = self.running_mean, self.running_var
        training = self.training and not self._frozen
        use_batch = training or (mean is None and var is None)
        if training and not self.track_running_stats:
            mean = var = None
        options, axis = (mean, var, self.weight, self.bias, use_batch, self.eps), self.channel_dim
        size, rectify = self.virtual_batch_size, False
        if size is None or not training or size >= input.shape[0]:
            rectify = relu is not None and axis == 1 and isinstance(input, Variable) and input._data.dtype.char in "fd"
            output, batch = normalized(input, options, mask, axis, rectify)
            batches = [batch]
        else:
            rows = self._virtual_batches(input, size)
            parts = [normalized(input[some], options, _rows_of(mask, input, some), axis) for some in rows]
            output, batches = cat([y for y, _ in parts]), [batch for _, batch in parts]
        if training and self.track_running_stats:
            for batch in batches:
                take_in(self, batch, mean, var)
        if relu is None:
            return output
        return rectified(output, relu.inplace) if rectify else relu(output)

    def _virtual_batches(self, input: Any, size: int) -> list[slice]:
        """Slices of a training batch; the last may be smaller, unless it would be left with one value per channel."""
        samples = input.shape[0]
        starts = list(range(0, samples, size))
        if samples - starts[-1] == 1 and input.numel() == samples * input.shape[self.channel_dim]:
            starts.pop()
        return [slice(start, stop) for start, stop in zip(starts, [*starts[1:], samples])]

    def _averaging_factor(self) -> float:
        """The weight of this batch in the running estimates."""
        if self.momentum is not None:
            return self.momentum
        if self.num_batches_tracked is None:
            return 0.0
        return 1.0 / (self.num_batches_tracked.item() + 1)

    def extra_repr(self) -> str:
        text = super().extra_repr()
        if self.channel_dim != 1:
            text += f", channel_dim={self.channel_dim}"
        return text if self.virtual_batch_size is None else f"{text}, virtual_batch_size={self.virtual_batch_size}"


class BatchNorm1d(_BatchNorm):
    r"""Batch Normalization of (N, C) or (N, C, L): y = weight (x - mean) / sqrt(var + eps) + bias for each channel C.

    In training mean and (biased) variance are the batch's, and running estimates follow them; in evaluation the
    running estimates are used. ``num_features`` is C; ``eps`` >= 0 is added to the variance; ``momentum`` is the weight
    of the new batch (None: a plain average over all batches); ``affine=False`` leaves out weight and bias,
    ``bias=False`` the bias alone; ``track_running_stats=False`` uses the batch's statistics in evaluation too.
    Parameters and buffers have the ``dtype`` given (default: the default dtype). ``state_dict()`` holds the live
    buffers: copy it to keep a snapshot.

    Raises ValueError for input of other dimensions or with one value per channel in training, RuntimeError for a wrong
    number of channels. Source: Ioffe and Szegedy (2015), https://arxiv.org/abs/1502.03167.

    Beyond PyTorch: ``forward(x, mask)`` leaves out the values where a boolean mask is False; ``channel_dim`` says where
    the channels are (-1: last); ``virtual_batch_size`` splits a training batch into ghost batches of that many samples,
    each normalised by itself and folded into the running estimates in turn (Hoffer et al., 2017,
    https://arxiv.org/abs/1705.08741).

    >>> import minitorch_bn as torch
    >>> bn = torch.nn.BatchNorm1d(2)
    >>> bn(torch.tensor([[1.0, 10.0], [3.0, 30.0]]))
    tensor([[-1.0000, -1.0000],
            [ 1.0000,  1.0000]], grad_fn=<NativeBatchNormBackward0>)
    >>> bn.running_mean, bn.running_var, bn.num_batches_tracked
    (tensor([0.2000, 2.0000]), tensor([ 1.1000, 20.9000]), tensor(1))
    >>> x = torch.tensor([[1.0, 10.0], [3.0, 30.0], [99.0, 99.0]])
    >>> bn(x, mask=torch.tensor([[True], [True], [False]]))
    tensor([[-1.0000, -1.0000],
            [ 1.0000,  1.0000],
            [ 0.0000,  0.0000]], grad_fn=<NativeBatchNormBackward0>)
    """

    def _check_input_dim(self, input: Any) -> None:
        if input.dim() not in (2, 3):
            refuse_dim("2D or 3D", "(N, C) or (N, C, L)", input)


class BatchNorm2d(_BatchNorm):
    """Batch Normalization of (N, C, H, W), over N, H and W of each channel C; otherwise as ``BatchNorm1d``.

    >>> import minitorch_bn as torch
    >>> torch.nn.BatchNorm2d(3, momentum=None)(torch.randn(2, 3, 4, 4)).shape
    torch.Size([2, 3, 4, 4])

    With the channels last, and each half of the batch normalised by itself:

    >>> bn = torch.nn.BatchNorm2d(3, channel_dim=-1, virtual_batch_size=2)
    >>> y = bn(torch.randn(4, 5, 5, 3)); y.shape, bn.num_batches_tracked.item()
    (torch.Size([4, 5, 5, 3]), 2)
    >>> torch.allclose(y[:2].mean((0, 1, 2)), torch.zeros(3), atol=1e-6)
    True
    """

    def _check_input_dim(self, input: Any) -> None:
        if input.dim() != 4:
            refuse_dim("4D", "(N, C, H, W)", input)


class BatchNorm3d(_BatchNorm):
    """Batch Normalization of (N, C, D, H, W), over N, D, H and W of each channel C; otherwise as ``BatchNorm1d``.

    >>> import minitorch_bn as torch
    >>> torch.nn.BatchNorm3d(3)(torch.randn(2, 3, 4, 4, 4)).shape
    torch.Size([2, 3, 4, 4, 4])
    """

    def _check_input_dim(self, input: Any) -> None:
        if input.dim() != 5:
            refuse_dim("5D", "(N, C, D, H, W)", input)


def _rows_of(mask: Any, input: Any, rows: slice) -> Any:
    """The part of a mask, which may broadcast, that belongs to some samples of the input."""
    return None if mask is None else expanded_mask(mask, input)[rows]


def __getattr__(name: str) -> Any:
    """The kinds that PyTorch has in this file too: lazy and synchronised layers."""
    from minitorch_bn.nn.modules import batchnorm_kinds

    if name in batchnorm_kinds.__all__:
        return getattr(batchnorm_kinds, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
