"""Probabilities are fed to a loss that wants logits."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ..record import Evidence, Finding, Run
from ..record.remedies import LOGITS
from . import found, rule
from ._consequences import NO_SIGNAL, NOT_LEARNING
from ._network import activation_of, criterion, kind_of_loss, last_module, source
from ._words import number


@rule(
    "output.row_sum_error", "output.min", "output.max", "batch.size", "fact:criteria", "fact:modules", "fact:task", "target.mean", "loss.train",
    family="loss", explains=(*NOT_LEARNING, *NO_SIGNAL, "overfitting", "loss-oscillates", "output-cannot-reach-targets"),
)  # fmt: skip
def loss_expects_logits(run: Run, *, least: int = 3, examples: int = 500) -> Iterator[Finding]:
    """Probabilities are handed to a loss that wants raw scores (logits).

    Why it matters: the loss applies softmax (or sigmoid) itself. Applied twice, it can tell classes apart
    by at most a factor e: the loss can't fall below ln(1 + (K-1)/e), 1.4612 for K = 10, however sure the network
    is, and the gradient fades as it gets surer. It looks right at the start (ln K) and the accuracy may still rise.

    Usual causes: `nn.Softmax` at the end of the model with `CrossEntropyLoss`, `torch.sigmoid` with `BCEWithLogitsLoss`.

    Told apart from: log-softmax before cross-entropy, which is harmless (applied twice it changes nothing);
    logits that happen to lie between 0 and 1 early on (500 examples and several looks are asked for).

    Args:
        run: reads `output.row_sum_error` (0 where every row of the criterion's input is a distribution),
            or `output.min` and `output.max` for the binary loss.
        least: looks at the criterion's input that are needed.
        examples: examples that are needed.

    Examples:
        >>> facts = {"criteria": [{"kind": "CrossEntropyLoss", "source": "train.py:31"}], "task": {"kind": "classes", "classes": 10}}
        >>> sick = Run.of({"output.row_sum_error": [2e-7] * 8, "batch.size": {"0": [64.0] * 8}}, facts=facts)
        >>> [finding.message for finding in loss_expects_logits(sick)]
        ["CrossEntropyLoss wants raw scores but gets probabilities (every row is ≥ 0 and sums to 1): softmax is applied twice. The loss can't fall below 1.4612."]
        >>> list(loss_expects_logits(Run.of({"output.row_sum_error": [-1.0] * 8, "batch.size": {"0": [64.0] * 8}}, facts=facts)))
        []

    Source:
        An exact fact; the floor is cross-entropy of softmax(one-hot). Most frequent silent fault in Humbatova et
        al. 2020 and on public question sites.
    """
    kind, classes = kind_of_loss(run), (run.fact("task") or {}).get("classes") or 0
    enough = run.last("batch.size", "0", 1.0)
    if kind == "crossentropy":
        rows = run.series("output.row_sum_error").values
        rows = rows[np.isfinite(rows)]
        if (
            len(rows) >= least
            and ((rows >= 0) & (rows < 1e-3)).all()
            and len(rows) * max(1.0, enough) >= min(examples, 64 * least)
        ):
            floor = math.log1p((classes - 1) / math.e) if classes > 1 else math.nan
            yield _say(
                run,
                "softmax",
                "CrossEntropyLoss",
                "every row is ≥ 0 and sums to 1",
                floor,
                "output.row_sum_error",
                float(rows.max()),
                "not a distribution",
                0.98,
            )
        elif classes > 2 and _inside(run, least, examples) and _last_is(run, "sigmoid"):
            floor = math.log1p((classes - 1) / math.e)
            yield _say(
                run,
                "sigmoid",
                "CrossEntropyLoss",
                "every value lies between 0 and 1",
                floor,
                "output.max",
                run.last("output.max"),
                "any real number",
                0.97,
            )
    elif kind == "bcewithlogits" and _inside(run, least, examples):
        ones = run.last("target.mean")
        ones = ones if 0 <= ones <= 1 else 0.5
        floor = math.log1p(math.exp(-1)) * ones + math.log(2) * (1 - ones)
        sure = 0.98 if _last_is(run, "sigmoid", "softmax") else 0.9
        yield _say(
            run,
            "sigmoid",
            "BCEWithLogitsLoss",
            "every value lies between 0 and 1",
            floor,
            "output.max",
            run.last("output.max"),
            "any real number",
            sure,
        )


def _say(
    run: Run, twice: str, loss: str, seen: str, floor: float, what: str, value: float, expected: str, sure: float
) -> Finding:
    limit = f" The loss can't fall below {floor:.4f}." if math.isfinite(floor) else ""
    return found(
        severity="error",
        stage="confirmed" if sure > 0.95 else "suspect",
        confidence=sure,
        source=criterion(run).get("source") or source(run, "train"),
        where=last_module(run).get("name") if _last_is(run, "softmax", "sigmoid") else None,
        message=f"{loss} wants raw scores but gets probabilities ({seen}): {twice} is applied twice.{limit}",
        evidence=[
            Evidence(what, "", value=value, expected=expected),
            Evidence("loss.train", "", value=run.last("loss.train"), expected=f"below {number(floor)} in the end", limit=floor if math.isfinite(floor) else None),
        ],
        remedies=[LOGITS],
    )  # fmt: skip


def _inside(run: Run, least: int, examples: int) -> bool:
    low, high = run.series("output.min").values, run.series("output.max").values
    known = _last_is(run, "sigmoid", "softmax")  # then the range only agrees with what is known
    if len(low) < least or len(high) < least or (not known and len(low) * run.last("batch.size", "0", 1.0) < examples):
        return False
    return bool((low >= 0).all() and (high <= 1).all() and float(np.fmax.reduce(high) - np.fmin.reduce(low)) > 1e-6)


def _last_is(run: Run, *names: str) -> bool:
    last = last_module(run)
    return str(activation_of(last).get("name") or last.get("kind", "")).lower() in names
