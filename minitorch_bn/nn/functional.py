"""What PyTorch's ``nn.functional`` offers, gathered from the families of operators where it is written."""

from typing import TYPE_CHECKING

from minitorch_bn._scope import refusing
from minitorch_bn.ops.activation import (
    celu,
    celu_,
    dropout,
    dropout1d,
    dropout2d,
    dropout3d,
    elu,
    elu_,
    gelu,
    glu,
    hardshrink,
    hardsigmoid,
    hardswish,
    hardtanh,
    hardtanh_,
    leaky_relu,
    leaky_relu_,
    log_softmax,
    logsigmoid,
    mish,
    prelu,
    relu,
    relu6,
    relu_,
    selu,
    selu_,
    silu,
    softmax,
    softmin,
    softplus,
    softshrink,
    softsign,
    tanhshrink,
    threshold,
    threshold_,
)
from minitorch_bn.ops.batch_norm import batch_norm
from minitorch_bn.ops.conv import (
    conv1d,
    conv2d,
    conv3d,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
)
from minitorch_bn.ops.distance import cosine_similarity, normalize, pairwise_distance
from minitorch_bn.ops.elementwise import sigmoid, tanh
from minitorch_bn.ops.embedding import embedding, one_hot
from minitorch_bn.ops.fold import fold, unfold
from minitorch_bn.ops.linalg import linear
from minitorch_bn.ops.loss import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    hinge_embedding_loss,
    huber_loss,
    kl_div,
    l1_loss,
    margin_ranking_loss,
    mse_loss,
    nll_loss,
    smooth_l1_loss,
)
from minitorch_bn.ops.normalization import group_norm, instance_norm, layer_norm, rms_norm
from minitorch_bn.ops.padding import pad
from minitorch_bn.ops.pixel_shuffle import pixel_shuffle, pixel_unshuffle
from minitorch_bn.ops.pooling import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    adaptive_max_pool3d,
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    max_pool1d,
    max_pool2d,
    max_pool3d,
)

__all__ = [
    "batch_norm",
    "group_norm",
    "instance_norm",
    "layer_norm",
    "rms_norm",
    # activations
    "relu",
    "relu_",
    "relu6",
    "leaky_relu",
    "leaky_relu_",
    "prelu",
    "elu",
    "elu_",
    "celu",
    "celu_",
    "selu",
    "selu_",
    "gelu",
    "silu",
    "mish",
    "sigmoid",
    "logsigmoid",
    "hardsigmoid",
    "hardswish",
    "tanh",
    "hardtanh",
    "hardtanh_",
    "tanhshrink",
    "hardshrink",
    "softshrink",
    "softplus",
    "softsign",
    "threshold",
    "threshold_",
    "glu",
    "softmax",
    "softmin",
    "log_softmax",
    # dropout
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    # linear and embedding
    "linear",
    "embedding",
    "one_hot",
    # distance
    "cosine_similarity",
    "normalize",
    "pairwise_distance",
    # convolution
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "fold",
    "unfold",
    # pooling
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "adaptive_max_pool3d",
    "pixel_shuffle",
    "pixel_unshuffle",
    # padding
    "pad",
    # losses
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "hinge_embedding_loss",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "margin_ranking_loss",
    "mse_loss",
    "nll_loss",
    "smooth_l1_loss",
]

if not TYPE_CHECKING:  # to a type checker, what is not listed is not there
    __getattr__ = refusing(__name__)
