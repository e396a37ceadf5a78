"""Losses written out by hand that hold every output against every target: (N, 1, …) and (N, …) stretched to (N, N, …).

The autograd graph tells the shapes of what its operations were given and gave. Pairs that are compared on purpose are
told apart: both sides come from the network, one was turned or unsqueezed for it, or a table of all pairs goes in.
"""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor

from .kept import Held, is_at

PAIRED = ("SubBackward0", "AddBackward0", "MulBackward0", "DivBackward0")
SCALED = (*PAIRED, "RsubBackward1", "NegBackward0")
VALUE_BY_VALUE = (
    *SCALED, "MeanBackward0", "MeanBackward1", "SumBackward0", "SumBackward1", "StackBackward0", "CatBackward0", "ViewBackward0",
    "MaximumBackward0", "MinimumBackward0", "AbsBackward0", "PowBackward0", "SqrtBackward0", "ExpBackward0", "LogBackward0",
    "Log1PBackward0", "SoftplusBackward0", "LogSigmoidBackward0", "ClampBackward0", "ClampBackward1", "ClampMinBackward0",
    "ReluBackward0", "SqueezeBackward0", "UnsqueezeBackward0",
)  # fmt: skip
"""Operations by which a loss is made of its differences."""
TURNED = ("TBackward0", "TransposeBackward0", "PermuteBackward0", "ExpandBackward0", "RepeatBackward0")
FAR = 96
"""Operations looked at, from the loss on."""
LEAST = 3
"""Examples without which a table of all pairs isn't told from other shapes."""


def stretched(loss: Tensor, size: int, mark: Held | None) -> bool:
    """Is the loss made of a table (N, N, …) of every output and every target, where `size` outputs meet as many targets?

    Args:
        loss: what `backward` is called on; its graph must be there.
        size: N, the examples that the model's output is of.
        mark: that was put at the output's node (`kept.marked`).

    Examples:
        >>> import torch
        >>> from babysit.watcher.kept import marked
        >>> output, target = torch.ones(4, 3, requires_grad=True) * 1, torch.arange(4.0)
        >>> mark = marked(output)
        >>> pinball = lambda off: torch.maximum(0.9 * off, -0.1 * off).mean()
        >>> stretched(pinball(target[:, None] - output[:, 0]), 4, mark), stretched(pinball(target - output[:, 0]), 4, mark)
        (True, False)
    """
    if loss.numel() != 1 or loss.grad_fn is None or mark is None or size < LEAST:
        return False
    found, seen = False, 0
    waiting: list[tuple[Any, Tensor | None]] = [(loss.grad_fn, None)]
    try:
        while waiting:
            node, values = waiting.pop()
            seen += 1
            if seen > FAR:
                return False
            if is_at(node, mark) or not (node.name() in VALUE_BY_VALUE or _both(node)):
                continue
            if node.name() in PAIRED and _shape(node)[:2] == (size, size):
                meets = _meets(node, size, values, mark)
                if meets is False:
                    return False
                found = found or bool(meets)
            for at, (part, _) in enumerate(node.next_functions):
                if part is not None:
                    waiting.append((part, _values(node, at, values)))
    except RuntimeError:  # what was saved is no more, or was changed in place since
        return False
    return found


def _meets(node: Any, size: int, values: Tensor | None, mark: Held) -> bool | None:
    """Do the network's N answers meet N others here? False where a table is meant, None where nothing of the kind is seen.

    `values` are the node's own but for a factor and a number that is added.
    """
    table = _shape(node)
    numel, rest = math.prod(table), table[2:]
    (left, at_left), (right, at_right) = node.next_functions
    shapes = [_shape(part, at) for part, at in ((left, at_left), (right, at_right)) if part is not None]
    other = _constant(node)
    if left is not None and right is not None:
        return False if any(shape != table for shape in shapes) else None
    if shapes[0] == table:
        return False if other is not None and other.numel() == numel else None
    if shapes[0] not in ((size, *rest), (size, 1, *rest)) or _turned(left or right, shapes[0], mark):
        return False
    if other is not None:
        return other.numel() * size == numel
    if values is None or values.shape != table:
        return None
    along = values - values[:, :1]  # of a − b: what the columns differ by, the same in every row
    rounding = 1e-4 * values.abs().amax()
    each = along[0].reshape(size, -1)  # one number for each column is a channel's, no target
    varies = not rest or (each - each[:, :1]).abs().amax() > rounding
    return bool((along - along[:1]).abs().amax() <= rounding and varies)


def _constant(node: Any) -> Tensor | None:
    """The operand of a product or a quotient that is not the network's; None for sums, which keep neither."""
    if node.name() not in ("MulBackward0", "DivBackward0"):
        return None
    return node._saved_self if node.next_functions[0][0] is None else node._saved_other


def _values(node: Any, at: int, values: Tensor | None) -> Tensor | None:
    """What the operand at a place was, where the graph keeps it or it differs from the node's values by a factor only."""
    own = getattr(node, "_saved_other" if at else "_saved_self", None)
    if isinstance(own, Tensor) and own.ndim >= 2:
        return own
    if node.name() not in SCALED:
        return None
    constant = _constant(node)
    return values if constant is None or constant.numel() == 1 else None


def _both(node: Any) -> bool:
    """Is it a choice between two values that are both the network's?"""
    return node.name() == "WhereBackward0" and all(part is not None for part, _ in node.next_functions)


def _turned(node: Any, shape: tuple[int, ...], mark: Held) -> bool:
    """Were the network's answers given an axis, or other ones, to have this shape, after it gave them?"""
    for _ in range(16):
        if node is None or is_at(node, mark):
            return False
        after, at = next(((part, at) for part, at in node.next_functions if part is not None), (None, 0))
        if node.name() in TURNED:
            return True
        if (
            after is not None
            and _shape(node) == shape
            and shape[1:2] == (1,)
            and _shape(after, at) == (shape[0], *shape[2:])
        ):
            return True
        node = after
    return False


def _shape(node: Any, at: int = 0) -> tuple[int, ...]:
    """What a node of the graph gave."""
    return tuple(node._input_metadata[at].shape)
