"""Two classes that are not told apart: labels against answers, over the newest training examples."""

from __future__ import annotations

import torch
from torch import Tensor

MOST = 64
"""Classes of which each is held against each other."""
EACH = 30
"""Examples of each class, on average, that tell."""
LEAST = 20
"""Examples that a class must have."""


def table(labels: Tensor, guesses: Tensor, weight: Tensor, classes: int) -> Tensor:
    """(K, K) how often each class (rows: the label) was answered with which; `weight` of each of the (N,) examples."""
    flat = torch.zeros(classes * classes, dtype=torch.float64, device=labels.device)
    return flat.index_add(0, labels * classes + guesses, weight.double()).reshape(classes, classes)


class Twins:
    """Counts until there are enough examples, tells, and counts anew."""

    def __init__(self) -> None:
        self._table: Tensor | None = None
        self._examples = 0

    def add(self, labels: Tensor, guesses: Tensor, weight: Tensor, classes: int) -> Tensor | None:
        """One more batch; how alike the two classes are that are told apart worst, once there are enough examples."""
        if classes > MOST:
            return None
        new = table(labels, guesses, weight, classes)
        if self._table is None or self._table.shape != new.shape:
            self._table, self._examples = torch.zeros_like(new), 0
        self._table = self._table + new
        self._examples += len(labels)
        if self._examples < EACH * classes:
            return None
        found, self._table = twins(self._table), None
        return found


def twins(counts: Tensor) -> Tensor:
    """The two classes that are told apart worst, (): how much of what is answered to the one is answered to the other too.

    Answers with a third class don't count. NaN where no two classes have at least 20 examples each.

    Examples:
        >>> twins(torch.tensor([[30.0, 30.0, 0.0], [20.0, 20.0, 0.0], [0.0, 8.0, 32.0]]))
        tensor(1., dtype=torch.float64)
        >>> twins(torch.tensor([[40.0, 0.0], [10.0, 30.0]]))
        tensor(0.2500, dtype=torch.float64)
    """
    of_label = counts.sum(1).double()
    share = counts.double() / of_label.clamp_min(1).unsqueeze(1)
    own = torch.minimum(share.diagonal().unsqueeze(1), share.T)  # what i is answered with i, and j with i too
    enough = of_label >= LEAST
    pairs = enough & enough.unsqueeze(1) & ~torch.eye(len(counts), dtype=torch.bool, device=counts.device)
    worst = torch.where(pairs, own + own.T, torch.full_like(own, -1)).amax()
    return torch.where(worst >= 0, worst, torch.full_like(worst, torch.nan))
