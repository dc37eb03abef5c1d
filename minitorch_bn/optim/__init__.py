"""Optimizers and learning rate schedules, as ``torch.optim``."""

from typing import TYPE_CHECKING

from minitorch_bn._scope import refusing
from minitorch_bn.optim import lr_scheduler, swa_utils
from minitorch_bn.optim.adadelta import Adadelta
from minitorch_bn.optim.adagrad import Adagrad
from minitorch_bn.optim.adam import Adam
from minitorch_bn.optim.adamw import AdamW
from minitorch_bn.optim.optimizer import Optimizer
from minitorch_bn.optim.rmsprop import RMSprop
from minitorch_bn.optim.sgd import SGD

__all__ = ["Adadelta", "Adagrad", "Adam", "AdamW", "Optimizer", "RMSprop", "SGD", "lr_scheduler", "swa_utils"]

if not TYPE_CHECKING:  # to a type checker, what is not listed is not there
    __getattr__ = refusing(__name__)
