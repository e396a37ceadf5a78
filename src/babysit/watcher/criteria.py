"""Criteria: what they really get and give, and the scores that follow from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..probes import Probe
from ..record.run import Key
from .guard import Guard
from .layers import is_plain
from .targets import Seen
from .transfer import Transfer

NAMES = (
    "cross_entropy", "nll_loss", "mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "binary_cross_entropy",
    "binary_cross_entropy_with_logits", "kl_div", "multi_margin_loss", "multilabel_margin_loss",
    "multilabel_soft_margin_loss", "soft_margin_loss", "poisson_nll_loss", "gaussian_nll_loss", "ctc_loss",
    "hinge_embedding_loss", "cosine_embedding_loss", "margin_ranking_loss", "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
)  # fmt: skip
"""The functions of torch.nn.functional that are criteria; nn's loss modules call them."""

KINDS = {
    "cross_entropy": "CrossEntropyLoss", "nll_loss": "NLLLoss", "mse_loss": "MSELoss", "l1_loss": "L1Loss",
    "smooth_l1_loss": "SmoothL1Loss", "huber_loss": "HuberLoss", "binary_cross_entropy": "BCELoss",
    "binary_cross_entropy_with_logits": "BCEWithLogitsLoss", "kl_div": "KLDivLoss", "ctc_loss": "CTCLoss",
    "multi_margin_loss": "MultiMarginLoss", "multilabel_margin_loss": "MultiLabelMarginLoss",
    "multilabel_soft_margin_loss": "MultiLabelSoftMarginLoss", "soft_margin_loss": "SoftMarginLoss",
    "poisson_nll_loss": "PoissonNLLLoss", "gaussian_nll_loss": "GaussianNLLLoss",
    "hinge_embedding_loss": "HingeEmbeddingLoss", "cosine_embedding_loss": "CosineEmbeddingLoss",
    "margin_ranking_loss": "MarginRankingLoss", "triplet_margin_loss": "TripletMarginLoss",
    "triplet_margin_with_distance_loss": "TripletMarginWithDistanceLoss",
}  # fmt: skip

PAIRED = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "poisson_nll_loss", "gaussian_nll_loss")
YES_NO = ("binary_cross_entropy", "binary_cross_entropy_with_logits", "multilabel_soft_margin_loss", "soft_margin_loss")
CLASSES = ("cross_entropy", "nll_loss", "multi_margin_loss")

Put = Callable[[Key, float], None]


@dataclass(eq=False)
class Called:
    """One call of a criterion."""

    name: str
    output: Tensor
    target: Tensor | None
    options: dict[str, Any]
    value: Tensor
    source: str | None = None


@dataclass(eq=False)
class Criterion:
    """One criterion of the script: what is known of it, and what was seen through it."""

    index: int
    name: str
    kind: str
    source: str | None
    facts: dict[str, Any]
    seen: Seen
    taken: bool = False  # in this step
    borrowed: bool = False  # known from validation alone, which came before any training

    @property
    def where(self) -> str:
        return f"criterion{self.index}" if self.index else ""


@dataclass(eq=False)
class Criteria:
    """All criteria of a training, told apart by what they are and where they are called."""

    transfer: Transfer
    probes: list[Probe]
    guard: Guard
    known: list[Criterion] = field(default_factory=list)
    rare: bool = True

    def of(self, call: Called, *, training: bool = True) -> Criterion | None:
        """The criterion that this is a call of; in validation the training's of the same kind."""
        same = [one for one in self.known if one.name == call.name]
        for one in same:
            if one.source == call.source:
                one.borrowed = one.borrowed and not training
                return one
        if not training:
            return same[0] if same else None
        return self._new(call, next((one.index for one in self.known if one.borrowed), len(self.known)))

    def lent(self, call: Called) -> Criterion | None:
        """The criterion of a validation pass before any training; the first that is trained with takes its place."""
        one = self.of(call, training=False)
        if one is None and (one := self._new(call, len(self.known))) is not None:
            one.borrowed = True
        return one

    def _new(self, call: Called, index: int) -> Criterion | None:
        if index >= 16:
            return None
        kind = KINDS.get(call.name, call.name)
        new = Criterion(index, call.name, kind, call.source, facts_of(call, index), Seen(call.name))
        self.known[index : index + 1] = [new]
        return new

    def begin(self) -> None:
        """An observed step begins."""
        for one in self.known:
            one.taken = False

    def measure(self, one: Criterion, call: Called, put: Put) -> None:
        """Take the readings of a call that is trained on; of the first one in a step."""
        if one.taken or not is_plain(call.output) or not call.output.numel():
            return
        one.taken = True
        where, output, target = one.where, call.output.detach(), call.target
        if output.dtype in (torch.float16, torch.bfloat16):
            output = output.float()
        if target is not None and is_plain(target):
            target = target.detach()
            one.seen.add(output, target, call.options, where, self.transfer, put)
            ratio, broadcast = _shapes(call.name, output, target)
            put(("output.numel_ratio", where), ratio)
            put(("output.broadcast", where), broadcast)
        if not output.is_floating_point():
            return
        few = output[:: max(1, len(output) // 4096)] if output.ndim and output.numel() > 1 << 18 else output
        if few.ndim == 1:
            few = few.unsqueeze(1)
        if few.ndim < 2:
            return
        for probe in self.probes:
            if probe.site == "output" and (self.rare or not probe.rare):
                self._send(probe, few, target, where, put)

    def by_hand(self, output: Tensor, put: Put) -> None:
        """No criterion of PyTorch's is called: what a criterion written by hand gets is taken to be the model's output."""
        if output.is_floating_point() and output.ndim >= 2 and output.numel():
            few = output[:: max(1, len(output) // 4096)] if output.numel() > 1 << 18 else output
            for probe in self.probes:
                if probe.site == "output" and (self.rare or not probe.rare):
                    self._send(probe, few, None, "", put)

    def _send(self, probe: Probe, x: Tensor, target: Any, where: str, put: Put) -> None:
        values = self.guard(probe.name, probe, x, target)
        if values is None:
            return

        def receive(numbers: list[float]) -> None:
            for what, value in zip(probe.gives, numbers, strict=True):
                if value == value or "nonfinite" in what:
                    put((what, where), value)
            if "output.std" in probe.gives and x.shape[1] > 1:
                put(("output.logit_std", where), numbers[probe.gives.index("output.std")])

        self.transfer.add(values, receive)


def _shapes(name: str, output: Tensor, target: Tensor) -> tuple[float, float]:
    """(numel of output / of target, without the legal axis of classes; whether they were broadcast)."""
    ratio = output.numel() / max(1, target.numel())
    if name in CLASSES and not target.is_floating_point():
        classes = output.shape[1] if output.ndim > 1 else output.shape[0]
        return ratio / max(1, classes), 0.0
    return ratio, float(output.shape != target.shape and name in (*PAIRED, *YES_NO, "kl_div"))


def call_of(
    name: str, original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], value: Any
) -> Called | None:
    """What a call was made with; None where it isn't about tensors."""
    output = (
        args[0] if args else kwargs.get("input", kwargs.get("log_probs", kwargs.get("anchor", kwargs.get("input1"))))
    )
    target = args[1] if len(args) > 1 else kwargs.get("target", kwargs.get("targets"))
    if not isinstance(output, Tensor) or not isinstance(value, Tensor):
        return None
    options = {key: one for key, one in kwargs.items() if key not in ("input", "target")}
    places = _PLACES.get(name, ())
    options.update(zip(places, args[2:], strict=False))
    return Called(name, output, target if isinstance(target, Tensor) else None, options, value)


_PLACES = {
    "cross_entropy": ("weight", "size_average", "ignore_index", "reduce", "reduction", "label_smoothing"),
    "nll_loss": ("weight", "size_average", "ignore_index", "reduce", "reduction"),
    "binary_cross_entropy": ("weight", "size_average", "reduce", "reduction"),
    "binary_cross_entropy_with_logits": ("weight", "size_average", "reduce", "reduction", "pos_weight"),
    "mse_loss": ("size_average", "reduce", "reduction"),
    "l1_loss": ("size_average", "reduce", "reduction"),
}


def facts_of(call: Called, index: int) -> dict[str, Any]:
    """The public facts of a criterion, from one call of it."""
    options = call.options
    weighted = any(isinstance(options.get(key), Tensor) for key in ("weight", "pos_weight"))
    return {
        "name": f"criterion{index}" if index else "",
        "kind": KINDS.get(call.name, call.name),
        "reduction": _reduction(call),
        "weighted": weighted,
        "label_smoothing": float(options.get("label_smoothing") or 0.0),
        "ignore_index": int(options.get("ignore_index", -100) if options.get("ignore_index") is not None else -100),
        "source": call.source,
        "output_shape": list(call.output.shape),
        "target_shape": list(call.target.shape) if call.target is not None else None,
        "target_dtype": str(call.target.dtype).removeprefix("torch.") if call.target is not None else None,
    }


def _reduction(call: Called) -> str:
    options = call.options
    if options.get("size_average") is False or options.get("reduce") is False:
        return "none" if options.get("reduce") is False else "sum"
    return str(options.get("reduction", "mean"))


def functions() -> list[Any]:
    """Every function that is a criterion."""
    return [getattr(F, name) for name in NAMES if hasattr(F, name)]
