"""What the model was validated on, against what it was trained on."""

from __future__ import annotations

import torch
from torch import Tensor

from ...checks import CannotJudge
from ...record import Run
from .asking import Asking


def look(asking: Asking) -> Run:
    """`batch_val.shift`, `batch_val.scale`, `batch_val.overlap`, `batch_val.repeats` (the same share inside training:
    what equal examples are natural), `batch_val.batches_seen` (share of validation batches wholly trained on).

    Raises:
        CannotJudge: no validation was seen in the time there was.
    """
    asking.playable()
    subject, run = asking.subject, Run()
    trained = [one for one in subject.trained.batches if len(one.hashes)]
    models = {one.model for one in trained}
    evaluated = [one for one in subject.evaluated.batches if one.model in models and len(one.hashes) >= 2]
    shapes = {tuple(one.values.shape[1:]) for one in trained if one.values is not None}
    evaluated = [one for one in evaluated if one.values is None or tuple(one.values.shape[1:]) in shapes]
    if sum(len(one.hashes) for one in evaluated) < 16:
        raise CannotJudge("the program did not validate in the time it was watched")
    counts: dict[int, int] = {}
    for batch in trained:
        for value in set(batch.hashes):
            counts[value] = counts.get(value, 0) + 1
    shares = [sum(value in counts for value in one.hashes) / len(one.hashes) for one in evaluated]
    total = sum(len(one.hashes) for one in evaluated)
    overlap = sum(share * len(one.hashes) for share, one in zip(shares, evaluated, strict=True)) / total
    inside = [len(set(one.hashes)) / len(one.hashes) for one in trained]
    whole = [value for one in subject.evaluated.batches for value in one.hashes]
    natural = min(1 - sum(inside) / len(inside), 1 - len(set(whole)) / max(1, len(whole)))
    first = trained[0].values
    run.set_fact("ids", first is not None and not first.is_floating_point())
    if first is not None and first[0].numel() < 16:  # so small that equal examples may be natural: all of them count
        natural = 1 - len(counts) / sum(counts.values())
    run.append(0, {
        ("batch_val.overlap", "0"): overlap, ("batch_val.repeats", "0"): natural,
        ("batch_val.batches_seen", "0"): sum(share > 0.95 for share in shares) / len(shares),
        ("batch_val.size", "0"): float(total),
    })  # fmt: skip
    a = [one.values for one in trained if one.values is not None]
    b = [one.values for one in evaluated if one.values is not None]
    if a and b and a[0].is_floating_point() and a[0].ndim >= 2:
        _shift(run, _same(a), _same(b))
    return run


def _same(found: list[Tensor]) -> Tensor:
    return torch.nan_to_num(torch.cat([one for one in found if one.shape[1:] == found[0].shape[1:]]).double())


def _shift(run: Run, train: Tensor, val: Tensor) -> None:
    """In standard deviations of the training features, beyond what so few examples would show by chance."""
    axes = [0, *range(2, train.ndim)] if train.ndim >= 4 else list(range(train.ndim - 1))
    mean, std = train.mean(axes), train.std(axes, correction=0)
    alive = std > 1e-6 * (mean.abs() + 1e-12)
    if not bool(alive.any()):
        return
    count = min(len(train), len(val))
    gap = ((val.mean(axes) - mean).abs() / std)[alive]
    ratio = (val.std(axes, correction=0) / std)[alive]
    run.append(0, {
        ("batch_val.shift", "0"): float(gap.median()), ("batch_val.shift_largest", "0"): float(gap.max()),
        ("batch_val.scale", "0"): float(ratio.median()), ("batch_val.noise", "0"): float(count**-0.5),
    })  # fmt: skip
