"""The study: many recipes trained over one space, with what each came to. Plain data, no torch."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from .finding import Finding
from .shown import Shown

State = Literal["running", "complete", "dropped", "broken", "failed"]


@dataclass
class Trial:
    """One recipe trained within a study.

    Attributes:
        number: counted from 0, for good (also in the storage).
        params: the edit of the base recipe that it is.
        stage: counted from 0.
        state: "complete" was trained to its end, "dropped" fell behind others, "broken" had its cost pass three
            times what it was at first or cease to be finite, "failed" raised an error.
        why: the reason in words, where it isn't "complete".
        score: of the last epoch, mean over the folds: accuracy or R², higher is better; NaN before any epoch.
        loss: validation loss beside it.
        epochs: trained so far.
        curve: `score` after each epoch; `losses` the validation loss; `costs` the mean training loss.
        sd: standard deviation of the score over folds and seeds; NaN for one.
        scores: the single scores it is the mean of.
        seeds: seeds it was trained with.
        findings: what diagnosis said of its run, where a run was kept.
    """

    number: int
    params: dict[str, Any]
    stage: int = 0
    state: State = "running"
    why: str = ""
    score: float = math.nan
    loss: float = math.nan
    epochs: int = 0
    curve: list[float] = field(default_factory=list, repr=False)
    losses: list[float] = field(default_factory=list, repr=False)
    costs: list[float] = field(default_factory=list, repr=False)
    sd: float = math.nan
    scores: list[float] = field(default_factory=list)
    seeds: int = 1
    seconds: float = 0.0
    findings: list[Finding] = field(default_factory=list)

    @property
    def rank(self) -> tuple[int, float, float]:
        """Compares trials: believed (several seeds) before others, then score, then the loss."""
        score = self.score if math.isfinite(self.score) else -math.inf
        loss = self.loss if math.isfinite(self.loss) else math.inf
        return (0 if self.state == "broken" else 1, score, -loss)

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        plain = vars(self) | {name: _json(getattr(self, name)) for name in _MEASURED}
        return {**plain, "params": dict(self.params), "findings": [one.to_dict() for one in self.findings]}


_MEASURED = ("score", "loss", "curve", "losses", "costs", "sd", "scores", "seconds")
"""A trial's numbers, which may be NaN: JSON has none."""


@dataclass(frozen=True)
class Widening:
    """A range that was moved out since the best trial lay at its edge."""

    name: str
    side: Literal["low", "high"]
    old: float
    new: float
    stage: int

    def __str__(self) -> str:
        return (
            f"the best {self.name} lies at the {self.side} end of its range ({self.old:.3g}): widened to {self.new:.3g}"
        )


@dataclass
class Study(Shown):
    """Many trials over one space, in stages, coarse to fine.

    Attributes:
        space: field -> its range, as it would stand in TOML; widened ranges included.
        metric: "accuracy" or "r2".
        epochs: of a full training.
        boxes: for each stage {field: (low, high)} that most of its trials were drawn from.
        widenings: ranges that were moved out.
        notes: what was chosen and why: the engine, the lanes, what fell back.
        seconds: all in all, resumed parts included.
        believed: numbers of the trials that were trained again with several seeds, best first.
        chosen: the number of the trial that is taken instead of the best, where that isn't ahead by more than chance.
        writer: the process that searches (`record.writer`), None once it has laid the study down.
        heard: when a stored study's file last changed (seconds, Unix), 0 of one in memory; not stored.
    """

    space: dict[str, Any]
    trials: list[Trial] = field(default_factory=list)
    metric: str = "accuracy"
    epochs: int = 0
    folds: int = 1
    method: str = "staged"
    boxes: list[dict[str, Any]] = field(default_factory=list)
    widenings: list[Widening] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0
    believed: list[int] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    chosen: int | None = None
    writer: dict[str, Any] | None = field(default=None, repr=False)
    heard: float = field(default=0.0, repr=False)

    def __repr__(self) -> str:
        """In a line or two: how many trials over what, and the best of them.

        >>> Study({"lr": {"log": [1e-5, 1]}}, [Trial(0, {"lr": 0.0131}, state="complete", score=0.98, epochs=3)])
        <Study: 1 trial over lr, staged
          best val_acc: 0.9800, lr: 1.31e-02, 3 epochs (1 / 1)>
        """
        many = len(self.trials)
        told = f"{many} trial{'s' * (many != 1)} over {', '.join(self.space)}, {self.method}"
        told += f", {self.seconds:.0f} s" if self.seconds else ""
        with contextlib.suppress(ValueError):  # none has a score
            told += f"\n  best {line(self.best, self.metric, many)}"
        return f"<Study: {told}>"

    @property
    def ended(self) -> bool:
        """Is every trial at its end, and nobody at work?"""
        return self.writer is None and not any(trial.state == "running" for trial in self.trials)

    @property
    def best(self) -> Trial:
        """The best trial: of those trained with several seeds where there are any, else of those trained longest.

        Raises:
            ValueError: no trial has a score.
        """
        scored = [trial for trial in self.trials if math.isfinite(trial.score) and trial.state != "broken"]
        if not scored:
            raise ValueError("a study must have a trial with a score, but all of them broke down or none was trained")
        believed = [trial for trial in scored if trial.number in set(self.believed)]
        if believed:
            return max(believed, key=lambda trial: trial.rank)
        longest = max(trial.epochs for trial in scored)
        return max((trial for trial in scored if trial.epochs == longest), key=lambda trial: trial.rank)

    @property
    def choice(self) -> Trial:
        """The trial that is taken: the chosen one, else the best.

        Raises:
            ValueError: none is chosen, and no trial has a score.
        """
        chosen = next((trial for trial in self.trials if trial.number == self.chosen), None)
        return self.best if chosen is None else chosen

    def ranked(self) -> list[Trial]:
        """All trials with a score: the chosen one, then the best first: believed ones, then by epochs trained and score."""
        scored = [trial for trial in self.trials if math.isfinite(trial.score)]
        believed = set(self.believed)

        def place(trial: Trial) -> tuple[Any, ...]:
            return (
                trial.number == self.chosen,
                trial.number in believed,
                trial.state != "broken",
                trial.epochs,
                trial.rank,
            )

        return sorted(scored, key=place, reverse=True)

    def legend(self) -> str:
        """How to read the table: what is marked, what ± is, and why a row may stand above higher numbers."""
        again = [trial for trial in self.trials if trial.number in set(self.believed) and trial.seeds > 1]
        marked = "★ is taken. " if any(trial is self.choice for trial in self.ranked()[:1]) else ""
        if again:
            times = f"{max(trial.seeds for trial in again)} seeds" + (
                f" on {self.folds} folds" if self.folds > 1 else ""
            )
            return (
                f"{marked}{len(again)} were trained again with other seeds: theirs are means (±) of {times}. The others had one "
                "seed and stand below, however high: the best of many is luck in part"
            )
        return f"{marked}Those trained longest come first" + (
            f"; means (±) over {self.folds} folds" if self.folds > 1 else ""
        )

    def table(self, count: int | None = 20) -> str:
        """The trials as text, best first, as in the lecture: `val_acc: 0.980, lr: 1.3e-02, … (3 / 100)`; ★ marks what is taken."""
        ranked = self.ranked()[:count]
        taken = self.choice if ranked else None
        return "\n".join(line(trial, self.metric, len(self.trials)) + " ★" * (trial is taken) for trial in ranked)

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values (schema 1)."""
        return {
            "schema": 1,
            "space": self.space,
            "metric": self.metric,
            "epochs": self.epochs,
            "folds": self.folds,
            "method": self.method,
            "boxes": self.boxes,
            "widenings": [asdict(one) for one in self.widenings],
            "notes": list(self.notes),
            "seconds": self.seconds,
            "believed": list(self.believed),
            "chosen": self.chosen,
            "trials": [trial.to_dict() for trial in self.trials],
            "findings": [one.to_dict() for one in self.findings],
            "writer": self.writer,
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Study:
        """The inverse of `to_dict`."""
        values = {name: value for name, value in plain.items() if name != "schema"}
        values["trials"] = [_trial(one) for one in values["trials"]]
        values["widenings"] = [Widening(**one) for one in values["widenings"]]
        values["findings"] = [Finding.from_dict(one) for one in values["findings"]]
        return cls(**values)


def line(trial: Trial, metric: str, total: int) -> str:
    """One trial as one line, as in the lecture.

    Examples:
        >>> line(Trial(2, {"lr": 0.0131, "width": 64}, state="dropped", score=0.98, epochs=3), "accuracy", 100)
        'val_acc: 0.9800, lr: 1.31e-02, width: 64, dropped after 3 epochs (3 / 100)'
    """
    return ", ".join(parts(trial, metric, total))


def parts(trial: Trial, metric: str, total: int) -> list[str]:
    """The parts of a trial's line: its score, its fields, how far it came."""
    name = {"accuracy": "val_acc"}.get(metric, f"val_{metric}")
    score = f"{trial.score:.4f}" + (f" ± {trial.sd:.4f}" if math.isfinite(trial.sd) else "")
    fields = [f"{key}: {_short(value)}" for key, value in trial.params.items()]
    epochs, behind = plural(trial.epochs, "epoch"), not trial.why or trial.why.startswith("behind")
    if trial.state == "dropped" and behind:
        end = [f"dropped after {epochs}"]
    elif trial.state == "running":
        end = [f"{epochs} so far"]
    else:
        end = [epochs, *([] if trial.state == "complete" else [trial.why or trial.state])]
    end[-1] += f" ({trial.number + 1} / {total})"
    return [f"{name}: {score}", *fields, *end]


def plural(many: int, word: str) -> str:
    """`1 epoch`, `2 epochs`."""
    return f"{many:,} {word}{'' if many == 1 else 's'}"


def _short(value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:.3f}" if 0.01 <= abs(value) < 1000 and abs(value) >= 0.1 else f"{value:.2e}"


def _trial(plain: Mapping[str, Any]) -> Trial:
    values = {
        name: math.nan if value is None and name in ("score", "loss", "sd") else value for name, value in plain.items()
    }
    for name in ("curve", "losses", "costs", "scores"):
        values[name] = [math.nan if value is None else value for value in values[name]]
    values["findings"] = [Finding.from_dict(one) for one in values["findings"]]
    return Trial(**values)


def _json(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list):
        if value and isinstance(value[0], float) and math.isfinite(sum(value)):
            return value[:]  # a curve: looked at as a whole, as nearly all are finite
        return [one if not isinstance(one, float) or math.isfinite(one) else None for one in value]
    return value
