"""How modules hang together, from the autograd graph of one observed forward and backward: exact, not guessed.

A module's input is followed back through the graph to the modules whose outputs it was made of.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .cause import cut_in, sampling_in
from .models import Models, Site

STRAIGHT = (
    "View", "UnsafeView", "Reshape", "Transpose", "Permute", "Squeeze", "Unsqueeze", "Expand", "Clone", "Alias", "T",
    "ToCopy", "Slice", "Select", "ReshapeAlias", "AsStrided", "Identity", "NativeDropout", "Swapaxes", "Movedim",
)  # fmt: skip
"""Operations that only move, copy or drop values: what goes through them is still an affine function."""
NO_SLOPE = ("Normal", "Bernoulli", "Poisson", "Binomial", "Round", "Sign", "Floor", "Ceil", "Trunc")
"""Operations that have a node in the graph and a gradient of 0 all the same."""
DRAWS = ("sample", "normal", "bernoulli", "poisson", "binomial")
DEEP = 400
_PASSIVE = ("dropout",)
_PASSIVE_KINDS = ("Identity", "Flatten", "Unflatten")


class Structure:
    """Follows one forward; `finish` gives `linear_pairs`."""

    def __init__(self, models: Models) -> None:
        self.models = models
        self._made: dict[Any, Site] = {}
        self.inputs: list[Tensor] = []  # of the model, in this forward
        self._straight: dict[int, tuple[Site, Site]] = {}

    def clear(self) -> None:
        """A forward is over: nothing of its graph is kept."""
        self._made.clear()
        self.inputs = []

    def entered(self, site: Site, x: Tensor | None) -> None:
        """A module is called with `x`: whose output is that?"""
        if x is None or x.grad_fn is None:
            if x is not None and x.is_floating_point() and self._made and not x.requires_grad:
                site.loose = not any(x.data_ptr() == one.data_ptr() for one in self.inputs)
            return
        site.loose, site.blocked = False, None
        sites, straight, flat = self._back(x.grad_fn)
        if flat:
            sloped = self._back(x.grad_fn, *NO_SLOPE)[0]
            site.blocked = (flat, [one for one in sites if one not in sloped])
        site.after = sites
        if len(sites) == 1 and straight:
            first = sites[0]
            if first.role in ("linear", "conv"):
                origin = first
            else:
                pair = self._straight.get(id(first))
                origin = pair[0] if pair and _passive(first) else None
            if origin is not None:
                self._straight[id(site)] = (origin, site)

    def left(self, site: Site, x: Tensor | None) -> None:
        """A module gave `x`."""
        if x is not None and x.grad_fn is not None and site.leaf:
            self._made[x.grad_fn] = site

    def _back(self, node: Any, *closed: str) -> tuple[list[Site], bool, str]:
        """(modules that a tensor was made of, by moving values only?, an operation without a slope on the way).

        Paths end at operations named in `closed`.
        """
        found: list[Site] = []
        straight, flat = True, ""
        seen, waiting = {node}, [node]
        while waiting and len(seen) < DEEP:
            here = waiting.pop()
            site = self._made.get(here)
            if site is not None:
                if site not in found:
                    found.append(site)
                continue
            kind = here.name().rsplit("::", 1)[-1].rstrip("0123456789").removesuffix("Backward")
            if kind in closed:
                continue
            if kind in NO_SLOPE:
                flat = kind.lower()
            if kind not in STRAIGHT:
                straight = False
            for after, _ in here.next_functions:
                if after is not None and after not in seen:
                    seen.add(after)
                    waiting.append(after)
        return found, straight and len(found) == 1, flat

    def linear_pairs(self) -> list[list[str]]:
        """Linear or convolution layers whose output went straight into the next."""
        pairs = [pair for pair in self._straight.values() if pair[1].role in ("linear", "conv")]
        return [[a.where, b.where] for a, b in pairs]


def _passive(site: Site) -> bool:
    return site.role in _PASSIVE or site.facts.get("kind") in _PASSIVE_KINDS


def graph_cuts(models: Models, got: set[str]) -> list[dict[str, Any]]:
    """Modules that ran in a trained forward, whose trainable parameters never got a gradient though later ones did.

    `got` holds the parameters that got one.
    """
    cuts = []
    for root in models.roots:
        own = [site for site in models.called if site.root is root and site.parameters]
        state = {}
        for site in own:
            values = [entry for entry, value in _entries(models, site) if value.requires_grad]
            if values:
                state[site] = any(entry.where in got for entry in values)
        reached = [site for site, has in state.items() if has]
        cut = [site for site, has in state.items() if not has]
        if root.trained and not cut:
            cuts += _flat(models, root, own)
        if not reached or not cut or not root.trained:
            continue
        last = max(cut, key=lambda site: site.order)
        after = [site for site in reached if site.order > last.order]
        if not after:
            continue
        nearest = min(after, key=lambda site: site.order)
        around = [root.module(), *_parents(models, root, last.name, nearest.name)]
        reason = cut_in([one for one in around if one is not None])
        cuts.append({"after": last.where, "before": nearest.where, "why": reason[0], "source": reason[1],
                     "modules": [site.where for site in cut]})  # fmt: skip
    return cuts


def _flat(models: Models, root: Any, own: list[Site]) -> list[dict[str, Any]]:
    """Layers fed with what earlier ones gave, but by way of a draw or a rounding: only a gradient of 0 leads back.

    Where the graph has no node for it, the source tells; not where the draw's own probability is learned from.
    """
    for site in own:
        if site.blocked is not None and site.blocked[1]:
            why, before = site.blocked
            around = [root.module(), *_parents(models, root, before[0].name, site.name)]
            source = cut_in([one for one in around if one is not None])[1] if why not in DRAWS else sampling_in(around)
        else:
            why = "sample"
            before = [one for one in own if one.order < site.order and one.shape_out and one.shape_out == site.shape_in]
            around = [root.module(), *_parents(models, root, before[-1].name, site.name)] if before else []
            source = sampling_in(around) if site.loose else None
            if source is None:
                continue
        return [{"after": before[-1].where, "before": site.where, "why": "sample" if why in DRAWS else why,
                 "source": source, "modules": [one.where for one in before], "flat": True}]  # fmt: skip
    return []


def _parents(models: Models, root: Any, *names: str) -> list[Any]:
    """The modules around those named, the innermost first, then themselves."""
    wanted = {name.rpartition(".")[0] for name in names} | set(names)
    own = [
        site for site in models.sites.values() if site.root is root and site.name in wanted and site.module is not None
    ]
    return [site.module() for site in own if site.module is not None]


def _entries(models: Models, site: Site) -> list[Any]:
    module = site.module() if site.module is not None else None
    if module is None:
        return []
    pairs = [(models.parameter(value), value) for value in module.parameters(recurse=False)]
    return [(entry, value) for entry, value in pairs if entry is not None]


def is_tracing() -> bool:
    """Is PyTorch compiling, tracing or exporting just now?"""
    return torch.compiler.is_compiling() or torch.jit.is_tracing()


def is_selected(x: torch.Tensor | None) -> bool:
    """Was it taken at one place of something larger, the same for all examples: output[:, -1], h_n[-1], squeezed or not?

    Examples:
        >>> steps = torch.ones(2, 3, 4, requires_grad=True) * 1
        >>> is_selected(steps[:, -1]), is_selected(steps[torch.arange(2), torch.tensor([0, 2])]), is_selected(steps.mean(1))
        (True, False, False)
    """
    node = x.grad_fn if x is not None else None
    for _ in range(4):
        if node is None:
            return False
        if node.name() in ("SelectBackward0", "SqueezeBackward1"):
            return True
        if node.name() not in (
            "NativeDropoutBackward0",
            "MulBackward0",
            "CloneBackward0",
            "ReluBackward0",
            "ViewBackward0",
        ):
            return False
        node = node.next_functions[0][0]
    return False
