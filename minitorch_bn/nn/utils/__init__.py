"""Helpers around parameters, gradients and normalisation layers, as ``torch.nn.utils``."""

from typing import TYPE_CHECKING

from minitorch_bn._scope import refusing
from minitorch_bn.nn.utils import fusion, parametrizations, parametrize
from minitorch_bn.nn.utils._before_each_call import (
    remove_spectral_norm,
    remove_weight_norm,
    skip_init,
    spectral_norm,
    weight_norm,
)
from minitorch_bn.nn.utils.clip_grad import (
    clip_grad_norm,
    clip_grad_norm_,
    clip_grad_value_,
    clip_grads_with_norm_,
    get_total_norm,
)
from minitorch_bn.nn.utils.convert_parameters import parameters_to_vector, vector_to_parameters
from minitorch_bn.nn.utils.freezing import freeze, freeze_stats, unfreeze
from minitorch_bn.nn.utils.fusion import (
    fuse,
    fuse_conv_bn_eval,
    fuse_conv_bn_weights,
    fuse_linear_bn_eval,
    fuse_linear_bn_weights,
)
from minitorch_bn.nn.utils.interop import batchnorm_from_flax, batchnorm_from_keras

__all__ = [
    # gradients
    "clip_grad_norm",
    "clip_grad_norm_",
    "clip_grad_value_",
    "clip_grads_with_norm_",
    "get_total_norm",
    # parameters as one vector
    "parameters_to_vector",
    "vector_to_parameters",
    # parameters that are computed from others
    "parametrizations",
    "parametrize",
    "remove_spectral_norm",
    "remove_weight_norm",
    "skip_init",
    "spectral_norm",
    "weight_norm",
    # freezing
    "freeze",
    "freeze_stats",
    "unfreeze",
    # folding BatchNorm into the layer before it
    "fuse",
    "fuse_conv_bn_eval",
    "fuse_conv_bn_weights",
    "fuse_linear_bn_eval",
    "fuse_linear_bn_weights",
    "fusion",
    # reading layers of other frameworks
    "batchnorm_from_flax",
    "batchnorm_from_keras",
]

if not TYPE_CHECKING:  # to a type checker, what is not listed is not there
    __getattr__ = refusing(__name__)
