"""The import statements of PyTorch programs, with nothing changed but the package's name."""

from __future__ import annotations

import pytest

FORMS = """
import torch.nn as nn
import torch.nn.functional as F
import torch.nn.init as init
import torch.optim as optim
import torch.utils.data as data
import torch.backends.cudnn as cudnn
import torch.autograd as autograd
import torch.linalg
from torch import nn, optim, autograd, cuda, Tensor, tensor, device, dtype, Size, Generator, manual_seed, no_grad
from torch import einsum, float32, float64, int64, long, bool, FloatTensor, LongTensor, vmap, __version__, save, load
from torch._tensor import Tensor
from torch.types import Number, Device, FileLike, _size
from torch.version import __version__
from torch.serialization import save, load
from torch.random import manual_seed, fork_rng
from torch.cuda import is_available
from torch.backends import cudnn
from torch.linalg import norm, vector_norm
from torch.func import vmap, grad, vjp, jvp, jacrev, jacfwd, hessian, functional_call
from torch.testing import assert_close
from torch.autograd import Variable, Function, gradcheck, gradgradcheck, grad, backward, detect_anomaly
from torch.autograd.variable import Variable
from torch.autograd.function import Function, once_differentiable
from torch.autograd.gradcheck import gradcheck, gradgradcheck
from torch.autograd.functional import vjp, jvp, jacobian, hessian
from torch.nn import init, functional, Parameter, Module, Sequential, ModuleList
from torch.nn.parameter import Parameter, Buffer, UninitializedParameter
from torch.nn.common_types import _size_1_t, _size_2_t, _size_3_t, _size_any_t
from torch.nn.init import xavier_uniform_, kaiming_normal_, calculate_gain, _calculate_fan_in_and_fan_out
from torch.nn.modules.utils import _single, _pair, _triple, _quadruple, _ntuple, _reverse_repeat_tuple
from torch.nn.modules.module import Module
from torch.nn.modules.container import Sequential, ModuleList, ModuleDict, ParameterList
from torch.nn.modules.linear import Linear, Identity, LazyLinear
from torch.nn.modules.conv import Conv2d, ConvTranspose2d, _ConvNd, _ConvTransposeNd
from torch.nn.modules.pooling import MaxPool2d, AdaptiveAvgPool2d, _MaxPoolNd, _AvgPoolNd
from torch.nn.modules.batchnorm import BatchNorm2d, LazyBatchNorm2d, SyncBatchNorm, _BatchNorm, _NormBase
from torch.nn.modules.instancenorm import InstanceNorm2d, _InstanceNorm
from torch.nn.modules.normalization import GroupNorm, LayerNorm, RMSNorm
from torch.nn.modules.dropout import Dropout, _DropoutNd
from torch.nn.modules.padding import ZeroPad2d, ReflectionPad2d
from torch.nn.modules.activation import ReLU, Softmax
from torch.nn.modules.loss import _Loss, _WeightedLoss, CrossEntropyLoss
from torch.nn.modules.lazy import LazyModuleMixin
from torch.nn.modules.flatten import Flatten, Unflatten
from torch.nn.modules.sparse import Embedding
from torch.nn.utils import clip_grad_norm_, clip_grad_value_, parameters_to_vector, vector_to_parameters
from torch.nn.utils.clip_grad import clip_grad_norm_
from torch.nn.utils.convert_parameters import parameters_to_vector
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval
from torch.optim import SGD, Adam, AdamW, RMSprop, Adagrad, Adadelta, Optimizer, lr_scheduler, swa_utils
from torch.optim.optimizer import Optimizer, required, ParamsT
from torch.optim.sgd import SGD
from torch.optim.lr_scheduler import LRScheduler, _LRScheduler, StepLR, OneCycleLR, ReduceLROnPlateau
from torch.optim.swa_utils import AveragedModel, SWALR, update_bn
from torch.utils import data
from torch.utils.data import Dataset, DataLoader, TensorDataset, Subset, ConcatDataset, random_split
from torch.utils.data.dataset import Dataset, IterableDataset
from torch.utils.data.dataloader import DataLoader, default_collate
from torch.utils.data.sampler import Sampler, SubsetRandomSampler, WeightedRandomSampler
from torch.utils.data._utils.collate import default_collate
from torch.utils.checkpoint import checkpoint
from torch.utils.hooks import RemovableHandle
from torch.utils.dlpack import from_dlpack, to_dlpack
""".strip().splitlines()


@pytest.mark.parametrize("form", FORMS)
def test_the_import_works(form):
    exec(form.replace("torch", "minitorch_bn", 1), {})


LEFT_OUT = [
    *("nn.LSTM", "nn.Transformer", "nn.MultiheadAttention", "nn.modules.GRU", "nn.functional.interpolate"),
    *("nn.functional.scaled_dot_product_attention", "nn.utils.prune", "nn.utils.stateless", "nn.utils.rnn"),
    *(
        "optim.LBFGS",
        "utils.model_zoo",
        "cuda.amp",
        "autograd.forward_ad",
        "utils.data.DistributedSampler",
        "sparse",
        "fft",
        "jit",
        "distributions",
    ),
]


@pytest.mark.parametrize("name", LEFT_OUT)
def test_what_is_left_out_says_so(name):
    import minitorch_bn

    path, _, last = f"minitorch_bn.{name}".rpartition(".")
    parent = minitorch_bn
    for part in path.split(".")[1:]:
        parent = getattr(parent, part)
    with pytest.raises(AttributeError, match=f"module '{path}' has no attribute '{last}': it is out of scope here"):
        getattr(parent, last)


@pytest.mark.parametrize("name", ["to_sparse", "imag", "dequantize", "stft"])
def test_methods_that_are_left_out_say_so(name):
    import minitorch_bn

    for tensor in (minitorch_bn.ones(1), minitorch_bn.nn.Parameter(minitorch_bn.ones(1))):
        kind = type(tensor).__name__
        with pytest.raises(AttributeError, match=f"'{kind}' object has no attribute '{name}': it is out of scope here"):
            getattr(tensor, name)
        with pytest.raises(AttributeError, match=f"^'{kind}' object has no attribute 'fooo'$"):
            tensor.fooo


@pytest.mark.parametrize(
    "made", ["tensor([1j])", "full((2,), 1j)", "ones(2) * 1j", "1j - ones(2)", "zeros(2, dtype=complex)"]
)
def test_complex_numbers_say_so(made):
    import minitorch_bn

    with pytest.raises(NotImplementedError, match="complex numbers are out of scope here"):
        eval(made, {name: getattr(minitorch_bn, name) for name in ("tensor", "full", "ones", "zeros")})


@pytest.mark.parametrize("place", ["nn", "nn.functional", "nn.utils", "optim", "utils", "utils.data"])
def test_a_typing_error_is_only_that(place):
    import importlib

    with pytest.raises(AttributeError) as caught:
        importlib.import_module(f"minitorch_bn.{place}").Lineer
    assert str(caught.value) == f"module 'minitorch_bn.{place}' has no attribute 'Lineer'"


def test_the_writer_for_tensorboard_is_refused():
    from minitorch_bn.utils.tensorboard import SummaryWriter

    with pytest.raises(NotImplementedError, match="out of scope"):
        SummaryWriter("runs")
