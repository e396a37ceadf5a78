"""Which cause a proven remedy confirms.

A remedy that mends one thing names it: what lowering the rate cures was a rate too high. One that helps
against many things (Adam, batch normalization) confirms only the finding that proposed it, or its root.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..record import Evidence, Finding, Remedy
from .plan import Candidate, root_of
from .proof import Comparison

MEANS: Mapping[str, tuple[str, ...]] = {
    "preprocess": ("input-not-normalized", "input-squashed"),
    "val_preprocess": ("train-val-mismatch",),
    "target_scale": ("targets-not-scaled", "output-cannot-reach-targets"),
    "drop_nonfinite": ("input-not-finite", "target-not-finite", "loss-not-finite"),
    "shuffle": ("batches-not-shuffled",),
    "fresh_batches": ("same-batch-every-step",),
    "batch": ("too-few-updates", "batchnorm-tiny-batch"),
    "class_weights": ("minority-class-ignored",),
    "init": ("init-scale", "symmetric-units"),
    "init_head": ("initial-loss-off",),
    "last_activation": ("output-cannot-reach-targets", "loss-expects-logits"),
    "criterion_input": ("loss-expects-logits", "loss-expects-log-probabilities"),
    "criterion": ("loss-metric-disagree",),
    "reduction": ("loss-summed",),
    "loss_sign": ("loss-wrong-sign",),
    "target_shape": ("loss-broadcasts",),
    "zero_grad": ("gradients-accumulate",),
    "order": ("step-without-gradients", "optimizer-never-steps", "gradients-accumulate"),
    "optimize": ("parameters-not-optimized",),
    "unfreeze": ("frozen-by-mistake",),
    "undetach": ("graph-cut",),
    "train_mode": ("training-in-eval-mode",),
    "val_mode": ("validation-in-train-mode",),
    "norm_momentum": ("batchnorm-train-eval-gap",),
    "schedule": ("schedule-starves-training",),
    "eps": ("optimizer-epsilon-unsafe",),
    "betas": ("optimizer-epsilon-unsafe",),
    "weight_decay": ("regularization-too-strong",),
    "penalty": ("regularization-too-strong",),
    "dropout": ("dropout-too-strong",),
    "epochs": ("underfitting", "too-few-updates"),
    "width": ("underfitting",),
    "patience": ("overfitting",),
}
"""Causes that an edit of one field speaks for, where its value doesn't matter."""


def meaning(edit: Mapping[str, Any]) -> tuple[str, ...]:
    """The causes that the fields of an edit speak for; () where they speak for none in particular."""
    if "optimizer" in edit:
        edit = {name: value for name, value in edit.items() if name not in ("optimizer", "lr")}
    return tuple(cause for name, value in edit.items() for cause in _meaning(name, value))


def _meaning(name: str, value: Any) -> tuple[str, ...]:
    if name == "lr":
        if not str(value).startswith("*"):
            return ()
        return ("learning-rate-too-high",) if float(str(value)[1:]) < 1 else ("learning-rate-too-low",)
    if name == "clip_norm":
        return ("clipping-too-tight",) if value is None else ("exploding-gradients",)
    if name == "activation" and isinstance(value, Mapping):
        return ("missing-nonlinearity",) if "none" in value else ("saturated-units", "vanishing-gradients") if (
            "sigmoid" in value) else ("dead-relu",)  # fmt: skip
    if name in ("weight_decay", "dropout") and value and not str(value).startswith("*"):
        return ("overfitting",)
    return MEANS.get(name, ())


def confirm(best: Candidate, findings: Sequence[Finding], proof: Comparison | None = None) -> tuple[str, list[Finding]]:
    """The confirmed cause's id ("" where none is named) and the findings with it first, said to be confirmed."""
    there = {one.id: one for one in findings}
    root = root_of(best.finding, findings)
    certain = root in there and there[root].stage == "confirmed"
    meant = meaning(best.edit)
    alone = len(best.edit) == 1
    named = next((one for one in (meant if alone else there) if one in meant and one in there), None)
    if certain or (not alone and root in there and there[root].stage != "symptom"):
        cause = root
    elif named is not None:
        above = root_of(named, findings)
        cause = above if _proposes(there[above], best.edit) else named
    elif meant and (root not in there or there[root].stage == "symptom"):
        cause = meant[0]
    else:
        cause = root if root in there else _proposer(best.edit, findings)
    if cause and cause not in there:
        findings = [_new(cause, best, proof), *findings]
    found = [_confirmed(one) if one.id == cause else one for one in findings]
    return cause, sorted(found, key=lambda one: one.id != cause)


def _proposer(edit: Mapping[str, Any], findings: Iterable[Finding]) -> str:
    """The first finding that has such an edit among its remedies."""
    return next((one.id for one in findings if one.severity != "info" and _proposes(one, edit)), "")


def _proposes(finding: Finding, edit: Mapping[str, Any]) -> bool:
    return any(remedy.edit and set(remedy.edit) & set(edit) for remedy in finding.remedies)


def _confirmed(finding: Finding) -> Finding:
    return replace(finding, stage="confirmed", confidence=max(finding.confidence, 0.97), explained_by=None)


def _new(cause: str, best: Candidate, proof: Comparison | None) -> Finding:
    """A cause that no rule saw: the trial is its evidence."""
    gain = (
        f" ({sum(proof.before) / len(proof.before):.3f} → {sum(proof.after) / len(proof.after):.3f})" if proof else ""
    )
    title = best.title[:1].lower() + best.title[1:]
    return Finding(
        cause,
        f"Nothing that was measured shows it, but the trial does: to {title} makes it learn{gain}.",
        severity="error",
        stage="confirmed",
        confidence=0.97,
        evidence=(Evidence("trial", value=best.title),),
        remedies=(Remedy(best.title, dict(best.edit), best.code),),
    )
