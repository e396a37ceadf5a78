"""The models of a training: found when they are first called, their modules and parameters by PyTorch's names."""

from __future__ import annotations

import os
import sys
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from ..nn import facts_of
from .loading import Loaded

_SKIPPED = tuple(os.path.dirname(os.path.abspath(path)) + os.sep for path in (torch.__file__, __file__))
WRAPPERS = ("DistributedDataParallel", "DataParallel", "OptimizedModule", "FullyShardedDataParallel")


@dataclass(eq=False)
class Root:
    """One model: a module called from outside any other."""

    name: str
    module: weakref.ref[nn.Module]
    prefix: str = ""
    given: bool = False
    trained: bool = False  # a forward with gradients was seen


@dataclass(eq=False)
class Site:
    """One module of a model, or a function called inside one that does what a module does (F.relu)."""

    name: str
    root: Root
    facts: dict[str, Any]
    module: weakref.ref[nn.Module] | None = None
    parameters: list[str] = field(default_factory=list)
    leaf: bool = True
    registered: bool = True
    order: int = -1  # in the order of first call; -1 when never called
    calls: int = 0  # in one forward
    counting: int = 0
    last: int = 0  # the newest observed step at which it was called
    shape_in: list[int] | None = None
    shape_out: list[int] | None = None
    one_place: bool = False  # its input was selected at one place, as in output[:, -1]
    batch_axis: int | None = None  # of a recurrent or attention layer, when it was last asked for
    after: list[Site] = field(default_factory=list)
    loose: bool = False  # its input was made inside the model, and leads back to nothing
    blocked: tuple[str, list[Site]] | None = None  # by which operation, and from whom only a gradient of 0 comes back

    @property
    def where(self) -> str:
        """The public name, the model's first where there are several."""
        return self.root.prefix + self.name

    @property
    def role(self) -> str:
        return self.facts["role"]


@dataclass(eq=False)
class Parameter:
    """One parameter: what the facts say of it."""

    name: str
    root: Root
    value: weakref.ref[Any]
    module: str
    kind: str
    registered: bool = True
    tied_to: str | None = None
    start: dict[str, Any] | None = None
    row: dict[str, Any] | None = None  # its facts when they were last asked for

    @property
    def where(self) -> str:
        return self.root.prefix + self.name


class Models:
    """All models seen, with a site for each module and an entry for each parameter."""

    def __init__(self) -> None:
        self.roots: list[Root] = []
        self.sites: dict[int, Site] = {}
        self.parameters: dict[int, Parameter] = {}
        self.called: list[Site] = []
        self.frozen_names = False
        self.loaded = Loaded()
        self.version = 0

    def site(self, module: nn.Module) -> Site | None:
        """The site of a module that is known."""
        found = self.sites.get(id(module))
        if found is not None and found.module is not None and found.module() is module:
            return found
        return None

    def parameter(self, value: Any) -> Parameter | None:
        """The entry of a parameter that is known."""
        found = self.parameters.get(id(value))
        return found if found is not None and found.value() is value else None

    def add(self, module: nn.Module, name: str | None = None, *, given: bool = False) -> Root:
        """Take in a model."""
        module = unwrapped(module)
        root = Root(name or type(module).__name__.lower(), weakref.ref(module), given=given)
        taken = {one.name for one in self.roots}
        base, number = root.name, 2
        while root.name in taken:
            root.name, number = f"{base}_{number}", number + 1
        self.roots.append(root)
        self.version += 1
        self._prefix(root)
        self.take(module, root, "")
        return root

    def _prefix(self, root: Root) -> None:
        if self.frozen_names:
            root.prefix = f"{root.name}/" if len(self.roots) > 1 else ""
        else:
            for one in self.roots:
                one.prefix = f"{one.name}/" if len(self.roots) > 1 else ""

    def take(self, module: nn.Module, root: Root, base: str, *, registered: bool = True) -> None:
        """Enter a module, all that is inside it, and its parameters."""
        tied = {id(p): name for name, p in module.named_parameters()}
        for name, one in module.named_modules():
            if self.site(one) is not None:
                continue
            full = ".".join(part for part in (base, name) if part)
            leaf = next(one.children(), None) is None or type(one).__name__ == "MultiheadAttention"
            site = Site(full, root, _facts(one), weakref.ref(one), leaf=leaf, registered=registered)
            self.sites[id(one)] = site
            for short, value in one.named_parameters(recurse=False):
                own = f"{full}.{short}" if full else short
                site.parameters.append(own)
                if self.parameter(value) is None:
                    kind = _kind(short, value, site.role)
                    self.parameters[id(value)] = Parameter(own, root, weakref.ref(value), full, kind, registered)
                elif tied.get(id(value)):
                    known = self.parameters[id(value)]
                    known.tied_to = known.tied_to or own
        self.version += 1

    def discover(self, module: nn.Module) -> Root:
        """A module that is called from outside any other: find what it belongs to, and take that in."""
        inner = unwrapped(module)
        known = self.site(inner)
        if known is not None:
            return known.root
        top, name = _outermost(inner)
        return self.add(top, name)

    def unregistered(self, module: nn.Module, parent: Site | None) -> Site | None:
        """A module called inside a model that doesn't list it among its children: kept in a plain list, say."""
        if parent is None or parent.module is None:
            return None
        owner = parent.module()
        path = _path(owner, module) or type(module).__name__
        listed = owner is not None and any(one is module for one in owner.modules())
        base = f"{parent.name}.{path}" if parent.name else path
        self.take(module, parent.root, base, registered=listed)
        return self.site(module)

    def call(self, site: Site) -> None:
        """The site is called for the first time."""
        if site.order < 0:
            site.order = len(self.called)
            self.called.append(site)
            self.version += 1
        site.counting += 1

    def trainable(self) -> Iterator[tuple[Parameter, Any]]:
        """(entry, tensor) of every parameter that asks for gradients."""
        for entry in list(self.parameters.values()):
            value = entry.value()
            if value is not None and value.requires_grad:
                yield entry, value

    def main(self) -> Root | None:
        """The first-seen model that is trained."""
        return next((root for root in self.roots if root.trained), self.roots[0] if self.roots else None)


def unwrapped(module: nn.Module) -> nn.Module:
    """What a wrapper (DDP, torch.compile) holds."""
    while type(module).__name__ in WRAPPERS:
        inner = getattr(module, "_orig_mod", None)
        module = inner if inner is not None else module.module  # type: ignore[assignment]
    return module


def has_parameters(module: nn.Module) -> bool:
    """Has it anything to learn, also in plain lists? (A criterion has nothing.)"""
    return next(module.parameters(), None) is not None


def _facts(module: nn.Module) -> dict[str, Any]:
    try:
        return facts_of(module)
    except Exception:  # somebody's subclass that lacks its parent's attributes
        return {"kind": type(module).__name__, "role": "other", "activation": None}


def _kind(name: str, value: Any, role: str) -> str:
    if role == "norm":
        return "norm"
    if role == "embedding":
        return "embedding"
    return "bias" if "bias" in name or value.ndim < 2 else "weight"


def _outermost(module: nn.Module) -> tuple[nn.Module, str | None]:
    """The outermost module, among those whose methods are running, that holds this one; and a name for it."""
    frame, top = sys._getframe(2), module
    for _ in range(60):
        if frame is None:
            break
        owner = frame.f_locals.get("self") if "self" in frame.f_code.co_varnames[:1] else None
        if isinstance(owner, nn.Module) and type(owner).__name__ not in WRAPPERS and owner is not top:
            if any(one is top for one in owner.modules()):
                top = owner
        frame = frame.f_back
    return top, _variable(top)


def _variable(module: nn.Module) -> str | None:
    """The name of the variable, or of the attribute, that holds a module in a running frame."""
    frame = sys._getframe(3)
    for _ in range(60):
        if frame is None:
            return None
        if frame.f_code.co_filename.startswith(_SKIPPED):
            frame = frame.f_back
            continue
        for name, value in list(frame.f_locals.items()):
            if value is module and name != "self" and not name.startswith("_"):
                return name
        owner = frame.f_locals.get("self")
        if owner is not None and not isinstance(owner, nn.Module):
            for name, value in list(getattr(owner, "__dict__", {}).items()):
                if value is module:
                    return name
        frame = frame.f_back
    return None


def _path(owner: nn.Module | None, module: nn.Module) -> str | None:
    """ "layers.0" of a module kept in a plain list, tuple or dict of its owner."""
    for name, value in vars(owner).items() if owner is not None else ():
        if value is module:
            return name
        held = enumerate(value) if isinstance(value, list | tuple) else value.items() if isinstance(value, dict) else ()
        if name.startswith("_"):
            continue
        for key, one in held:
            if one is module:
                return f"{name}.{key}"
    return None
