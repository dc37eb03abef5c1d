"""What PyTorch has and this library leaves out: asking for it says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_REASON = (
    "it is out of scope here, as are complex and quantised numbers, sparse tensors, FFT, recurrent and attention "
    "layers, torch.compile, JIT and CUDA"
)

# Complex and quantised numbers, sparse tensors, Fourier transforms, compilers, recurrent layers, graphics cards.
_BEGINNINGS = (
    "complex", "cfloat", "cdouble", "chalf", "view_as_complex", "view_as_real", "polar", "imag", "angle", "qint",
    "quint", "quantize", "quantization", "ao", "dequantize", "q_", "sparse", "hsmm", "smm", "spmm", "fft", "stft",
    "istft", "hann_window", "hamming_window", "compile", "jit", "export", "onnx", "fx", "rnn_", "lstm", "gru", "mps",
    "xpu", "mtia", "float8", "distributions", "distributed", "hub", "multiprocessing", "profiler", "amp", "autocast",
    "nested", "masked", "signal", "package", "library", "overrides", "special",
)  # fmt: skip

_LAYERS = """
    AdaptiveLogSoftmaxWithLoss AlphaDropout Bilinear CTCLoss ChannelShuffle Container CosineEmbeddingLoss CrossMapLRN2d
    DataParallel EmbeddingBag FeatureAlphaDropout FractionalMaxPool2d FractionalMaxPool3d GRU GRUCell GaussianNLLLoss
    LPPool1d LPPool2d LPPool3d LSTM LSTMCell LinearCrossEntropyLoss LocalResponseNorm MaxUnpool1d MaxUnpool2d
    MaxUnpool3d MultiLabelMarginLoss MultiLabelSoftMarginLoss MultiMarginLoss MultiheadAttention NLLLoss2d
    PoissonNLLLoss RNN RNNBase RNNCell RNNCellBase RReLU SoftMarginLoss Transformer TransformerDecoder
    TransformerDecoderLayer TransformerEncoder TransformerEncoderLayer TripletMarginLoss
    TripletMarginWithDistanceLoss Upsample UpsamplingBilinear2d UpsamplingNearest2d attention intrinsic parallel qat
    quantizable quantized
"""

_NAMES = {
    "nn": _LAYERS,
    "nn.modules": _LAYERS,
    "nn.functional": """
        affine_grid alpha_dropout bilinear channel_shuffle conv_tbc cosine_embedding_loss ctc_loss embedding_bag
        feature_alpha_dropout fractional_max_pool2d fractional_max_pool3d gaussian_nll_loss grid_sample gumbel_softmax
        interpolate linear_cross_entropy local_response_norm lp_pool1d lp_pool2d lp_pool3d max_unpool1d max_unpool2d
        max_unpool3d multi_head_attention_forward multi_margin_loss multilabel_margin_loss
        multilabel_soft_margin_loss pdist poisson_nll_loss rrelu rrelu_ scaled_dot_product_attention soft_margin_loss
        triplet_margin_loss triplet_margin_with_distance_loss upsample upsample_bilinear upsample_nearest
    """,
    "nn.utils": """
        prune rnn stateless
    """,
    "autograd": "forward_ad profiler",
    "cuda": "CUDAGraph Event Stream amp graphs nvtx profiler stream",
    "optim": "ASGD Adafactor Adamax LBFGS Muon NAdam RAdam Rprop SparseAdam",
    "utils": "benchmark bottleneck collect_env cpp_extension mobile_optimizer model_zoo tensorboard",
    "utils.data": "DistributedSampler IterDataPipe MapDataPipe datapipes",
}


# Methods of Tensor.
METHODS = """
    to_sparse to_sparse_bsc to_sparse_bsr to_sparse_coo to_sparse_csc to_sparse_csr to_dense to_mkldnn to_padded_tensor
    sparse_dim sparse_mask sparse_resize_ sparse_resize_and_clear_ coalesce is_coalesced indices crow_indices
    ccol_indices col_indices row_indices qscheme q_scale q_zero_point q_per_channel_axis q_per_channel_scales
    q_per_channel_zero_points int_repr dequantize cfloat cdouble chalf imag angle stft istft ipu xpu
"""


class AbsentMethod:
    """A method that PyTorch's tensors have and those of this library have not.

    Python finds it where it looks for any attribute. A ``__getattr__`` of the class would say the same, and slow down
    every attribute of every tensor: Python reads those faster while a class has none.

    >>> import minitorch_bn as torch
    >>> hasattr(torch.ones(1), "to_sparse")
    False
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, tensor: object, kind: type) -> Any:
        text = f"{kind.__name__!r} object has no attribute {self.name!r}: {_REASON}"
        raise AttributeError(text, name=self.name, obj=kind if tensor is None else tensor)


def absent(module: str, name: str) -> AttributeError:
    """The error for a name that a module of this library has not; it tells if PyTorch has it.

    >>> absent("minitorch_bn.nn", "LSTM").args[0][:70]
    "module 'minitorch_bn.nn' has no attribute 'LSTM': it is out of scope h"
    """
    path = module.partition(".")[2]
    known = name in _NAMES[path].split() if path else name.startswith(_BEGINNINGS)
    return AttributeError(f"module {module!r} has no attribute {name!r}" + (f": {_REASON}" if known else ""))


def refusing(module: str) -> Callable[[str], Any]:
    """A module's ``__getattr__``, which Python asks for the names that are not there."""

    def __getattr__(name: str) -> Any:
        raise absent(module, name)

    return __getattr__
