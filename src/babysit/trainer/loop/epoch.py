"""What one pass came to, and where readings go."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from ...record import Event


class Record(Protocol):
    """Where readings go: a `Run` in memory, a `Store` on disk."""

    def append(self, step: int, readings: dict[tuple[str, str], float], seconds: float | None = None) -> None: ...

    def add_event(self, event: Event) -> None: ...


@dataclass(frozen=True)
class Epoch:
    """What one pass over the training examples came to.

    Attributes:
        number: counted from 1.
        step: optimizer steps so far.
        loss: mean training loss over the pass; `val_loss` of one validation pass after it.
        score: share right (R² for a regression) over the newest training examples, in training mode.
        val_score: the same over the validation examples; NaN when there are none.
        lr: of the last step.
        seconds: of this pass.
    """

    number: int
    step: int
    loss: float
    val_loss: float
    score: float
    val_score: float
    lr: float
    seconds: float

    @property
    def rank(self) -> tuple[float, float]:
        """Compares epochs: validation score, then (minus) validation loss; without validation the newest is the best."""
        if math.isnan(self.val_score):
            return (-math.inf, float(self.number) if math.isfinite(self.loss) else -math.inf)
        return (self.val_score, -self.val_loss if math.isfinite(self.val_loss) else -math.inf)
