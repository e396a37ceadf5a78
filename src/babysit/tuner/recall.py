"""What an earlier call of the same search left: its trials from the ledger, and the last rung from its folder."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..record.study import Trial
from .ledger import Ledger, trial_of
from .rungs import Rung, read_rung

OF_RUNG = ("score", "loss", "epochs", "curve", "losses", "costs", "sd", "scores", "seconds")
OF_BELIEF = ("score", "loss", "sd", "scores", "seeds")  # the loss decides among equal scores


@dataclass
class Recalled:
    """Where the search was.

    Attributes:
        trials: this worker's, in order; `elsewhere` those that another machine has, or had.
        by_number: all of them.
        rung: the last comparison that was kept.
        reached: the trials still running that the last rung had trained; those of them that don't go on must end.
        believed: numbers, best first.
    """

    trials: list[Trial] = field(default_factory=list)
    elsewhere: list[Trial] = field(default_factory=list)
    by_number: dict[int, Trial] = field(default_factory=dict)
    rung: Rung = field(default_factory=Rung)
    reached: list[Trial] = field(default_factory=list)
    believed: list[int] = field(default_factory=list)


def recall(ledger: Ledger, folder: Path | None, worker: str) -> Recalled:
    """Everything that is known of the trials. What was trained beyond the last rung is forgotten: it trains again."""
    found = Recalled()
    for frozen in ledger.frozen():
        trial = trial_of(frozen)
        found.by_number[trial.number] = trial
        theirs = trial.state == "running" and frozen.system_attrs.get("babysit:worker") != worker
        (found.elsewhere if theirs else found.trials).append(trial)
    for plain in ledger.state.get("believed", ()):
        _set(found.by_number[plain["number"]], plain, OF_BELIEF)
        found.believed.append(plain["number"])
    if folder is not None:
        found.rung = read_rung(folder)
    for number, plain in found.rung.trials.items():
        trial = found.by_number.get(number)
        if trial is not None and trial.state == "running":
            _set(trial, plain, OF_RUNG)
            found.reached.append(trial)
    for trial in found.trials:
        if trial.state == "running" and trial.number not in found.rung.trials:
            trial.curve, trial.epochs, trial.score = [], 0, math.nan
    return found


def _set(trial: Trial, plain: dict[str, Any], names: tuple[str, ...]) -> None:
    for name in names:
        setattr(trial, name, math.nan if plain[name] is None else plain[name])
