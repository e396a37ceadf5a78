"""Which classes are taken for which: what the errors of one validation pass look like."""

from __future__ import annotations

import torch
from torch import Tensor

from .targets import LEAST, class_rows, least_recall, task_of, two_classes
from .twins import table

MOST = 64
READINGS = ("recall.val", "errors.val", "errors.structure", "errors.hub")
POURED = ("errors.poured_into", "errors.poured", "errors.poured_rate", "errors.poured_spread", "errors.foreseen")
SEEN = 20
"""Right answers, and wrong ones, that an answered class must have."""


def counts(name: str, output: Tensor, target: Tensor, options: dict) -> Tensor | None:
    """(3, K, K) how often each class (rows: the label) was answered with which, of one batch, and the sums of the margins and of their
    squares; None where it isn't about few classes. A margin is how far the largest score lies above the next.
    """
    kind, classes = task_of(name, output, target)
    if kind == "binary" and output.shape == target.shape:
        labels, guesses = two_classes(name, output, target)
        keep, classes = torch.ones_like(labels, dtype=torch.bool), 2
        margin = output.reshape(-1).double().abs()
    elif kind == "classes" and classes and classes <= MOST:
        rows = class_rows(output, target, options)
        if rows is None:
            return None
        labels, guesses, keep = rows
        scores = output if output.ndim > 1 else output.unsqueeze(0)
        best = scores.movedim(1, -1).reshape(-1, classes).topk(2).values.double() if classes > 1 else None
        margin = best[:, 0] - best[:, 1] if best is not None else torch.zeros_like(labels, dtype=torch.float64)
    else:
        return None
    return torch.stack(
        [table(labels, guesses, keep * power, classes) for power in (torch.ones_like(margin), margin, margin**2)]
    )


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


def poured(counted: Tensor) -> Tensor:
    """Whether labels were poured into one class, (5,), of what `counts` gives; NaN where there is too little to say.

    `errors.poured_into`: the class that is the label of most wrong answers. `errors.poured`: share of the wrong answers whose label
    it is. `errors.poured_rate`: how many of those that were answered with another class, and have that or this for a label, have
    this. `errors.poured_spread`: Pearson's X² of these rates against the same rate for every answer, less its degrees of freedom, in
    its standard deviations. `errors.foreseen`: by how many standard deviations the margin of right answers lies above that of these
    wrong ones, mean over the answers: about 0 where the input doesn't tell which label is wrong.

    Examples:
        >>> counted = torch.zeros(3, 4, 4)
        >>> counted[0] = torch.diag(torch.tensor([50.0, 30.0, 30.0, 30.0]))
        >>> counted[0, 0, 1:] = 20.0
        >>> counted[1], counted[2] = counted[0], 2 * counted[0]
        >>> poured(counted).tolist()
        [0.0, 1.0, 0.4, -1.0, 0.0]
    """
    counted = counted.double()
    times = counted[0]
    wrong = times - torch.diag(times.diagonal())
    into = wrong.sum(1).argmax()
    right, spilled = torch.diagonal(counted, dim1=1, dim2=2), counted[:, into]  # (3, K) each, by the answer
    use = (right[0] >= SEEN) & (spilled[0] >= SEEN)
    use[into] = False
    right, spilled = right[:, use], spilled[:, use]
    both = right[0] + spilled[0]
    rate = spilled[0].sum() / both.sum()
    squares = (spilled[0] - rate * both).square() / (rate * (1 - rate) * both)
    freedom = use.sum() - 1.0
    spread = (squares.sum() - freedom) / (2 * freedom).sqrt()
    means = [one[1] / one[0] for one in (right, spilled)]
    inside = sum(one[2] - one[0] * mean.square() for one, mean in zip((right, spilled), means, strict=True)) / both
    ahead = (means[0] - means[1]) / inside.sqrt().clamp_min(1e-300)
    weight = right[0] * spilled[0] / both
    foreseen = (ahead * weight).sum() / weight.sum()
    found = torch.stack([into.double(), wrong[into].sum() / wrong.sum(), rate, spread, foreseen])
    return torch.where(use.sum() >= 3, found, torch.full_like(found, torch.nan))
