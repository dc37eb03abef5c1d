"""PyTorch's own samples of its operators (``op_db``), called here and in PyTorch; all that comes out is compared."""

from __future__ import annotations

import functools
import types
import warnings

import ml_dtypes
import numpy as np
import torch

import minitorch_bn

with warnings.catch_warnings():
    warnings.simplefilter("ignore")

DTYPES = (
    torch.float64, torch.float32, torch.int64, torch.uint8, torch.bool, torch.float16, torch.bfloat16, torch.int32,
)  # fmt: skip

# A few roundings of the largest value: PyTorch sums in another order.
TOLERANCES = {"float64": 1e-12, "float32": 2e-6, "float16": 2e-3, "bfloat16": 1.6e-2}


def is_complex(sample):
    found = []
    visit(lambda t: found.append(t.dtype.is_complex or t.is_sparse) or t, (sample.input, sample.args, sample.kwargs))
    return (
        any(found)
        or any(isinstance(v, complex) for v in (sample.input, *sample.args, *sample.kwargs.values()))
        or any(isinstance(v, torch.dtype) and v.is_complex for v in (*sample.args, *sample.kwargs.values()))
    )


# -- from PyTorch's arguments to ours ------------------------------------------------------------------------------


def visit(change, value):
    """The same structure with every PyTorch tensor changed."""
    if isinstance(value, torch.Tensor):
        return change(value)
    if isinstance(value, (list, tuple)) and not isinstance(value, torch.Size):
        items = [visit(change, v) for v in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    if isinstance(value, dict):
        return {k: visit(change, v) for k, v in value.items()}
    return value


def fresh(tensor):
    """A leaf with the same values, strides and storage offset, in memory of its own."""
    storage = torch.empty(0, dtype=tensor.dtype).set_(tensor.detach().untyped_storage().clone())
    copy = storage.as_strided(tensor.shape, tensor.stride(), tensor.storage_offset()).detach()
    return copy.requires_grad_(tensor.requires_grad)


def storage_array(tensor):
    """A PyTorch tensor's whole storage in numpy, and the tensor's place in it."""
    if tensor.dtype == torch.bfloat16:
        return storage_array(tensor.detach().view(torch.int16)).view(ml_dtypes.bfloat16)
    data = tensor.detach().numpy()
    return data


def converted(value):
    """PyTorch's value as ours: tensors with the same strides and memory, dtypes, devices and sizes by name."""
    if isinstance(value, torch.Tensor):
        copy = fresh(value.detach())
        result = minitorch_bn.from_numpy(storage_array(copy))
        return result.requires_grad_(value.requires_grad)
    if isinstance(value, torch.Size):
        return minitorch_bn.Size(value)
    if isinstance(value, torch.dtype):
        return getattr(minitorch_bn, str(value)[6:])
    if isinstance(value, torch.device):
        return minitorch_bn.device(str(value))
    if isinstance(value, torch.layout):
        return minitorch_bn.strided
    if isinstance(value, torch.memory_format):
        return getattr(minitorch_bn, str(value)[6:])
    if isinstance(value, torch.Generator):
        generator = minitorch_bn.Generator()
        generator.set_state(converted(value.get_state()))
        return generator
    if isinstance(value, (list, tuple)):
        items = [converted(v) for v in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    if isinstance(value, dict):
        return {k: converted(v) for k, v in value.items()}
    if isinstance(value, slice):
        return slice(*map(converted, (value.start, value.stop, value.step)))
    return value


def find(library, name):
    for part in name.split("."):
        library = getattr(library, part)
    return library


@functools.cache
def retargeted(function):
    """A helper of op_db that sees our library where it says ``torch``."""
    names = dict(function.__globals__)
    if "torch" in names:
        names["torch"] = minitorch_bn
    for name in function.__code__.co_names:
        if isinstance(names.get(name), types.FunctionType) and names[name].__module__.startswith("torch.testing"):
            names[name] = wrapper_set_seed if name == "wrapper_set_seed" else retargeted(names[name])
    return types.FunctionType(function.__code__, names, function.__name__, function.__defaults__, function.__closure__)


def wrapper_set_seed(op, *args, **kwargs):
    minitorch_bn.manual_seed(42)
    return op(*args, **kwargs)


def our_function(op):
    """What op_db calls, in our library."""
    function = op.op
    if isinstance(function, types.FunctionType) and function.__module__.startswith("torch.testing"):
        return retargeted(function)
    if hasattr(torch.Tensor, op.name) and function is getattr(torch.Tensor, op.name):
        return getattr(minitorch_bn.Tensor, op.name)
    return find(minitorch_bn, op.name)


def our_method(op, variant):
    return getattr(minitorch_bn.Tensor, variant.__name__)


# -- running and comparing -----------------------------------------------------------------------------------------


class Result:
    """What a call gave: its outputs, and the gradients of their projection, twice."""

    def __init__(self, library, function, input, args, kwargs, process, differentiate):
        self.library = library
        self.value = function(input, *args, **kwargs)
        self.outputs = flat(self.value)
        self.leaves = [
            t for t in flat((input, args, kwargs)) if isinstance(t, library.Tensor) and t.is_leaf and t.requires_grad
        ]
        self.first, self.second = None, None
        if differentiate and self.leaves:
            self.first = self.gradients(flat(process(self.value)), 1, create_graph=True)
            if differentiate > 1 and self.first:
                self.second = self.gradients([g for g in self.first if g is not None], 2, create_graph=False)

    def gradients(self, outputs, seed, create_graph):
        wanted = [t for t in outputs if isinstance(t, self.library.Tensor) and t.requires_grad]
        if not wanted:
            return []
        rng = np.random.default_rng(seed)
        seeds = [self.library.tensor(np.asarray(rng.standard_normal(tuple(t.shape)))).to(t.dtype) for t in wanted]
        return self.library.autograd.grad(wanted, self.leaves, seeds, create_graph=create_graph, allow_unused=True)


def flat(value):
    if isinstance(value, (list, tuple)):
        return [t for item in value for t in flat(item)]
    if isinstance(value, dict):
        return flat(list(value.values()))
    return [value]


def values(tensor):
    tensor = tensor.detach()
    if str(tensor.dtype) == "torch.bfloat16":
        tensor = tensor.float()
    return np.array(tensor.clone().numpy())


def difference(ours, theirs, what, scale=0.0, factor=1.0, undefined=False):
    """In words, what differs between two tensors; '' for nothing."""
    if isinstance(theirs, torch.Size):
        return (
            ""
            if isinstance(ours, minitorch_bn.Size) and tuple(ours) == tuple(theirs)
            else f"{what}: {ours!r} for {theirs!r}"
        )
    if not isinstance(theirs, torch.Tensor):
        if theirs is None or isinstance(theirs, (str, bool, int)):
            same = type(ours) is type(theirs) and ours == theirs
        else:
            same = type(ours) is type(theirs) and np.isclose(ours, theirs, rtol=1e-6, equal_nan=True)
        return "" if same else f"{what}: {ours!r} for {theirs!r}"
    if not isinstance(ours, minitorch_bn.Tensor):
        return f"{what}: {type(ours)} for a tensor"
    if tuple(ours.shape) != tuple(theirs.shape):
        return f"{what}: shape {tuple(ours.shape)} for {tuple(theirs.shape)}"
    if str(ours.dtype) != str(theirs.dtype):
        return f"{what}: dtype {ours.dtype} for {theirs.dtype}"
    if undefined:
        return ""
    a, b = values(ours), values(theirs)
    if b.dtype.kind != "f":
        return "" if np.array_equal(a, b) else f"{what}: {a.ravel()[:8]} for {b.ravel()[:8]}"
    tolerance = factor * TOLERANCES[str(theirs.dtype)[6:]]
    a, b = a.astype(np.float64), b.astype(np.float64)
    largest = np.abs(b[np.isfinite(b)]).max(initial=scale)
    close = np.isclose(a, b, rtol=tolerance, atol=tolerance * largest, equal_nan=True)
    if close.all():
        return ""
    return f"{what}: {a[~close][:4]} for {b[~close][:4]} (largest {largest:.3g}, {(~close).sum()} of {close.size})"


def first_line(error):
    return type(error).__name__, str(error).partition("\n")[0]


def attempt(*args):
    try:
        return Result(*args)
    except Exception as error:
        return error


def compare(op, sample, ours, theirs, form, wrap=lambda library, f: f, differentiate=2):
    """What differs between the two libraries for one sample, in words."""
    arguments = (sample.input, sample.args, sample.kwargs)
    their_arguments = visit(fresh, arguments)
    our_arguments = converted(arguments)
    process = sample.output_process_fn_grad
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(42)
        b = attempt(torch, theirs, *their_arguments, process, differentiate)
        if isinstance(b, Exception) and differentiate:
            for less in (1, 0):
                their_arguments = visit(fresh, arguments)
                torch.manual_seed(42)
                c = attempt(torch, theirs, *their_arguments, process, less)
                if not isinstance(c, Exception):
                    b, differentiate = c, less  # PyTorch has no (second) derivative of it
                    break
        minitorch_bn.manual_seed(42)
        a = attempt(minitorch_bn, ours, *our_arguments, process, differentiate)
    if isinstance(a, Exception) or isinstance(b, Exception):
        if isinstance(a, Exception) and isinstance(b, Exception):
            x, y = first_line(a), first_line(b)
            return [] if x == y else [f"{form}: {x} for {y}"]
        if isinstance(a, Exception):
            import traceback

            last = traceback.extract_tb(a.__traceback__)[-1]
            return [f"{form}: raised {first_line(a)} at {last.filename.rpartition('minitorch_bn/')[2]}:{last.lineno}"]
        return [f"{form}: should raise {first_line(b)}"]
    found = []
    if type(a.value).__name__ != type(b.value).__name__ and not (
        isinstance(b.value, (tuple, list)) and type(a.value).__name__ in type(b.value).__name__
    ):
        found.append(f"returns {type(a.value)} for {type(b.value)}")
    if len(a.outputs) != len(b.outputs):
        return [f"{form}: {len(a.outputs)} outputs for {len(b.outputs)}"]
    undefined = op.name in ("empty", "empty_like", "new_empty")
    for i, (x, y) in enumerate(zip(a.outputs, b.outputs)):
        found.append(difference(x, y, f"output {i}", undefined=undefined))
        if isinstance(y, torch.Tensor) and not found[-1]:
            if x.requires_grad != y.requires_grad:
                found.append(f"output {i}: requires_grad {x.requires_grad}")
            elif type(x.grad_fn).__name__ != type(y.grad_fn).__name__:
                found.append(f"grad_fn {type(x.grad_fn).__name__} for {type(y.grad_fn).__name__}")
            if x.stride() != y.stride() and STRIDES:
                found.append(f"strides {x.stride()} for {y.stride()}")
    for order in ("first", "second"):
        g, h = getattr(a, order), getattr(b, order)
        if h is None or (not h and not g):
            continue
        zeros = [None] * len(b.leaves)
        for i, (x, y) in enumerate(zip(g or zeros, h or zeros)):
            if (x is None) != (y is None):
                if order == "first":
                    found.append(
                        f"first gradient {i}: {x if x is None else 'a tensor'} for {y if y is None else 'a tensor'}"
                    )
                else:
                    x = minitorch_bn.zeros(*y.shape, dtype=getattr(minitorch_bn, str(y.dtype)[6:])) if x is None else x
                    y = torch.zeros(*x.shape, dtype=getattr(torch, str(x.dtype)[6:])) if y is None else y
            if x is not None and y is not None:
                found.append(difference(x, y, f"{order} gradient {i}", scale=1.0, factor=20))
    return [f"{form}: {text}" for text in found if text]


STRIDES = False


def samples_of(op, dtype, reference=False):
    torch.manual_seed(0)
    grad = dtype == torch.float64 and op.supports_autograd
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            generator = (op.reference_inputs if reference else op.sample_inputs)("cpu", dtype, requires_grad=grad)
            return [s for s in generator if not is_complex(s)]
        except (NotImplementedError, RuntimeError):
            return []


def describe(value):
    if isinstance(value, torch.Tensor):
        return (
            f"{str(value.dtype)[6:]}{list(value.shape)}"
            + ("" if value.is_contiguous() else f"/{value.stride()}")
            + (f"={value.tolist()}" if value.numel() <= 4 else "")
        )
    if isinstance(value, (list, tuple)) and not isinstance(value, torch.Size):
        return "(" + ", ".join(map(describe, value)) + ")"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}={describe(v)}" for k, v in value.items()) + "}"
    return repr(value)


def check(op, dtype, reference=False):
    for sample in samples_of(op, dtype, reference):
        text = f"{str(dtype)[6:]} {describe(sample.input)} {describe(sample.args)} {describe(sample.kwargs)}"
        for problem in compare(op, sample, our_function(op), op.op, "function"):
            yield text, problem
        method = op.method_variant
        if method is not None and isinstance(sample.input, torch.Tensor):
            try:
                mine = our_method(op, method)
            except AttributeError as e:
                yield text, f"method: {e}"
            else:
                for problem in compare(op, sample, mine, method, "method"):
                    yield text, problem
        for variant in (op.inplace_variant, op.inplace_operator_variant):
            if variant is None or sample.broadcasts_input or not isinstance(sample.input, torch.Tensor):
                continue
            if getattr(variant, "__module__", None) == "_operator":
                mine = variant
            elif isinstance(variant, types.FunctionType) and variant.__module__.startswith("torch.testing"):
                mine = retargeted(variant)
            else:
                name = getattr(variant, "__name__", None) or op.name + "_"
                mine = getattr(minitorch_bn.Tensor, name, None)
                if mine is None:
                    yield text, f"inplace: no {name}"
                    continue
            for problem in compare(op, sample, on_clone(mine), on_clone(variant), "inplace"):
                yield text, problem
        if op.operator_variant is not None:
            for problem in compare(op, sample, op.operator_variant, op.operator_variant, "operator"):
                yield text, problem


def on_clone(method):
    return lambda input, *args, **kwargs: method(input.clone(), *args, **kwargs)


def check_errors(op):
    torch.manual_seed(0)
    if op.error_inputs_func is None:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for error_input in op.error_inputs("cpu"):
            sample = error_input.sample_input
            if is_complex(sample):
                continue
            text = f"bad {describe(sample.input)} {describe(sample.args)} {describe(sample.kwargs)}"
            for problem in compare(op, sample, our_function(op), op.op, "error", differentiate=0):
                yield text, problem
