"""Module and its containers against a real PyTorch: the same program gives the same transcript in both libraries."""

from __future__ import annotations

import copy
import pickle
import re
import warnings
from collections import OrderedDict, namedtuple

import pytest

import minitorch_bn

torch = pytest.importorskip("torch", reason="no real PyTorch is installed: python -m pip install torch==2.13.0")


class Kit:
    """Small layers, written once for either library: `lib` is PyTorch or minitorch_bn."""

    def __init__(self, lib):
        self.lib = lib
        self.nn = nn = lib.nn

        class Lin(nn.Module):
            def __init__(self, n_in=1, n_out=2):
                super().__init__()
                self.n_in, self.n_out = n_in, n_out
                self.weight = nn.Parameter(lib.arange(float(n_in * n_out)).reshape(n_out, n_in))
                self.bias = nn.Parameter(lib.ones(n_out))

            def forward(self, x):
                return x @ self.weight.t() + self.bias

            def extra_repr(self):
                return f"in={self.n_in}, out={self.n_out}"

        class Norm(nn.Module):
            _version = 2

            def __init__(self, n=2):
                super().__init__()
                self.weight = nn.Parameter(lib.ones(n))
                self.register_parameter("bias", None)
                self.register_buffer("mean", lib.zeros(n))
                self.register_buffer("count", lib.tensor(0))
                self.register_buffer("scratch", lib.zeros(n), persistent=False)
                self.register_buffer("nothing", None)

        class Act(nn.Module):
            def forward(self, x, factor=1):
                if factor == 2:
                    raise ValueError("boom")
                return x.relu() * factor

        class Extra(nn.Module):
            def __init__(self):
                super().__init__()
                self.w = nn.Parameter(lib.ones(1))
                self.v = 0

            def get_extra_state(self):
                return {"v": self.v}

            def set_extra_state(self, state):
                self.v = state["v"]

        self.Lin, self.Norm, self.Act, self.Extra = Lin, Norm, Act, Extra

    def model(self):
        nn = self.nn
        return nn.Sequential(self.Lin(), nn.Sequential(self.Act(), self.Norm()))


def caught(fn):
    """What a call gives, or raises, and warns, as text."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            result = repr(fn())
        except Exception as error:
            result = f"{type(error).__name__}: {error}"
    return "\n".join([result, *(f"{w.category.__name__}: {w.message}" for w in warned)])


def transcript(program, lib):
    kit = Kit(lib)
    text = "\n".join(f"{label}: {caught(fn)}" for label, fn in program(kit).items())
    text = text.replace("minitorch_bn.", "torch.")
    return re.sub(r"torch\.autograd\.function\.|<locals>\.| at 0x[0-9a-f]+", "", text)


PROGRAMS = []


def program(fn):
    PROGRAMS.append(pytest.param(fn, id=fn.__name__))
    return fn


@program
def printing(kit):
    nn, Lin, Act, Norm = kit.nn, kit.Lin, kit.Act, kit.Norm

    class Lines(nn.Module):
        def __init__(self, extra, child=None):
            super().__init__()
            self.extra = extra
            if child is not None:
                self.child = child

        def extra_repr(self):
            return self.extra

    empty = nn.Module()
    empty.register_module("nobody", None)
    return {
        "bare": nn.Module,
        "empty": lambda: [nn.Sequential(), nn.ModuleList(), nn.ModuleDict(), nn.ParameterList(), nn.ParameterDict()],
        "None": lambda: empty,
        "nested": kit.model,
        "no folding": lambda: nn.Sequential(Act(), Act()),
        "folding": lambda: nn.ModuleList([Lin(), Lin(), Act(), Lin(1, 3), Act(), Act(), Act(), None, None]),
        "folding nested": lambda: nn.ModuleList([nn.Sequential(Lin(), nn.ModuleList([Act()] * 3)) for _ in range(2)]),
        "folding lines": lambda: nn.ModuleList([Lines("q\nr", Act()), Lines("q\nr", Act())]),
        "lines": lambda: [Lines(e, c) for e in ("", "a=1", "a=1\nb=2") for c in (None, Act())],
        "dict": lambda: nn.ModuleDict({"a": Act(), "b": nn.Sequential(Norm())}),
        "get_name": lambda: Act()._get_name(),
    }


@program
def printing_parameters(kit):
    nn, lib = kit.nn, kit.lib
    values = [nn.Parameter(lib.ones(2, 3)), lib.ones(2), lib.tensor(1.0), 3, "x", None]
    return {
        "list": lambda: nn.ParameterList(values),
        "one": lambda: nn.ParameterList(values[:1]),
        "dict": lambda: nn.ParameterDict(dict(zip("abcdef", values))),
        "nested": lambda: nn.Sequential(kit.Act(), nn.ParameterList(values[:1]), nn.ParameterList(values)),
        "double": lambda: nn.ParameterDict({"w": lib.ones(1, dtype=lib.float64)}),
        "parameter": lambda: nn.Parameter(lib.ones(2, 2, dtype=lib.float64)),
        "frozen": lambda: nn.Parameter(lib.ones(2), requires_grad=False),
        "format": lambda: f"{nn.Parameter(lib.tensor(1.5))}",
        "buffer": lambda: nn.Buffer(lib.ones(2)),
    }


@program
def parameters(kit):
    nn, lib = kit.nn, kit.lib
    p = nn.Parameter(lib.ones(2))

    def shares_version():
        a = lib.ones(2)
        q = nn.Parameter(a)
        a.add_(1)
        return q, q._version

    def copies():
        q = nn.Parameter(lib.ones(2), requires_grad=False)
        q.note, q.grad = [1], lib.ones(2)
        deep, pickled = copy.deepcopy(q), pickle.loads(pickle.dumps(q))
        return [(type(c).__name__, c.requires_grad, hasattr(c, "note"), c.grad, c is q) for c in (deep, pickled)]

    return {
        "nothing": lambda: [nn.Parameter(), nn.Parameter(None, False), nn.Buffer()],
        "integers": lambda: nn.Parameter(lib.tensor([1])),
        "integers frozen": lambda: nn.Parameter(lib.tensor([1]), requires_grad=False),
        "isinstance": lambda: [
            isinstance(p, lib.Tensor),
            isinstance(lib.ones(1), nn.Parameter),
            isinstance(lib.ones(1), nn.Buffer),
            isinstance(nn.Buffer(lib.ones(1)), nn.Buffer),
            isinstance(nn.Buffer(lib.ones(1)), nn.Parameter),
            isinstance(p, nn.Buffer),
        ],
        "types": lambda: [
            type(t).__name__
            for t in (p + 1, p.detach(), p.data, p.clone(), p[0], p.view(2), p.double(), p.float(), p.requires_grad_())
        ],
        "buffer type": lambda: (
            type(nn.Buffer(lib.ones(1))).__name__,
            nn.Buffer(lib.ones(1), persistent=False).persistent,
        ),
        "of a parameter": lambda: nn.Parameter(p) is p,
        "of a result": lambda: nn.Parameter(p * 2),
        "shares memory and version": shares_version,
        "copies": copies,
    }


@program
def registering(kit):
    nn, lib, Lin, Act, Norm = kit.nn, kit.lib, kit.Lin, kit.Act, kit.Norm

    class Early(nn.Module):
        def __init__(self, do):
            do(self)

    def changed(module, name, value):
        setattr(module, name, value)
        return [list(module.__dict__[r]) for r in ("_parameters", "_buffers", "_modules")], name in module.__dict__

    def persistence():
        m = nn.Module()
        m.register_buffer("b", lib.ones(1), persistent=False)
        m.b = lib.zeros(1)
        seen = [list(m.state_dict())]
        m.b = nn.Buffer(lib.ones(1))
        seen.append(list(m.state_dict()))
        m.b = None
        return [*seen, list(m.state_dict()), m._buffers]

    def deleted():
        m = Norm()
        del m.weight, m.mean, m.scratch
        return list(m.state_dict()), list(m._buffers), hasattr(m, "weight")

    names = ("a.b", "", 3, "forward", "weight")
    return {
        "module early": lambda: Early(lambda m: setattr(m, "x", Act())),
        "parameter early": lambda: Early(lambda m: setattr(m, "x", nn.Parameter(lib.ones(1)))),
        "buffer early": lambda: Early(lambda m: setattr(m, "x", nn.Buffer(lib.ones(1)))),
        "register_parameter early": lambda: Early(lambda m: m.register_parameter("x", None)),
        "register_buffer early": lambda: Early(lambda m: m.register_buffer("x", None)),
        "read early": lambda: Early(lambda m: m.x),
        "plain early": lambda: vars(Early(lambda m: setattr(m, "x", 3))),
        **{f"parameter named {n!r}": lambda n=n: Lin().register_parameter(n, None) for n in names},
        **{f"buffer named {n!r}": lambda n=n: Lin().register_buffer(n, None) for n in names},
        **{f"module named {n!r}": lambda n=n: Lin().add_module(n, None) for n in names},
        "parameter tensor": lambda: Lin().register_parameter("a", lib.ones(1)),
        "parameter int": lambda: Lin().register_parameter("a", 3),
        "buffer int": lambda: Lin().register_buffer("a", 3),
        "module int": lambda: Lin().register_module("a", 3),
        "module tensor": lambda: Lin().register_module("a", lib.ones(1)),
        "weight = tensor": lambda: changed(Lin(), "weight", lib.ones(1)),
        "weight = int": lambda: changed(Lin(), "weight", 3),
        "weight = None": lambda: changed(Lin(), "weight", None),
        "bias = parameter": lambda: changed(Norm(), "bias", nn.Parameter(lib.ones(1))),
        "child = int": lambda: changed(nn.Sequential(Act()), "0", 3),
        "child = tensor": lambda: changed(nn.Sequential(Act()), "0", lib.ones(1)),
        "child = None": lambda: changed(nn.Sequential(Act()), "0", None),
        "buffer = int": lambda: changed(Norm(), "mean", 3),
        "buffer = None": lambda: changed(Norm(), "mean", None),
        "buffer = module": lambda: changed(Norm(), "mean", Act()),
        "buffer = parameter": lambda: changed(Norm(), "mean", nn.Parameter(lib.ones(1))),
        "nothing = tensor": lambda: changed(Norm(), "nothing", lib.ones(1)),
        "new tensor": lambda: changed(Norm(), "new", lib.ones(1)),
        "new buffer": lambda: changed(Norm(), "new", nn.Buffer(lib.ones(1))),
        "plain becomes parameter": lambda: changed(Lin(), "n_in", nn.Parameter(lib.ones(1))),
        "plain becomes module": lambda: changed(Lin(), "n_in", Act()),
        "persistence": persistence,
        "deleted": deleted,
        "delete unknown": lambda: delattr(Lin(), "foo"),
        "read unknown": lambda: Lin().foo,
        "forward": lambda: nn.Module()(1),
        "forward of a subclass": lambda: Norm()(1),
        "digits hidden": lambda: [n for n in dir(kit.model()) if n.isdigit()],
        "dir": lambda: [n for n in dir(Norm()) if n in ("weight", "bias", "mean", "training", "register_buffer")],
    }


@program
def walking(kit):
    nn, Lin, Act = kit.nn, kit.Lin, kit.Act
    model = kit.model()
    shared = Lin()
    tied = nn.Sequential(shared, shared, None)

    def names(pairs):
        return [name for name, _ in pairs]

    def applied():
        seen = []
        model.apply(lambda m: seen.append(m._get_name()))
        return seen

    def set_at(target, module, **options):
        m = kit.model()
        m.set_submodule(target, module, **options)
        return m

    return {
        "parameters": lambda: names(model.named_parameters()),
        "parameters under a prefix": lambda: names(model.named_parameters("q")),
        "parameters not below": lambda: names(model.named_parameters(recurse=False)),
        "buffers": lambda: names(model.named_buffers("z")) + names(model.named_buffers(recurse=False)),
        "modules": lambda: names(model.named_modules()) + names(model.named_modules(prefix="a")),
        "modules without": lambda: names(model.named_modules(memo={model[0]})),
        "tied": lambda: [names(tied.named_parameters()), names(tied.named_modules()), names(tied.named_children())],
        "tied twice": lambda: [
            names(tied.named_parameters(remove_duplicate=False)),
            names(tied.named_modules(remove_duplicate=False)),
        ],
        "counts": lambda: [len(list(i)) for i in (tied.modules(), tied.children(), tied.parameters(), tied.buffers())],
        "apply": applied,
        "train": lambda: [model.eval().training, model[1][1].training, model.train() is model, model[1][1].training],
        "train 3": lambda: model.train(3),
        "requires_grad_": lambda: [p.requires_grad for p in kit.model().requires_grad_(False).parameters()],
        **{
            f"get_submodule {t!r}": lambda t=t: model.get_submodule(t)
            for t in ("", "1", "1.1", "1.7", "0.weight", "1.")
        },
        **{
            f"get_parameter {t!r}": lambda t=t: model.get_parameter(t)
            for t in ("", "0.bias", "0.foo", "1.1.mean", "7.w")
        },
        **{f"get_buffer {t!r}": lambda t=t: model.get_buffer(t) for t in ("1.1.mean", "1.1.foo", "1.1.weight")},
        **{
            f"set {t!r}": lambda t=t: set_at(t, Act()) for t in ("", "0", "1.0", "1.5", "7.6", "0.weight", "0.weight.a")
        },
        "set strict": lambda: set_at("1.5", Act(), strict=True),
        "set an int": lambda: set_at("1.0", 3),
    }


@program
def converting(kit):
    lib = kit.lib

    def dtypes(convert):
        m = kit.model()
        return convert(m) is m, {k: v.dtype for k, v in m.state_dict(keep_vars=True).items()}, m[1][1].scratch.dtype

    def kept():
        m = kit.Lin()
        weight = m.weight
        m(lib.ones(1, 1)).sum().backward()
        grad = weight.grad
        m.double()
        return m.weight is weight, weight.dtype, weight.grad is grad, grad.dtype

    def zeroed(**options):
        m = kit.Lin()
        m(lib.ones(1, 1)).sum().backward()
        grad = m.weight.grad
        m.zero_grad(**options)
        return m.weight.grad, m.weight.grad is grad

    return {
        "double": lambda: dtypes(lambda m: m.double()),
        "half": lambda: dtypes(lambda m: m.half()),
        "half and back": lambda: dtypes(lambda m: m.half().float()),
        "to nothing": lambda: dtypes(lambda m: m.to()),
        "to dtype": lambda: dtypes(lambda m: m.to(lib.float64)),
        "to dtype, bool": lambda: dtypes(lambda m: m.to(lib.float64, True)),
        "to device": lambda: dtypes(lambda m: m.to("cpu")),
        "to device, dtype": lambda: dtypes(lambda m: m.to("cpu", lib.float16)),
        "to named": lambda: dtypes(lambda m: m.to(device="cpu", dtype=lib.float16, non_blocking=True)),
        "to tensor": lambda: dtypes(lambda m: m.to(lib.ones(1, dtype=lib.float64))),
        "to int": lambda: dtypes(lambda m: m.to(lib.int32)),
        "to int tensor": lambda: dtypes(lambda m: m.to(lib.tensor(1))),
        "cpu": lambda: dtypes(lambda m: m.cpu()),
        "cuda": lambda: kit.model().cuda(),
        "share_memory": lambda: dtypes(lambda m: m.share_memory()),
        "to_empty": lambda: dtypes(lambda m: m.to_empty(device="cpu")),
        "type": lambda: dtypes(lambda m: m.type(lib.float64)),
        "type named": lambda: dtypes(lambda m: m.type("torch.DoubleTensor")),
        "type int": lambda: dtypes(lambda m: m.type(lib.int64)),
        "type int frozen": lambda: dtypes(lambda m: m.requires_grad_(False).type(lib.int64)),
        "the same objects": kept,
        "zero_grad": zeroed,
        "zero_grad in place": lambda: zeroed(set_to_none=False),
    }


@program
def saving(kit):
    nn, lib = kit.nn, kit.lib
    model = kit.model()

    class Nested(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = kit.Extra()
            self.a = nn.Parameter(lib.ones(1))

    def aliased():
        m = kit.Lin()
        saved = m.state_dict()
        with lib.no_grad():
            m.weight.fill_(7)
        return saved["weight"], saved["weight"].requires_grad, m.state_dict(keep_vars=True)["weight"] is m.weight

    def hooked():
        log = []
        m = kit.Lin()
        m.register_state_dict_pre_hook(lambda m, prefix, keep: log.append(("pre", prefix, keep)))
        m.register_state_dict_post_hook(lambda m, sd, prefix, meta: log.append(("post", list(sd), prefix, meta)))
        m._register_state_dict_hook(lambda m, sd, prefix, meta: log.append(("old", prefix, meta)))
        nn.Sequential(m).state_dict()
        m._register_state_dict_hook(lambda m, sd, prefix, meta: {"x": 1})
        return log, m.state_dict(), nn.Sequential(m).state_dict()

    def objecting():
        m = kit.Lin()
        m.register_state_dict_post_hook(lambda *args: 3)
        return m.state_dict()

    return {
        "all": lambda: (type(model.state_dict()), model.state_dict(), model.state_dict()._metadata),
        "prefix": lambda: (list(model.state_dict(prefix="a.")), model.state_dict(prefix="a.")._metadata),
        "into a dict": lambda: model.state_dict(destination={"first": 1}),
        "aliases": aliased,
        "extra state": lambda: (Nested().state_dict(), Nested().state_dict()._metadata),
        "tied": lambda: (lambda lin: list(nn.Sequential(lin, lin).state_dict()))(kit.Lin()),
        "hooks": hooked,
        "objecting hook": objecting,
    }


@program
def loading(kit):
    nn, lib = kit.nn, kit.lib

    def load(module, change=None, saved=None, **options):
        saved = module.state_dict() if saved is None else saved
        for key, value in (change or {}).items():
            if value is Ellipsis:
                del saved[key]
            else:
                saved[key] = value
        result = module.load_state_dict(saved, **options)
        return result, str(result), tuple(result), module.state_dict(keep_vars=True)

    wrong = {
        "x": lib.ones(1),
        "y.z": lib.ones(1),
        "0.weight": ...,
        "1.1.mean": ...,
        "0.bias": lib.ones(3),
        "1.1.weight": [1, 2],
    }
    order = {"e.q": 1, "zz": 2, "a.b": 3, "0.e.e": 4, "0.weight.x": 3, "1.x": 1, "1": 3, "": 4, "_extra_state": 5}

    class Peek(nn.Module):
        _version = 3

        def _load_from_state_dict(self, state_dict, prefix, local_metadata, strict, missing, unexpected, errors):
            self.seen = (list(state_dict), prefix, dict(local_metadata), strict, missing, unexpected, errors)
            super()._load_from_state_dict(state_dict, prefix, local_metadata, strict, missing, unexpected, errors)

    def peeked(saved=None, **options):
        m = nn.Sequential(kit.Lin(), Peek())
        m.load_state_dict(m.state_dict() if saved is None else saved, **options)
        return m[1].seen

    def hooked(hook, register="register_load_state_dict_post_hook", saved=None):
        m = kit.Lin()
        getattr(m, register)(hook)
        return load(m, saved=saved)

    def rename(module, state_dict, prefix, *rest):
        state_dict[prefix + "weight"] = state_dict.pop(prefix + "w")

    def complain(module, state_dict, prefix, metadata, strict, missing, unexpected, errors):
        errors.append("boo")
        missing.append("mm")
        unexpected.append("uu")

    def older(*args):
        args[0]["bias"] = lib.zeros(2)

    def assigned(value):
        m = kit.Lin()
        load(m, {"weight": value}, assign=True)
        return m.weight, m.weight is value, type(m.weight).__name__

    def assigned_buffer():
        m, value = kit.Norm(), lib.ones(2, dtype=lib.float64)
        load(m, {"mean": value}, assign=True)
        return m.mean, m.mean is value

    def untouched_argument():
        m = kit.Lin()
        saved = {"w": lib.ones(2, 1), "bias": lib.ones(2)}
        m.register_load_state_dict_pre_hook(rename)
        return load(m, saved=saved), list(saved)

    def directly():
        m, missing, unexpected, errors = kit.Lin(), [], [], []
        m._load_from_state_dict({"p.weight": lib.zeros(2, 1), "p.q": 1}, "p.", {}, True, missing, unexpected, errors)
        return missing, unexpected, errors, m.weight

    return {
        "well": lambda: load(kit.model()),
        "not a mapping": lambda: kit.Lin().load_state_dict([1]),
        "None": lambda: kit.Lin().load_state_dict(None),
        "key that is no string": lambda: kit.Lin().load_state_dict({3: 1}),
        "all wrong": lambda: load(kit.model(), wrong),
        "all wrong, not strict": lambda: load(kit.model(), wrong, strict=False),
        "keys, not strict": lambda: load(kit.model(), {"x": 1, "0.weight": ...}, strict=False),
        "nothing": lambda: kit.model().load_state_dict({}),
        "order": lambda: load(kit.model(), order),
        "array": lambda: load(kit.Lin(), {"weight": lib.ones(2, 1).numpy()}),
        "cast": lambda: load(kit.Lin(), {"weight": lib.ones(2, 1, dtype=lib.float64) * 4}),
        "float into integer": lambda: load(kit.Norm(), {"count": lib.tensor(3.7)}),
        "1 into scalar": lambda: load(kit.Norm(), {"count": lib.tensor([5])}),
        "2 into scalar": lambda: load(kit.Norm(), {"count": lib.tensor([5, 6])}),
        "scalar into 2": lambda: load(kit.Norm(), {"mean": lib.tensor(5.0)}),
        "not saved": lambda: load(kit.Norm(), {"scratch": lib.ones(2), "nothing": lib.ones(2)}),
        "assign tensor": lambda: assigned(lib.ones(2, 1, dtype=lib.float64)),
        "assign frozen parameter": lambda: assigned(nn.Parameter(lib.ones(2, 1), requires_grad=False)),
        "assign buffer": assigned_buffer,
        "assign wrong size": lambda: load(kit.Lin(), {"weight": lib.ones(3, 1)}, assign=True),
        "extra state": lambda: load(kit.Extra(), {"_extra_state": {"v": 7}}),
        "extra state missing": lambda: load(kit.Extra(), {"_extra_state": ...}),
        "extra state unexpected": lambda: load(kit.Lin(), {"_extra_state": 1}),
        "extra state never": lambda: type(caught(kit.Lin().get_extra_state)),
        "what an override sees": peeked,
        "without metadata": lambda: peeked({"0.weight": lib.ones(2, 1), "0.bias": lib.ones(2)}),
        "with assign": lambda: peeked(assign=True),
        "hook forgives": lambda: hooked(lambda m, keys: keys.missing_keys.clear(), saved={}),
        "hook adds": lambda: hooked(lambda m, keys: keys.missing_keys.append("more")),
        "hook returns": lambda: hooked(lambda m, keys: 3),
        "hook renames": lambda: hooked(
            rename, "register_load_state_dict_pre_hook", {"w": lib.ones(2, 1), "bias": lib.ones(2)}
        ),
        "hook complains": lambda: hooked(complain, "register_load_state_dict_pre_hook"),
        "older hook": lambda: hooked(older, "_register_load_state_dict_pre_hook"),
        "argument": untouched_argument,
        "directly": directly,
    }


@program
def forward_hooks(kit):
    lib = kit.lib
    x = lib.ones(1, 2)

    def hooked(register, hook, call=lambda m: m(lib.ones(1)), **options):
        m = kit.Act()
        getattr(m, register)(hook, **options)
        return call(m)

    def before(hook, **options):
        return hooked("register_forward_pre_hook", hook, **options)

    def after(hook, **options):
        return hooked("register_forward_hook", hook, **options)

    def order():
        log, m = [], kit.Act()
        for name in "abc":
            m.register_forward_hook(lambda *_, name=name: log.append("after " + name), prepend=name == "c")
            m.register_forward_pre_hook(lambda *_, name=name: log.append("before " + name), prepend=name == "c")
        handle = m.register_forward_hook(lambda *_: log.append("never"))
        handle.remove()
        m(x)
        with m.register_forward_hook(lambda *_: log.append("inside")):
            m(x)
        m(x)
        return log

    def failing(*hooks, factor=1, pre=None):
        """Each hook is (name, raises, always_call)."""
        log, m = [], kit.Act()

        def make(name, raises):
            def hook(module, args, kwargs, output):
                log.append((name, args, kwargs, output))
                if raises:
                    raise KeyError(name)
                return 99 if output is None else None

            return hook

        for name, raises, always_call in hooks:
            m.register_forward_hook(make(name, raises), always_call=always_call, with_kwargs=True)
        if pre:
            m.register_forward_pre_hook(pre)
        return caught(lambda: m(x, factor=factor)), log

    def refuse(module, args):
        raise KeyError("pre")

    return {
        "before: None": lambda: before(lambda m, args: None),
        "before: value": lambda: before(lambda m, args: args[0] * 2),
        "before: tuple": lambda: before(lambda m, args: (args[0] * 2, 3)),
        "before: kwargs": lambda: before(lambda m, args, kwargs: (args, {"factor": 3}), with_kwargs=True),
        "before: kwargs None": lambda: before(lambda m, args, kwargs: None, with_kwargs=True),
        "before: kwargs wrong": lambda: before(lambda m, args, kwargs: 3, with_kwargs=True),
        "before: kwargs three": lambda: before(lambda m, args, kwargs: (1, 2, 3), with_kwargs=True),
        "after: None": lambda: after(lambda m, args, out: None),
        "after: value": lambda: after(lambda m, args, out: out * 5),
        "after: falsy": lambda: after(lambda m, args, out: 0),
        "after: kwargs": lambda: after(
            lambda m, args, kwargs, out: (args, kwargs, out), call=lambda m: m(x, factor=3), with_kwargs=True
        ),
        "order": order,
        "always, well": lambda: failing(("a", False, True), ("b", False, False)),
        "always, forward raises": lambda: failing(("a", False, True), ("b", False, False), factor=2),
        "always, hook raises": lambda: failing(("a", False, True), ("b", True, False), ("c", False, True)),
        "always, itself raises": lambda: failing(("a", True, True), ("b", False, True)),
        "always, both raise": lambda: failing(("a", True, True), ("b", False, True), factor=2),
        "always, pre-hook raises": lambda: failing(("a", False, True), pre=refuse),
        "always, pre-hook replaces": lambda: failing(("a", False, True), pre=lambda m, args: (args[0] * 7,), factor=2),
    }


Pair = namedtuple("Pair", "left right")


@program
def backward_hooks(kit):
    nn, lib = kit.nn, kit.lib

    def leaf():
        return lib.ones(1, 2, requires_grad=True)

    class Two(nn.Module):
        def forward(self, a, b, c=None):
            return a * 2, b * 3, "text"

    class Named(nn.Module):
        def forward(self, a):
            return Pair(a * 2, a * 3)

    class InDict(nn.Module):
        def forward(self, a):
            return {"o": a * 2}

    def watched(module, inputs, hook=None, pre=None, back=lambda out: out.sum().backward()):
        log = []

        def seeing(module, grad_in, grad_out):
            log.append((grad_in, grad_out))
            return hook(grad_in) if hook else None

        def seeing_first(module, grad_out):
            log.append(grad_out)
            return pre(grad_out) if pre else None

        module.register_full_backward_hook(seeing)
        module.register_full_backward_pre_hook(seeing_first)
        outcome = caught(lambda: back(module(*inputs)))
        return outcome, log, [i.grad for i in inputs if isinstance(i, lib.Tensor)]

    def order():
        log, m = [], kit.Act()
        for name in "abc":
            m.register_full_backward_hook(lambda *_, name=name: log.append("hook " + name), prepend=name == "c")
            m.register_full_backward_pre_hook(lambda *_, name=name: log.append("pre " + name), prepend=name == "c")
        m(leaf()).sum().backward()
        return log

    def nested():
        log, inner = [], kit.Lin(2, 2)
        outer = nn.Sequential(inner, kit.Act())
        inner.register_full_backward_hook(lambda m, gi, go: log.append(("inner", gi, go)))
        outer.register_full_backward_hook(lambda m, gi, go: log.append(("outer", gi, go)))
        outer(leaf()).sum().backward()
        return log

    def differentiated_twice():
        log, m, x = [], kit.Act(), leaf()
        m.register_full_backward_hook(lambda m, gi, go: log.append((gi[0].detach(), go[0].detach())))
        (g,) = lib.autograd.grad((m(x, 3) ** 3).sum(), x, create_graph=True)
        g.sum().backward()
        return log, g.detach(), x.grad

    def called_twice():
        log, m, x = [], kit.Act(), leaf()
        m.register_full_backward_hook(lambda m, gi, go: log.append(gi))
        m(m(x, 3), 5).sum().backward()
        return log

    def with_forward_hooks():
        log, m, x = [], kit.Act(), leaf()
        m.register_full_backward_hook(lambda m, gi, go: log.append((gi, go)))
        m.register_forward_pre_hook(lambda m, args: (args[0] * 10,))
        m.register_forward_hook(lambda m, args, out: out * 100)
        out = m(x)
        out.sum().backward()
        return log, x.grad, out

    def removed_before_backward():
        log, m = [], kit.Act()
        handle = m.register_full_backward_hook(lambda *_: log.append("called"))
        out = m(leaf())
        handle.remove()
        out.sum().backward()
        return log

    def without_grad():
        m, x = kit.Act(), leaf()
        m.register_full_backward_hook(lambda *_: None)
        with lib.no_grad():
            return m(x)

    plain = lib.ones(1, 2)
    both = lambda out: (out[0].sum() + out[1].sum()).backward()  # noqa: E731
    first = lambda out: out[0].sum().backward()  # noqa: E731
    return {
        "one input": lambda: watched(kit.Act(), [leaf(), 3]),
        "output": lambda: caught(lambda: watched(kit.Act(), [leaf()], back=lambda out: out)),
        "replace": lambda: watched(kit.Act(), [leaf()], hook=lambda gi: (gi[0] * 100,)),
        "replace too few": lambda: watched(kit.Act(), [leaf(), 3], hook=lambda gi: (gi[0],)),
        "replace too many": lambda: watched(kit.Act(), [leaf()], hook=lambda gi: (gi[0], None)),
        "replace first": lambda: watched(kit.Act(), [leaf()], pre=lambda go: (go[0] * 10,)),
        "replace first, too many": lambda: watched(kit.Act(), [leaf()], pre=lambda go: (go[0], go[0])),
        "no input wants one": lambda: watched(kit.Lin(2, 1), [plain]),
        "no input wants one, replace": lambda: watched(kit.Lin(2, 1), [plain], hook=lambda gi: (plain,)),
        "no input wants one, Nones": lambda: watched(kit.Lin(2, 1), [plain], hook=lambda gi: (None,)),
        "nobody wants one": lambda: watched(kit.Act(), [plain], back=lambda out: out),
        "two": lambda: watched(Two(), [leaf(), leaf()], back=both),
        "two, one wanted": lambda: watched(Two(), [leaf(), plain], back=both),
        "two, one used": lambda: watched(Two(), [leaf(), leaf()], back=first),
        "named tuple": lambda: watched(Named(), [leaf()], back=lambda out: (out.left + out.right).sum().backward()),
        "dict": lambda: watched(InDict(), [leaf()], back=lambda out: out["o"].sum().backward()),
        "order": order,
        "nested": nested,
        "differentiated twice": differentiated_twice,
        "called twice": called_twice,
        "forward hooks outside": with_forward_hooks,
        "removed before backward": removed_before_backward,
        "without grad": without_grad,
    }


@program
def copying(kit):
    nn, lib = kit.nn, kit.lib
    lin = kit.Lin()
    tied = copy.deepcopy(nn.Sequential(lin, lin))

    def hooked():
        m = kit.Lin()
        m.register_forward_hook(lambda m, args, out: out * 0)
        m.weight.grad = lib.ones(2, 1)
        twin = copy.deepcopy(m)
        return twin(lib.ones(1, 1)), twin.weight is m.weight, twin.weight.grad, twin.state_dict()

    def pickled():
        m = nn.Sequential(
            nn.ModuleDict({"a": nn.ParameterList([lib.ones(2), 3])}), nn.ParameterDict({"b": lib.ones(1)})
        )
        m.eval()
        twin = pickle.loads(pickle.dumps(m))
        return twin, twin.training, twin.state_dict()

    def shallow():
        m = kit.Lin()
        twin = copy.copy(m)
        return twin is m, twin.weight is m.weight

    return {"hooked": hooked, "pickled": pickled, "shallow": shallow, "tied": lambda: tied[0] is tied[1]}


def changed(make, change):
    """What a call on a fresh container gives, and the container afterwards."""
    container = make()
    return change(container), container


@program
def old_states(kit):
    """Attributes that a pickle brings, through ``__setstate__``."""

    class Older(kit.Lin):
        def __setstate__(self, state):
            super().__setstate__({k: v for k, v in state.items() if "pre_hooks" not in k})  # as long ago
            self.n_out = 7

    def again():
        m = Older()
        return copy.copy(m), copy.deepcopy(m).n_out, copy.deepcopy(m)(kit.lib.ones(1, 1))

    return {"copy": again, "hooked": lambda: copy.copy(Older()).register_forward_hook(print) is not None}


@program
def sequential(kit):
    nn, lib, Act, Lin, Norm = kit.nn, kit.lib, kit.Act, kit.Lin, kit.Norm

    def three():
        return nn.Sequential(Act(), Lin(), Norm())

    def named():
        return nn.Sequential(OrderedDict(a=Act(), b=Lin()))

    def added(container, other):
        before = container
        container += other
        return container is before

    def times(container, count):
        before = container
        container *= count
        return container is before

    def deleted(container, index):
        del container[index]

    def stored(container, index, value):
        container[index] = value

    def on(make, *changes):
        return [caught(lambda change=change: changed(make, change)) for change in changes]

    return {
        **{f"[{i!r}]": lambda i=i: three()[i] for i in (-1, 0, 2, 3, -4, "a", "0", 1.0, True, slice(1, None))},
        "[tensor]": lambda: three()[lib.tensor(1)],
        "set": lambda: on(three, *(lambda c, i=i: stored(c, i, Act()) for i in (1, -1, 3)), lambda c: stored(c, 0, 3)),
        "del": lambda: on(three, *(lambda c, i=i: deleted(c, i) for i in (0, -1, 3, slice(1, 3), slice(0, None, 2)))),
        "named": lambda: on(
            named,
            lambda c: c[1:],
            lambda c: deleted(c, 0),
            lambda c: c.pop(0),
            lambda c: c.append(Norm()),
            lambda c: c.a,
        ),
        "append": lambda: on(three, lambda c: c.append(Act()) is c, lambda c: c.append(3)),
        "extend": lambda: on(three, *(lambda c, o=o: c.extend(o) is c for o in ([Act()], three(), 3, [3]))),
        "insert": lambda: on(
            three, *(lambda c, i=i: c.insert(i, Norm()) is c for i in (0, 1, 3, -1, 77, -77)), lambda c: c.insert(0, 3)
        ),
        "pop": lambda: on(three, lambda c: c.pop(0), lambda c: c.pop(-1), lambda c: c.pop(5)),
        "+": lambda: [three() + named(), caught(lambda: three() + 3), caught(lambda: three() + [Act()])],
        "+=": lambda: on(three, lambda c: added(c, three()), lambda c: added(c, 3)),
        "*": lambda: [named() * 2, 2 * named(), *(caught(lambda k=k: named() * k) for k in (0, -1, 1.5))],
        "*=": lambda: on(three, *(lambda c, k=k: times(c, k) for k in (1, 2, 0, 1.5))),
        "* keeps": lambda: (lambda c: (c * 2)[0] is (c * 2)[3])(three()),
        **{f"of {v!r}": lambda v=v: nn.Sequential(v) for v in (3, {"a": 1}, None)},
        "of a list": lambda: nn.Sequential([Act()]),
        "calls": lambda: [nn.Sequential()(3), nn.Sequential(Lin(), Act())(lib.ones(1, 1))],
        "two arguments": lambda: nn.Sequential(Act())(lib.ones(1), 2),
        "iterated": lambda: [list(three()), len(three()), bool(nn.Sequential()), list(reversed(three()))],
    }


@program
def module_list(kit):
    nn, Act, Lin, Norm = kit.nn, kit.Act, kit.Lin, kit.Norm

    def three():
        return nn.ModuleList([Act(), Lin(), Norm()])

    def deleted(container, index):
        del container[index]

    def stored(container, index, value):
        container[index] = value

    def added(container, other):
        before = container
        container += other
        return container is before

    def on(*changes):
        return [caught(lambda change=change: changed(three, change)) for change in changes]

    return {
        **{
            f"[{i!r}]": lambda i=i: three()[i]
            for i in (-1, 0, 2, 3, -4, "a", "0", slice(1, None), slice(None, None, -1))
        },
        "set": lambda: on(*(lambda c, i=i: stored(c, i, Act()) for i in (1, -1, 3)), lambda c: stored(c, 0, 3)),
        "del": lambda: on(*(lambda c, i=i: deleted(c, i) for i in (0, -1, 3, slice(1, 3)))),
        "+": lambda: [three() + [Act()], caught(lambda: three() + 3)],
        "+=": lambda: on(lambda c: added(c, [Act()]), lambda c: added(c, 3)),
        "append": lambda: on(lambda c: c.append(Act()) is c, lambda c: c.append(3), lambda c: c.append(None)),
        "extend": lambda: on(*(lambda c, o=o: c.extend(o) is c for o in ([Act()], three(), 3, "ab", Act()))),
        "insert": lambda: on(*(lambda c, i=i: c.insert(i, Norm()) for i in (0, 1, 3))),
        "pop": lambda: on(lambda c: c.pop(0), lambda c: c.pop(-1), lambda c: c.pop(5)),
        "of a generator": lambda: nn.ModuleList(Act() for _ in range(2)),
        "of 3": lambda: nn.ModuleList(3),
        "of a module": lambda: nn.ModuleList(Act()),
        "called": lambda: three()(3),
        "iterated": lambda: [list(three()), len(three()), list(reversed(three()))],
    }


@program
def module_dict(kit):
    nn, Act, Lin = kit.nn, kit.Act, kit.Lin

    def two():
        return nn.ModuleDict({"b": Act(), "a": Lin()})

    def deleted(container, key):
        del container[key]

    def stored(container, key, value):
        container[key] = value

    def on(*changes):
        return [caught(lambda change=change: changed(two, change)) for change in changes]

    return {
        "get": lambda: [two()["a"], caught(lambda: two()["z"]), "a" in two(), "z" in two(), len(two()), list(two())],
        "set": lambda: on(
            *(lambda c, k=k: stored(c, k, Act()) for k in ("a", "q", 3, "x.y", "keys")), lambda c: stored(c, "q", 3)
        ),
        "del": lambda: on(lambda c: deleted(c, "a"), lambda c: deleted(c, "z")),
        "views": lambda: [two().keys(), two().values(), two().items()],
        "pop": lambda: on(lambda c: c.pop("a"), lambda c: c.pop("z")),
        "clear": lambda: on(lambda c: c.clear()),
        "update": lambda: on(
            lambda c: c.update({"z": Act(), "b": Lin()}),
            lambda c: c.update([("z", Act()), ("b", Lin())]),
            lambda c: c.update(two()),
            *(lambda c, o=o: c.update(o) for o in (3, [3], [("a",)], [("a", 1, 2)])),
        ),
        "of 3": lambda: nn.ModuleDict(3),
        "called": lambda: two()(3),
    }


@program
def parameter_list(kit):
    nn, lib = kit.nn, kit.lib

    def three():
        return nn.ParameterList([nn.Parameter(lib.ones(1)), lib.zeros(2), 3])

    def stored(container, index, value):
        container[index] = value

    def on(*changes):
        return [caught(lambda change=change: changed(three, change)) for change in changes]

    return {
        **{f"[{i!r}]": lambda i=i: three()[i] for i in (0, 1, 2, -1, 3, -4, "0", slice(None, 2))},
        "set": lambda: on(
            lambda c: stored(c, 0, lib.ones(3)),
            lambda c: stored(c, 0, 5),
            lambda c: stored(c, 2, lib.ones(3)),
            lambda c: stored(c, 9, lib.ones(3)),
        ),
        "append": lambda: on(
            lambda c: c.append(lib.ones(4)) is c, lambda c: c.append("x"), lambda c: c.append(lib.tensor([1]))
        ),
        "extend": lambda: on(*(lambda c, o=o: c.extend(o) is c for o in ([lib.ones(1)], three(), 3, lib.ones(2)))),
        "names": lambda: [[n for n, _ in three().named_parameters()], list(three().state_dict()), len(three())],
        "iterated": lambda: [type(value).__name__ for value in three()],
        "called": lambda: three()(1),
        "of 3": lambda: nn.ParameterList(3),
        "of a result": lambda: nn.ParameterList([nn.Parameter(lib.ones(1)) * 2]),
    }


@program
def parameter_dict(kit):
    nn, lib = kit.nn, kit.lib

    def three():
        return nn.ParameterDict(OrderedDict(b=nn.Parameter(lib.ones(1)), a=lib.zeros(2), c=3))

    def deleted(container, key):
        del container[key]

    def stored(container, key, value):
        container[key] = value

    def joined(container, other):
        before = container
        container |= other
        return container is before

    def on(*changes):
        return [caught(lambda change=change: changed(three, change)) for change in changes]

    other = nn.ParameterDict({"k": lib.ones(1)})
    return {
        "get": lambda: [three()["a"], three()["c"], three().get("z"), three().get("z", 4), three().get("b")],
        "get unknown": lambda: [caught(lambda k=k: three()[k]) for k in ("z", 3)],
        "set": lambda: on(
            lambda c: stored(c, "q", lib.ones(1)),
            lambda c: stored(c, "a", lib.ones(1)),
            lambda c: stored(c, "x.y", lib.ones(1)),
            lambda c: stored(c, "keys", lib.ones(1)),
        ),
        "set 3": lambda: three().__setitem__(3, 1),
        "del": lambda: on(lambda c: deleted(c, "a"), lambda c: deleted(c, "z")),
        "looks": lambda: [len(three()), list(three()), list(reversed(three())), "a" in three(), "z" in three()],
        "views": lambda: [three().keys(), list(three().values()), list(three().items())],
        "pop": lambda: on(lambda c: c.pop("a"), lambda c: c.pop("c"), lambda c: c.pop("z")),
        "popitem": lambda: on(lambda c: c.popitem()),
        "setdefault": lambda: on(*(lambda c, k=k: c.setdefault(k, lib.ones(3)) for k in ("a", "z"))),
        "clear": lambda: on(lambda c: c.clear()),
        "update": lambda: on(
            lambda c: c.update({"z": lib.ones(1), "y": 2}),
            lambda c: c.update(OrderedDict(z=lib.ones(1), y=2)),
            lambda c: c.update([("z", lib.ones(1)), ("y", 2)]),
            lambda c: c.update(other),
            *(lambda c, o=o: c.update(o) for o in (3, [3], [("a",)])),
        ),
        "|": lambda: [three() | other, three() | {"k": lib.ones(1)}, {"k": lib.ones(1)} | three()],
        "|=": lambda: on(lambda c: joined(c, other)),
        "copy": lambda: (lambda c: [c.copy(), c.copy()["a"] is c["a"]])(three()),
        "fromkeys": lambda: [three().fromkeys("xy"), three().fromkeys("xy", lib.ones(1))],
        "names": lambda: [[n for n, _ in three().named_parameters()], list(three().state_dict())],
        "called": lambda: three()(1),
        "of 3": lambda: nn.ParameterDict(3),
    }


@pytest.mark.parametrize("written", PROGRAMS)
def test_same_transcript(written):
    assert transcript(written, minitorch_bn) == transcript(written, torch)
