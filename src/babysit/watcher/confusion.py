"""Which classes are taken for which: what the errors of one validation pass look like."""

from __future__ import annotations

import torch
from torch import Tensor

from .targets import LEAST, class_rows, least_recall, task_of, two_classes
from .twins import table

MOST = 64
READINGS = ("recall.val", "errors.val", "errors.structure", "errors.hub")


def counts(name: str, output: Tensor, target: Tensor, options: dict) -> Tensor | None:
    """(K, K) how often each class (rows: the label) was answered with which, of one batch; None where it isn't about few classes."""
    kind, classes = task_of(name, output, target)
    if kind == "binary" and output.shape == target.shape:
        labels, guesses = two_classes(name, output, target)
        keep, classes = torch.ones_like(labels, dtype=torch.bool), 2
    elif kind == "classes" and classes and classes <= MOST:
        rows = class_rows(output, target, options)
        if rows is None:
            return None
        labels, guesses, keep = rows
    else:
        return None
    return table(labels, guesses, keep, classes)


def readings(counted: Tensor) -> Tensor:
    """What a (K, K) table of labels against answers comes to, (4,), NaN where there is nothing to say.

    `recall.val`: smallest recall of a class with at least 20 examples. `errors.val`: share of wrong answers.
    `errors.structure`: Pearson's X² of the wrong answers against labels that fall on the other classes by their
    frequency alone, less its degrees of freedom, in its standard deviations sqrt(2 dof): about 0 where what a wrong
    answer's label is has nothing to do with the answer. `errors.hub`: share of the errors that one class, the most
    involved one, is a side of.

    Examples:
        >>> even = torch.full((4, 4), 10.0, dtype=torch.float64) + 40 * torch.eye(4)
        >>> [round(one, 2) for one in readings(even).tolist()]
        [0.62, 0.38, -2.0, 0.5]
        >>> neighbours = 50 * torch.eye(4) + 20 * torch.diag(torch.ones(3), 1).double()
        >>> readings(neighbours)[2].item() > 20
        True
    """
    counted = counted.double()
    total, of_label = counted.sum().clamp_min(1), counted.sum(1)
    hits = counted.diagonal()
    nan = torch.full_like(of_label, torch.nan)
    recall = least_recall(torch.where(of_label >= LEAST, hits / of_label.clamp_min(1), nan))
    wrong = counted - torch.diag(hits)
    errors = wrong.sum()
    count = len(counted)
    share = of_label / total
    others = (1 - torch.eye(count, dtype=counted.dtype, device=counted.device)) * share.unsqueeze(1)
    expected = others / others.sum(0).clamp_min(1e-12) * wrong.sum(0)
    possible = expected > 0
    squares = torch.where(possible, (wrong - expected).square() / expected.clamp_min(1e-12), torch.zeros_like(expected))
    freedom = (possible.sum() - (wrong.sum(0) > 0).sum()).double()
    structure = (squares.sum() - freedom) / (2 * freedom).sqrt()
    enough = (errors >= 5 * freedom / 4) & (freedom >= 2)
    structure = torch.where(enough, structure, torch.full_like(structure, torch.nan))
    hub = (wrong.sum(0) + wrong.sum(1)).amax() / errors.clamp_min(1)
    return torch.stack([recall, errors / total, structure, torch.where(errors > 0, hub, torch.nan)])
