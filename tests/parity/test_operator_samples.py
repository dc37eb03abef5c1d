"""PyTorch's own samples of its operators, and its own bad inputs: the same comes out in both libraries.

``op_db`` draws the arguments. They are copied with their strides; each operator is called as a function, as a method,
as a Python operator and in place. Compared are values, shapes, dtypes, types of results, node names, gradients of first
and second order for random gradients of the output, and for bad inputs the error's type and first line.
"""

from __future__ import annotations

import functools
import types
import warnings

import numpy as np
import pytest

import minitorch_bn as mini

torch = pytest.importorskip("torch", reason="parity needs a real PyTorch")
pytest.importorskip("expecttest", reason="PyTorch's operator samples need it: python -m pip install expecttest")
ml_dtypes = pytest.importorskip("ml_dtypes")

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch.testing._internal import common_methods_invocations

# A few roundings of the largest value: PyTorch sums in another order.
TOLERANCES = {"float64": 1e-12, "float32": 2e-6, "float16": 2e-3, "bfloat16": 1.6e-2}
LARGER_TOLERANCES = {
    "nn.functional.binary_cross_entropy": (1e-9, "PyTorch adds 1e-12 to the divisors of its second derivative"),
    "nn.functional.hardsigmoid": (1e-7, "PyTorch's sixth is a float32"),
    "cov": (1e-5, "weights in float32 leave a difference of two equal numbers"),
    "histogram": (2e-5, "PyTorch adds up in float32, here it is float64"),
    "nn.functional.nll_loss": (5e-2, "PyTorch adds up in half precision"),
    "nn.functional.binary_cross_entropy_with_logits": (5e-3, "PyTorch adds up in half precision"),
    "polygamma": (1e-4, "PyTorch's trigamma has nine digits, in float32 four"),
}
HALVES_ONLY = {"nn.functional.nll_loss", "nn.functional.binary_cross_entropy_with_logits"}
# Equal elements of a long line: how PyTorch's unstable sort orders them depends on the processor.
TIES = {"argsort", "sort"}
# One node of PyTorch's C++ is made of several here, or the other way round: another name is printed.
OTHER_NODES = {
    "__rmatmul__", "__rsub__", "cdist", "combinations", "cumulative_trapezoid", "diag", "diagonal_scatter", "dist",
    "einsum", "fill", "index_select", "kron", "linalg.matrix_norm", "linalg.multi_dot", "linalg.norm",
    "linalg.solve", "linalg.vecdot", "matmul", "nanquantile", "narrow_copy", "nn.functional.pairwise_distance",
    "quantile", "rot90", "round", "rsub", "scatter_reduce", "select_scatter", "slice_scatter", "trapezoid", "trapz",
    "vdot",
}  # fmt: skip
# In place, PyTorch gives these a node of their own, without a derivative or with the same.
OTHER_NODES_IN_PLACE = {"acosh", "as_strided", "asinh", "atanh", "polygamma", "squeeze", "t", "transpose", "unsqueeze"}
OUT_OF_SCOPE = {
    "conj_physical",
    "mH", "chalf", "to_sparse", "empty_strided", "new_empty_strided", "cauchy",
    "geometric", "log_normal", "svd", "linalg.svd", "svd_lowrank", "pca_lowrank", "linalg.lstsq", "linalg.pinv",
    "max_pool2d_with_indices_backward", "nn.functional.alpha_dropout", "nn.functional.feature_alpha_dropout",
    "nn.functional.fractional_max_pool2d", "nn.functional.fractional_max_pool3d", "nn.functional.rrelu",
    "nn.functional.embedding_bag", "nn.functional.multi_head_attention_forward",
    "nn.functional.scaled_dot_product_attention", "special.polygamma",
}  # fmt: skip
NOT_IN_PLACE = {"as_strided"}  # strides are not changed in place
UNSET = {"empty", "empty_like", "new_empty"}
# What fails otherwise: (operator, form) -> (part of the failure, why)
DEVIATIONS = {
    ("nn.functional.batch_norm", "function"): ("IndexError", "PyTorch takes an empty vector for a batch"),
    ("cdist", "function"): ("missing gradient", "the number of different entries has a gradient in PyTorch: zeros"),
    ("__rsub__", "bad"): ("", "Python's own protocol decides here"),
    ("__rmod__", "bad"): ("invalid combination", "Python's own protocol decides here"),
    ("__rpow__", "bad"): ("invalid combination", "Python's own protocol decides here"),
    **{
        (f"__r{name}__", "bad"): ("descriptor", "PyTorch's methods are C descriptors, which check who calls them")
        for name in ("add", "mul", "and", "or", "xor")
    },
}


# -- from PyTorch's arguments to ours ------------------------------------------------------------------------------


def mapped(change, value):
    """The same structure of lists, tuples and dictionaries, with every other value changed."""
    if isinstance(value, (list, tuple)) and not isinstance(value, torch.Size):
        return type(value)(mapped(change, v) for v in value)
    if isinstance(value, dict):
        return {k: mapped(change, v) for k, v in value.items()}
    return change(value)


def leaves_of(value):
    """Every value in a structure, in order."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)) and not isinstance(value, (torch.Size, mini.Size)):
        return [leaf for v in value for leaf in leaves_of(v)]
    return [value]


def fresh(value):
    """A tensor as a leaf with the same values, strides and storage offset, in memory of its own."""
    if not isinstance(value, torch.Tensor):
        return value
    storage = value.detach().untyped_storage().clone()
    copy = torch.empty(0, dtype=value.dtype).set_(storage, value.storage_offset(), value.shape, value.stride())
    return copy.requires_grad_(value.requires_grad)


def own(value):
    """PyTorch's value as ours: tensors with the same strides, everything else by its name."""
    if isinstance(value, torch.Tensor):
        bits = torch.int16 if value.dtype is torch.bfloat16 else value.dtype
        memory = torch.empty(0, dtype=bits).set_(value.detach().untyped_storage().clone()).numpy()
        memory = memory.view(ml_dtypes.bfloat16) if value.dtype is torch.bfloat16 else memory
        size, start = memory.itemsize, value.storage_offset() if value.numel() else 0
        strides = [stride * size for stride in value.stride()]
        array = np.ndarray(tuple(value.shape), memory.dtype, memory, start * size, strides)
        return mini.from_numpy(array).requires_grad_(value.requires_grad)
    if isinstance(value, (torch.dtype, torch.memory_format, torch.layout)):
        return getattr(mini, str(value).removeprefix("torch."))
    if isinstance(value, torch.Size):
        return mini.Size(value)
    if isinstance(value, torch.device):
        return mini.device(str(value))
    if isinstance(value, slice):
        return slice(*map(own, (value.start, value.stop, value.step)))
    return value


def in_scope(sample):
    """Whether a sample is one of real, dense numbers, in as many dimensions as numpy has."""
    for value in leaves_of((sample.input, sample.args, sample.kwargs)):
        if isinstance(value, complex) or (isinstance(value, torch.dtype) and value.is_complex):
            return False
        if isinstance(value, torch.Tensor) and (value.is_complex() or value.is_sparse or value.ndim > 64):
            return False
    return True


# -- from PyTorch's functions to ours ------------------------------------------------------------------------------


def find(library, name):
    for part in name.split("."):
        library = getattr(library, part)
    return library


@functools.cache
def retargeted(function):
    """A helper of op_db that sees our library where it says ``torch``."""
    names = {**function.__globals__, "torch": mini, "wrapper_set_seed": with_seed}
    for name in function.__code__.co_names:
        helper = names.get(name)
        if isinstance(helper, types.FunctionType) and is_helper(helper):
            names[name] = retargeted(helper)
    return types.FunctionType(function.__code__, names, function.__name__, function.__defaults__, function.__closure__)


def with_seed(function, *args, **kwargs):
    mini.manual_seed(42)
    return function(*args, **kwargs)


def is_helper(function):
    return isinstance(function, types.FunctionType) and function.__module__.startswith("torch.testing")


def our_function(info):
    if is_helper(info.op):
        return retargeted(info.op)
    if getattr(torch.Tensor, info.name, None) is info.op:
        return getattr(mini.Tensor, info.name)
    return find(mini, info.name)


def forms_of(info):
    """(form, our function, PyTorch's) for every way to call an operator."""
    yield "function", our_function(info), info.op
    method = info.method_variant
    if method is not None and not is_helper(method):
        yield "method", getattr(mini.Tensor, method.__name__), method
    if info.operator_variant is not None:
        yield "operator", info.operator_variant, info.operator_variant
    for variant in (info.inplace_variant, info.inplace_operator_variant):
        if variant is not None and not is_helper(variant) and info.name not in NOT_IN_PLACE:
            name = getattr(variant, "__name__", None)
            if name is None:  # F.f with inplace=True
                ours = functools.partial(our_function(info), **variant.keywords)
            else:
                ours = variant if getattr(variant, "__module__", None) == "_operator" else getattr(mini.Tensor, name)
            yield "in place", on_a_clone(ours), on_a_clone(variant)


def on_a_clone(method):
    return lambda input, *args, **kwargs: method(input.clone(), *args, **kwargs)


def is_there(info):
    try:
        our_function(info)
    except AttributeError:
        return False
    return info.name not in OUT_OF_SCOPE


# -- running and comparing -----------------------------------------------------------------------------------------


class Run:
    """What a call gave: its outputs, and the gradients of their projection, as many orders of them as asked for."""

    def __init__(self, library, function, arguments, process, orders):
        input, args, kwargs = arguments
        self.library = library
        library.manual_seed(42)
        self.value = function(input, *args, **kwargs)
        tensors = [t for t in leaves_of(arguments) if isinstance(t, library.Tensor)]
        self.leaves = [t for t in tensors if t.is_leaf and t.requires_grad]
        self.gradients = []
        outputs = process(self.value)
        for order in range(1, orders + 1):
            outputs = self.differentiate(leaves_of(outputs), seed=order, create_graph=order < orders)
            self.gradients.append(outputs)

    def differentiate(self, outputs, seed, create_graph):
        wanted = [t for t in outputs if isinstance(t, self.library.Tensor) and t.requires_grad]
        if not wanted or not self.leaves:
            return [None] * len(self.leaves)
        rng = np.random.default_rng(seed)
        seeds = [self.library.tensor(np.asarray(rng.standard_normal(tuple(t.shape)))).to(t.dtype) for t in wanted]
        return self.library.autograd.grad(wanted, self.leaves, seeds, create_graph=create_graph, allow_unused=True)


def attempt(library, function, arguments, process, orders):
    """The run, or its error's type and first line."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return Run(library, function, arguments, process, orders)
        except Exception as error:
            return type(error).__name__, str(error).partition("\n")[0]


def run_both(sample, ours, theirs, orders):
    """Both runs, with as many orders of derivatives as PyTorch has."""
    arguments, process = (sample.input, sample.args, sample.kwargs), sample.output_process_fn_grad
    for fewer in range(orders, -1, -1):
        reference = attempt(torch, theirs, mapped(fresh, arguments), process, fewer)
        if isinstance(reference, Run):
            break
    return attempt(mini, ours, mapped(own, arguments), process, fewer), reference


def values(tensor):
    tensor = tensor.detach()
    if str(tensor.dtype) == "torch.bfloat16":
        tensor = tensor.float()
    return np.array(tensor.clone().numpy())


def expect(ours, theirs, what):
    assert ours == theirs, f"{what}: {ours} for {theirs}"


def assert_same(ours, theirs, what, tolerance, scale=0.0):
    """The same type and value; floats within the tolerance of the largest (at least ``scale``)."""
    expect(type(ours).__name__, type(theirs).__name__, f"type of {what}")
    if not isinstance(theirs, torch.Tensor):
        if not isinstance(theirs, float):
            expect(ours, theirs, what)
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, err_msg=what)
        return
    expect(tuple(ours.shape), tuple(theirs.shape), f"shape of {what}")
    expect(str(ours.dtype), str(theirs.dtype), f"dtype of {what}")
    a, b = values(ours), values(theirs)
    if b.dtype.kind != "f":
        np.testing.assert_array_equal(a, b, err_msg=what)
        return
    tolerance = max(TOLERANCES[str(theirs.dtype).removeprefix("torch.")], tolerance)
    largest = np.abs(b[np.isfinite(b)].astype(np.float64)).max(initial=scale)
    np.testing.assert_allclose(
        a.astype(np.float64), b.astype(np.float64), rtol=tolerance, atol=tolerance * largest, err_msg=what
    )


def compare(info, sample, ours, theirs, orders=2, in_place=False):
    a, b = run_both(sample, ours, theirs, orders)
    if not isinstance(b, Run) or not isinstance(a, Run):
        expect(a if isinstance(a, tuple) else "no error", b if isinstance(b, tuple) else "no error", "outcome")
        return
    expect(
        type(a.value).__name__, type(b.value).__name__.removeprefix("torch.return_types.").removesuffix("_out"), "type"
    )
    outputs, references = leaves_of(a.value), leaves_of(b.value)
    assert len(outputs) == len(references)
    half = any(isinstance(t, torch.Tensor) and t.dtype.itemsize == 2 for t in references)
    tolerance = LARGER_TOLERANCES[info.name][0] if info.name in LARGER_TOLERANCES else 0
    if info.name in HALVES_ONLY and not half:
        tolerance = 0
    for number, (x, y) in enumerate(zip(outputs, references)):
        if isinstance(y, torch.Tensor):
            expect(x.requires_grad, y.requires_grad, f"requires_grad of output {number}")
            if info.name not in OTHER_NODES and not (in_place and info.name in OTHER_NODES_IN_PLACE):
                expect(type(x.grad_fn).__name__, type(y.grad_fn).__name__, f"node of output {number}")
        if info.name in UNSET:
            expect((tuple(x.shape), str(x.dtype)), (tuple(y.shape), str(y.dtype)), "shape and dtype")
        elif info.name in TIES and number == len(references) - 1 and sample.input.numel() > 1000:
            expect(tuple(x.shape), tuple(y.shape), "shape of the indices")  # the sorted values are compared
        else:
            assert_same(x, y, f"output {number}", tolerance)
    precision = max([20 * TOLERANCES.get(str(t.dtype)[6:], 0) for t in references if isinstance(t, torch.Tensor)] + [0])
    for order, (found, expected) in enumerate(zip(a.gradients, b.gradients), 1):
        for number, (x, y) in enumerate(zip(found, expected)):
            what = f"gradient {number} of order {order}"
            if order == 1:
                expect(x is None, y is None, f"missing {what}")
            if x is None and y is None:
                continue
            # no second derivative and zeros mean the same
            x = mini.zeros(y.shape, dtype=own(y.dtype)) if x is None else x
            y = torch.zeros(x.shape, dtype=getattr(torch, str(x.dtype)[6:])) if y is None else y
            assert_same(x, y, what, max(precision, tolerance), scale=1.0)


def describe(value):
    if isinstance(value, torch.Tensor):
        numbers = f"={value.tolist()}" if value.numel() <= 4 else ""
        return f"{str(value.dtype)[6:]}{list(value.shape)}{'' if value.is_contiguous() else value.stride()}{numbers}"
    if isinstance(value, (list, tuple)) and not isinstance(value, torch.Size):
        return f"({', '.join(map(describe, value))})"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{k}={describe(v)}' for k, v in value.items())}}}"
    return repr(value)


INFOS = [info for info in common_methods_invocations.op_db if is_there(info)]
DTYPES = ("float64", "float32", "int64", "int32", "uint8", "bool", "float16", "bfloat16")


def samples_of(info, dtype):
    torch.manual_seed(0)
    grad = dtype is torch.float64 and info.supports_autograd
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [s for s in info.sample_inputs("cpu", dtype, requires_grad=grad) if in_scope(s)]


def bad_samples_of(info):
    torch.manual_seed(0)
    return [e.sample_input for e in info.error_inputs("cpu") if in_scope(e.sample_input)]


def failures(info, samples, forms, orders=2):
    """What was called, in what form, how it failed: for everything that differs and is no known deviation."""
    for sample in samples:
        text = f"{describe(sample.input)} {describe(sample.args)} {describe(sample.kwargs)}"
        for form, ours, theirs in forms:
            if form not in ("function", "bad") and not isinstance(sample.input, torch.Tensor):
                continue
            if form == "in place" and sample.broadcasts_input:
                continue
            try:
                compare(info, sample, ours, theirs, orders, form == "in place")
            except AssertionError as error:
                failure = " ".join(str(error).split())
                known, _ = DEVIATIONS.get((info.name, form), (None, ""))
                if known is None or known not in failure:
                    yield text, form, failure


def assert_none(found):
    found = [f"{form}: {text}\n  {failure}" for text, form, failure in found]
    assert not found, "\n".join([f"{len(found)} differ", *found[:5]])


def name_of(info):
    return f"{info.name}-{info.variant_test_name}" if info.variant_test_name else info.name


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """Thousands of tiny calls: PyTorch's threads would only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


CASES = [
    pytest.param(info, dtype, id=f"{name_of(info)}-{dtype}", marks=() if dtype == "float64" else pytest.mark.slow)
    for info in INFOS
    for dtype in DTYPES
    if info.supports_dtype(getattr(torch, dtype), "cpu")
]


@pytest.mark.parametrize("info, dtype", CASES)
def test_samples(info, dtype):
    samples = samples_of(info, getattr(torch, dtype))
    assert_none(failures(info, samples, list(forms_of(info))))


@pytest.mark.parametrize("info", [pytest.param(i, id=name_of(i)) for i in INFOS if i.error_inputs_func])
def test_bad_inputs(info):
    forms = [("bad", ours, theirs) for form, ours, theirs in forms_of(info) if form == "function"]
    assert_none(failures(info, bad_samples_of(info), forms, orders=0))
