"""What an output depends on: other examples, later positions, its own input. By changing some and looking at the rest.

Everything stays on the tensors' device, and nothing is synchronised: what is told is a tensor too.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor


def largest_change(before: list[Tensor], after: list[Tensor]) -> Tensor:
    """Largest change of an element, in standard deviations of its tensor; (), float64. 0 for equal, NaN where one is.

    Examples:
        >>> largest_change([torch.tensor([0.0, 2.0])], [torch.tensor([0.0, 3.0])])
        tensor(1., dtype=torch.float64)
    """
    largest = before[0].new_zeros((), dtype=torch.float64)
    for one, other in zip(before, after, strict=True):
        if one.numel():
            a, b = one.double(), other.double()
            spread = a.std(correction=0).clamp_min(1e-6 * a.abs().amax()) + 1e-300
            largest = torch.maximum(largest, (a - b).abs().amax() / spread)
    return largest


def of_examples(outputs: list[Tensor], size: int, axis: int = 0, given: Sequence[int] = ()) -> list[Tensor]:
    """Outputs that belong to single examples, as (size, …).

    The batch is the first axis, the second where `axis` is 1, or rows of (size · T, …), as many for each example as one of
    its own axes is long (`given`: the shape that goes in) or two of them hold places. What has the batch's length along
    another axis too may compare examples with one another, and is left out.

    Examples:
        >>> [one.shape for one in of_examples([torch.ones(6, 3), torch.ones(24, 5), torch.ones(6, 6)], 6, given=(6, 4))]
        [torch.Size([6, 3]), torch.Size([6, 20])]
        >>> of_examples([torch.ones(24, 5)], 6, given=(6, 2, 9))
        []
    """
    rest = [length for at, length in enumerate(given) if at != axis]
    places = {*rest, *(a * b for a, b in itertools.pairwise(rest))}
    found = []
    for one in outputs:
        if not one.is_floating_point() or one.ndim < 1 or not one.numel():
            continue
        alike = sum(length == size for length in one.shape)
        if axis == 0 and one.shape[0] == size and alike == 1:
            found.append(one)
        elif one.ndim >= 2 and one.shape[1] == size and (axis == 1 or one.ndim == 3) and alike == 1:
            found.append(one.transpose(0, 1))
        elif one.shape[0] % size == 0 and one.shape[0] // size in places and one.ndim >= 2 and not alike:
            rows = one.reshape(size, -1) if axis == 0 else one.reshape(-1, size, *one.shape[1:]).transpose(0, 1)
            found.append(rows)
    return found


def of_positions(output: Tensor, size: int, length: int, axis: int = 0) -> Tensor | None:
    """An output at every position, as (size, length, …); None where it isn't one."""
    if axis == 0 and output.ndim >= 2 and output.shape[:2] == (size, length):
        return output
    if output.ndim >= 2 and output.shape[:2] == (length, size) and (axis == 1 or size != length):
        return output.transpose(0, 1)
    if output.ndim >= 2 and output.shape[0] == size * length:
        if axis == 0:
            return output.reshape(size, length, *output.shape[1:])
        return output.reshape(length, size, *output.shape[1:]).transpose(0, 1)
    if output.ndim == 3 and output.shape[0] == size and output.shape[2] == length:
        return output.transpose(1, 2)
    return None


def at_positions(x: Tensor, target: Tensor, axis: int) -> tuple[Tensor, Tensor] | None:
    """(input, target), each (size, length), of a sequence with an answer at every position; None where it isn't one."""
    if x.ndim not in (2, 3) or x.shape[1 - axis] < 4 or x.shape[axis] < 2:
        return None
    seq = x if axis == 0 else x.transpose(0, 1)
    now = seq if seq.ndim == 2 else seq[..., 0]
    if target.numel() == now.numel():
        answers = target.reshape(now.shape) if axis == 0 else target.reshape(now.T.shape).T
    elif seq.ndim == 3 and target.numel() == seq.numel() and axis == 0:
        answers = target.reshape(seq.shape)[..., 0]
    else:
        return None
    return (now, answers) if now.is_floating_point() == answers.is_floating_point() else None


def shifts(now: Tensor, answers: Tensor) -> Tensor:
    """(share of answers that are the input at the same position, at the next one, distinct answers), (3,) float64.

    Answers below 0 are left out where they are class ids: a criterion ignores them.
    """
    told = answers >= 0 if not answers.is_floating_point() else torch.ones_like(answers, dtype=torch.bool)

    def share(same: Tensor, counted: Tensor) -> Tensor:
        return ((same & counted).sum() / counted.sum().clamp_min(1)).double()

    flat = answers.reshape(-1).double().sort().values
    distinct = 1 + (flat[1:] != flat[:-1]).sum()
    return torch.stack(
        [share(now == answers, told), share(now[:, 1:] == answers[:, :-1], told[:, :-1]), distinct.double()]
    )


def with_other_future(seq: Tensor, cut: int) -> Tensor:
    """(N, T, …) from position `cut` on as another example has it, backwards: every value is one that occurs."""
    changed = seq.clone()
    changed[:, cut:] = seq[:, cut:].roll(1, 0).flip(1)
    return changed


def with_other_examples(value: Tensor, axis: int) -> Tensor:
    """The second half of the examples replaced by the first half's: every example is one that occurs."""
    size = value.shape[axis]
    rows = torch.arange(size, device=value.device)
    return value.index_select(axis, torch.where(rows < size // 2, rows, rows - size // 2))
