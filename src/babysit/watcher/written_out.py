"""Criteria written out by hand, `((model(x) - y) ** 2).mean()`, known again in the autograd graph.

The graph keeps what its operations need for their gradients, the difference of output and target among it: with the
model's output the target follows. Nothing is guessed: a criterion counts where its operand is the model's output itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from .addends import STRAIGHT
from .criteria import Called
from .kept import Held, is_at

SHAPED = (
    *STRAIGHT,
    "SqueezeBackward1",
    "SqueezeBackward2",
    "UnsqueezeBackward0",
    "UnsafeViewBackward0",
    "SelectBackward0",
)
"""Operations after which the same numbers are there in another shape (a selection, where it leaves nothing out)."""
REDUCED = ("MeanBackward0", "MeanBackward1", "SumBackward0", "SumBackward1")
SCALED = ("MulBackward0", "DivBackward0", "NegBackward0", "AddBackward0", "SubBackward0")
FAR = 48
"""Operations looked at, from the loss on."""


def written_out(loss: Tensor, output: Tensor, mark: Held | None) -> Called | None:
    """The criterion that a loss was made by, without a function of PyTorch's; None where it isn't known again.

    Args:
        loss: what `backward` is called on; its graph must be there.
        output: the model's, detached.
        mark: that was put at the output's node (`kept.marked`).

    Examples:
        >>> from babysit.watcher.kept import marked
        >>> output = torch.tensor([[1.0], [3.0]], requires_grad=True) * 1
        >>> mark = marked(output)
        >>> call = written_out(((output - torch.tensor([[0.5], [1.0]])) ** 2).mean(), output.detach(), mark)
        >>> call.name, call.target, call.value
        ('mse_loss', tensor([[0.5000],
                [1.0000]]), tensor(2.1250))
    """
    if loss.numel() != 1 or loss.grad_fn is None or mark is None:
        return None
    try:
        for node, summed in _inside(loss.grad_fn):
            found = _difference(node, output, mark) or _picked(node, output, mark)
            if found is not None:
                name, given, target, value = found
                reduction = "sum" if summed else "mean"
                return Called(name, given, target, {"reduction": reduction}, value.sum() if summed else value.mean())
    except RuntimeError:  # what was saved is no more, or was changed in place since
        return None
    return None


def _inside(first: Any) -> Iterator[tuple[Any, bool]]:
    """(node, whether it was summed and not averaged) of what a loss is a sum, a mean or a multiple of."""
    waiting = [(first, False, False)]
    for _ in range(FAR):
        if not waiting:
            return
        node, summed, divided = waiting.pop(0)
        name = node.name()
        if name in REDUCED:
            summed = summed or (name.startswith("Sum") and not divided)
            divided = divided or name.startswith("Mean")
        elif name in ("MulBackward0", "DivBackward0"):
            if not _by_number(node):
                yield node, summed
                continue
            divided = True
        elif name not in SCALED and name not in SHAPED:
            yield node, summed
            continue
        waiting += [(one, summed and not divided, divided) for one, _ in node.next_functions if one is not None]


def _by_number(node: Any) -> bool:
    """Is it a multiple by one number, without a gradient of its own?"""
    factors = [one for one in (node._saved_self, node._saved_other) if isinstance(one, Tensor)]
    return any(one is None for one, _ in node.next_functions) and all(one.numel() == 1 for one in factors)


def _difference(node: Any, output: Tensor, mark: Held) -> tuple[str, Tensor, Tensor, Tensor] | None:
    """A square or an absolute value of output − target: (criterion, output, target, values)."""
    name = node.name()
    if name == "PowBackward0" and node._saved_exponent == 2:
        kind = "mse_loss"
    elif name == "AbsBackward0":
        kind = "l1_loss"
    elif name == "MulBackward0" and len({id(one) for one, _ in node.next_functions}) == 1:
        kind = "mse_loss"
    else:
        return None
    inner = node.next_functions[0][0]
    if inner is None or inner.name() != "SubBackward0" or inner._saved_alpha != 1:
        return None
    left, right = (one for one, _ in inner.next_functions)
    if (left is None) == (right is None) or not _leads_to(left or right, mark):
        return None
    off = node._saved_self.detach()
    if right is not None:
        off = -off
    value = off.square() if kind == "mse_loss" else off.abs()
    if off.numel() == output.numel():
        given = output.reshape(off.shape)
        return kind, given, given - off, value
    count = output.numel()
    if off.shape != (count, count):
        return None
    # (N, 1) − (N,): every output against every target, outputs along the axis that changes as they do
    rows, columns, own = off[:, 0], off[0], output.reshape(-1)
    along = [((side - side[0]) - (own - own[0])).abs().amax() for side in (rows, columns)]
    target = own[0] - torch.where(along[0] <= along[1], columns, rows)
    return kind, own.unsqueeze(1), target, value


def _picked(node: Any, output: Tensor, mark: Held) -> tuple[str, Tensor, Tensor, Tensor] | None:
    """The log-probability of each example's class, picked or multiplied out: (criterion, output, target, values)."""
    name = node.name()
    if output.ndim < 2 or output.shape[-1] < 2:
        return None
    rows = output.reshape(-1, output.shape[-1])
    if name == "GatherBackward0":
        target = node._saved_index
    elif name == "IndexBackward0":
        target = [one for one in node._saved_indices if one is not None][-1]
    else:
        return None
    inner = node.next_functions[0][0]
    if inner is None or target.numel() != len(rows) or target.is_floating_point() or target.dtype == torch.bool:
        return None
    target = target.detach().reshape(-1)
    logs = _logs(inner, mark)
    if logs is None:
        return None
    scores = rows if logs == "nll_loss" else torch.log_softmax(rows, 1)
    return logs, rows, target, -scores.gather(1, target[:, None])


def _logs(node: Any, mark: Held) -> str | None:
    """What the values at a node are to the model's output: its log-softmax, or itself (then it gives these already)."""
    name = node.name()
    if is_at(node, mark):
        return "nll_loss" if name == "LogSoftmaxBackward0" else None
    if name == "LogSoftmaxBackward0":
        return "cross_entropy" if _leads_to(node.next_functions[0][0], mark) else None
    if name == "LogBackward0":
        inner = node.next_functions[0][0]
        soft = inner is not None and inner.name() == "SoftmaxBackward0"
        return "cross_entropy" if soft and _leads_to(inner.next_functions[0][0], mark) else None
    return None


def _leads_to(node: Any, mark: Held) -> bool:
    """Is it the marked node, seen through changes of shape?"""
    for _ in range(8):
        if node is None:
            return False
        if is_at(node, mark):
            return True
        if node.name() not in SHAPED:
            return False
        node = node.next_functions[0][0]
    return False
