"""Where the statistics of a training batch go: into the layer's running estimates, or to whoever asked for them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from minitorch_bn.ops.batch_norm import Statistics, fold

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Receiver = Callable[[Statistics], Any]

# Kept beside the layers, not in them: a copy of a layer made meanwhile is a layer of its own. The tuples are replaced,
# never changed, so that reading needs no lock.
_receivers: dict[Any, tuple[Receiver, ...]] = {}
_lock = threading.Lock()


def take_in(layer: Any, batch: Statistics, running_mean: Any, running_var: Any) -> None:
    """Folds a batch into the layer's running estimates, or hands it to the receiver that came last."""
    if layer in _receivers:
        _receivers[layer][-1](batch)
    # a batch that was refused, empty or not finite is not counted
    elif fold(batch, running_mean, running_var, layer._averaging_factor(), layer):
        seen = layer.num_batches_tracked
        if seen is not None:
            count = seen._data
            count[()] = count[()] + 1  # of a single number, a fifth of what += takes
            seen._version_counter[0] += 1


def redirect(receivers: Mapping[Any, Receiver]) -> None:
    """From now on the statistics of each layer go to its receiver."""
    with _lock:
        for layer, receiver in receivers.items():
            _receivers[layer] = (*_receivers.get(layer, ()), receiver)


def restore(receivers: Mapping[Any, Receiver]) -> None:
    """Undoes one ``redirect`` with these receivers, the latest; others stay, in whatever order they came."""
    with _lock:
        for layer, receiver in receivers.items():
            present = list(_receivers[layer])
            del present[len(present) - 1 - present[::-1].index(receiver)]
            if present:
                _receivers[layer] = tuple(present)
            else:
                del _receivers[layer]


def is_redirected(layer: Any) -> bool:
    """Whether the statistics of a layer go elsewhere at the moment."""
    return layer in _receivers
