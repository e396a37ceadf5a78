"""How many units die at which rate: the experiment behind two claims."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ._material import Examples
from ._networks import dead, fleet, mlps

RATES = (0.01, 0.03, 0.1, 0.15, 0.2, 0.3, 1.0)
WORSE = 0.9


@dataclass
class Dying:
    """By rate and seed (R, S): share of dead units, training accuracy; NaN where weights aren't finite."""

    shares: np.ndarray
    train: np.ndarray

    @property
    def best(self) -> int:
        """The rate of the highest training accuracy, by the median over seeds."""
        return int(np.argmax(np.median(self.train, 1)))

    @property
    def highest_finite(self) -> int:
        """The highest rate at which no seed's weights left the finite numbers."""
        return int(np.flatnonzero(np.isfinite(self.shares).all(1))[-1])

    @property
    def too_high(self) -> int:
        """The lowest rate above the best whose training accuracy is under 0.9 times the best's; else the highest one."""
        middle = np.median(self.train, 1)
        worse = [one for one in range(self.best, len(middle)) if middle[one] < WORSE * middle[self.best]]
        return worse[0] if worse else len(middle) - 1


def dying(rows: Examples, seeds: Sequence[int], activation: str, steps: int) -> Dying:
    """Two layers of 64 at each rate, SGD with momentum 0.9."""
    groups = [mlps(rows, seeds, width=64, activation=activation) for _ in RATES]
    ships = fleet(groups, seeds, lr=np.repeat(RATES, len(seeds)))
    ships.train(rows.x, rows.y, steps, every=steps)
    finite = [all(bool(one[lane].isfinite().all()) for one in ships.parameters.values()) for lane in range(ships.lanes)]
    shares = [dead(ships.network(lane), rows.x) if finite[lane] else np.nan for lane in range(ships.lanes)]
    shape = (len(RATES), len(seeds))
    return Dying(
        np.reshape(shares, shape),
        ships.accuracy(rows.x, rows.y).reshape(shape),
    )
