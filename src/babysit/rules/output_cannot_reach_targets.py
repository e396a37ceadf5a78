"""The last activation can't give the values asked for."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ..record import Evidence, Finding, Run
from ..record.remedies import NO_LAST_ACTIVATION, STANDARDIZE_TARGETS
from . import found, rule
from ._consequences import NO_SIGNAL, NOT_LEARNING
from ._network import REGRESSION, activation_of, criterion, kind_of_loss, last_module
from ._progress import progress
from ._words import number, percent


@rule(
    "output.min", "output.max", "output.zeros", "output.std", "target.min", "target.max", "target.std", "batch.size", "loss.train",
    "fact:modules", "fact:criteria", "fact:task", family="loss", explains=(*NOT_LEARNING, *NO_SIGNAL, "dead-relu", "saturated-units", "targets-not-scaled"),
)  # fmt: skip
def output_cannot_reach_targets(run: Run, *, least: int = 5, zeros: float = 0.05) -> Iterator[Finding]:
    """The activation after the last layer can't give the values that are asked for.

    Why it matters: a ReLU never answers below 0, a tanh never beyond ±1, a softmax over one unit is always 1.
    What lies outside stays wrong for ever, and where the output is pressed against its bound the gradient is 0.

    Usual causes: an activation left after the last layer; targets that were standardized, so that half of
    them are negative, behind a sigmoid or ReLU.

    Told apart from: dead units in hidden layers, class imbalance; an output that merely has not got there yet
    (only bounds that are known, or never left, count).

    Args:
        run: reads the range of the criterion's input and of the targets, and what the last module is.
        least: looks at the criterion's input that are needed.
        zeros: share of exact zeros among logits that shows a ReLU.

    Examples:
        >>> facts = {"task": {"kind": "regression"}, "criteria": [{"kind": "MSELoss"}],
        ...          "modules": [{"name": "4", "kind": "Sigmoid", "activation": {"name": "sigmoid", "range": [0, 1]}}]}
        >>> spans = {"target.min": [-2.4] * 8, "target.max": [2.6] * 8, "target.std": [1.0] * 8}
        >>> sick = Run.of({**spans, "output.min": [0.2] * 8, "output.max": [0.9] * 8}, facts=facts)
        >>> [finding.message for finding in output_cannot_reach_targets(sick)]
        ['Sigmoid after the last layer gives 0 to 1, but the targets go from -2.4 to 2.6.']
        >>> linear = {**facts, "modules": [{"name": "4", "kind": "Linear"}]}
        >>> list(output_cannot_reach_targets(Run.of({**spans, "output.min": [-1.2] * 8, "output.max": [0.9] * 8}, facts=linear)))
        []

    Source:
        DeepDiagnosis and AutoTrainer (targets outside the activation's range); the floors are closed forms.
    """
    low, high = run.series("output.min").values, run.series("output.max").values
    low, high = low[np.isfinite(low)], high[np.isfinite(high)]
    if len(low) < least or len(high) < least:
        return
    kind = kind_of_loss(run)
    if float(high.max()) == float(low.min()) and run.last("batch.size", "0", 2.0) > 1 and run.last("target.std") != 0:
        yield _say(run, f"The output has been {number(float(high[-1]))} for every example so far: it can't depend on anything"
                   + (" (a softmax over one unit is always 1)." if high[-1] == 1 else "."), 0.9, "suspect", "output.max", float(high[-1]), "varies")  # fmt: skip
    elif kind in REGRESSION:
        yield from _regression(run, float(low.min()), float(high.max()))
    elif kind in ("crossentropy", "bcewithlogits"):
        yield from _logits(run, low, high, zeros)


def _regression(run: Run, low: float, high: float) -> Iterator[Finding]:
    wanted = run.last("target.min"), run.last("target.max")
    sd = run.last("target.std")
    if not all(map(math.isfinite, (*wanted, sd))) or sd <= 0:
        return
    last = last_module(run)
    bound = activation_of(last).get("range") or [None, None]
    below = bound[0] is not None and wanted[0] < bound[0] - 0.1 * sd
    above = bound[1] is not None and wanted[1] > bound[1] + 0.1 * sd
    if below or above:
        reach = f"{_end(bound[0], '-∞')} to {_end(bound[1], '∞')}"
        yield _say(run, f"{last.get('kind')} after the last layer gives {reach}, but the targets go from {number(wanted[0])} to {number(wanted[1])}.",
                   0.95, "confirmed", "output.max" if above else "output.min", high if above else low, f"{number(wanted[0])} to {number(wanted[1])}")  # fmt: skip
    elif low == 0 and wanted[0] < -0.5 * sd and run.last("output.zeros", "", 0.0) > 0.01:
        yield _say(run, f"The output was never below 0 (and often exactly 0: a ReLU after the last layer?), but the targets go down to {number(wanted[0])}.",
                   0.9, "suspect", "output.min", low, number(wanted[0]))  # fmt: skip


def _logits(run: Run, low: np.ndarray, high: np.ndarray, zeros: float) -> Iterator[Finding]:
    share = run.series("output.zeros").values
    share = float(np.median(share[np.isfinite(share)])) if np.isfinite(share).any() else 0.0
    last = last_module(run)
    name = str(activation_of(last).get("name") or last.get("kind", "")).lower()
    classes = (run.fact("task") or {}).get("classes") or 2
    if float(low.min()) >= 0 and share > zeros:
        yield _say(run, f"The scores handed to {criterion(run).get('kind')} are never negative and {percent(share)} of them are exactly 0: "
                   "a ReLU after the last layer. Where it gives 0, no gradient comes back.", 0.95, "confirmed" if "relu" in name else "suspect", "output.zeros", share, "0")  # fmt: skip
    elif name in ("tanh", "softsign", "hardtanh") and float(np.abs(np.concatenate([low, high])).max()) <= 1.0 + 1e-6:
        floor = math.log1p((classes - 1) * math.exp(-2)) if classes > 1 else math.nan
        yield _say(run, f"{last.get('kind')} after the last layer keeps the scores within ±1, so the loss can't fall below {floor:.4f} (ln(1 + (K-1)/e²)).",
                   0.9 if not progress(run).winning else 0.6, "confirmed", "output.max", float(high.max()), "any real number")  # fmt: skip


def _say(run: Run, text: str, sure: float, stage: str, what: str, value: float, expected: str) -> Finding:
    return found(
        severity="error" if not progress(run).winning else "warning",
        stage=stage,
        confidence=sure,
        where=last_module(run).get("name"),
        message=text,
        evidence=[Evidence(what, "", value=value, expected=expected)],
        remedies=[NO_LAST_ACTIVATION, STANDARDIZE_TARGETS] if kind_of_loss(run) in REGRESSION else [NO_LAST_ACTIVATION],
    )


def _end(value: float | None, unbounded: str) -> str:
    return unbounded if value is None else number(value)
