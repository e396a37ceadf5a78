"""A policy gradient in the autograd graph: log-probabilities of what was chosen, times what it was worth, and their sign.

A loss that is minimized must fall as a rewarded choice gets likelier: there is a minus between the two. The walk goes
from the loss through sums, means and multiples, and keeps the sign.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .written_out import REDUCED, SHAPED

PASSED = (
    *SHAPED, *REDUCED, "StackBackward0", "CatBackward0", "ExpandBackward0", "SliceBackward0", "IndexBackward0",
    "IndexSelectBackward0", "MaskedSelectBackward0", "PermuteBackward0", "TransposeBackward0", "TBackward0",
    "UnbindBackward0", "SplitBackward0", "SqueezeBackward3",
)  # fmt: skip
"""Operations through which a sum of terms keeps its sign."""
TURNED = ("NegBackward0", "RsubBackward1")  # 0 - x
BOUNDS = ("MinimumBackward0", "MaximumBackward0")
FAR = 2048
NEAR = 48
"""Operations looked at from the loss on, and from a product on."""


@dataclass(eq=False)
class Policy:
    """What a policy gradient's loss does to log-probabilities.

    Attributes:
        sign: 1 where the loss grows with weight · log-probability, -1 where it falls, 0 where terms disagree.
        weight: what the log-probabilities are multiplied by, (N,).
        clipped: the ratio of probabilities is bounded (PPO); the sign is then that under which the bound is a bound.
    """

    sign: int
    weight: Tensor
    clipped: bool


def policy_of(loss: Tensor) -> Policy | None:
    """The policy gradient that a loss has a term of; None where it has none.

    Examples:
        >>> scores = torch.zeros(3, 4, requires_grad=True)
        >>> chosen = scores.log_softmax(1).gather(1, torch.tensor([[0], [2], [1]])).squeeze(1)
        >>> gain = torch.tensor([1.0, -2.0, 0.5])
        >>> policy_of(-(chosen * gain).mean()).sign, policy_of((chosen * gain).mean()).sign
        (-1, 1)
        >>> policy_of(-chosen.mean()) is None
        True
    """
    if loss.numel() != 1 or loss.grad_fn is None:
        return None
    try:
        terms = _terms(loss.grad_fn)
    except RuntimeError:  # what was saved is no more, or was changed in place since
        return None
    many = [one for one in terms if one[1].numel() > 1]
    if not many and len({_number(one[1]) for one in terms}) > 1:  # a number for each choice
        many = terms
    if not many:
        return None
    signs = {sign for sign, _, _ in many}
    weights = [weight.reshape(-1) for _, weight, bound in many if not bound] or [many[0][1].reshape(-1)]
    return Policy(signs.pop() if len(signs) == 1 else 0, torch.cat(weights), any(bound for _, _, bound in many))


def _terms(first: Any) -> list[tuple[int, Tensor, bool]]:
    """(sign, weight, whether bounded) of each weighted log-probability in a loss."""
    found: list[tuple[int, Tensor, bool]] = []
    waiting: list[tuple[Any, int, tuple[Tensor, ...], bool]] = [(first, 1, (), False)]
    for _ in range(FAR):
        if not waiting:
            break
        node, sign, factors, bound = waiting.pop()
        name, parts = node.name(), [(one, sign) for one, _ in node.next_functions]
        constant = _constant(node)
        if constant is not None:
            factors = (*factors, constant)
        elif name in BOUNDS:
            bound = (
                True  # the larger of two weighted by minus the gain is minus the smaller of two weighted by the gain
            )
            parts = [(one, sign if name == BOUNDS[0] else -sign) for one, _ in parts]
        elif name in TURNED:
            parts = [(one, -sign) for one, _ in parts]
        elif name == "SubBackward0":
            parts[1] = (parts[1][0], -sign)
        elif (name not in PASSED and name != "AddBackward0") or _is_chosen(node):
            below = _log_probability(node) if factors else 0
            own = _weight(factors) if below else None
            if own is not None:
                found.append((sign * below * own[0], own[1], bound))
            continue
        waiting += [(one, own, factors, bound) for one, own in reversed(parts) if one is not None]
    return found


def _constant(node: Any) -> Tensor | None:
    """What a product or quotient is scaled by; None where that has a gradient of its own, or where it is none."""
    if node.name() not in ("MulBackward0", "DivBackward0"):
        return None
    first, second = (one for one, _ in node.next_functions)
    if (first is None) == (second is None) or (first is None and node.name() == "DivBackward0"):
        return None
    value = node._saved_other if second is None else node._saved_self
    return value.detach() if isinstance(value, Tensor) else None


def _weight(factors: tuple[Tensor, ...]) -> tuple[int, Tensor] | None:
    """(sign of the plain numbers among the factors, the product of the others; where none is left, the last number).

    None where all of them are 1 or -1.
    """
    sign = 1
    several = [one for one in factors if one.numel() > 1]
    numbers = [one for one in factors if one.numel() == 1]
    if not several:
        own = next((one for one in reversed(numbers) if abs(_number(one)) != 1), None)
        if own is None:
            return None
        several, numbers = [own], [one for one in numbers if one is not own]
    for one in numbers:
        sign = -sign if _number(one) < 0 else sign
    weight = several[0]
    for one in several[1:]:
        weight = weight * one.reshape(weight.shape) if one.numel() == weight.numel() else weight
    return sign, weight.float()


def _number(value: Tensor) -> float:
    """What a factor is; a device is not waited for: 2 stands for what is there."""
    return float(value) if value.is_cpu else 2.0


def _log_probability(node: Any) -> int:
    """1 where what a node gives grows with the log-probability of something chosen before, -1 where it falls, else 0."""
    waiting = [(node, 1)]
    for _ in range(NEAR):
        if not waiting:
            break
        node, sign = waiting.pop(0)
        name, parts = node.name(), [one for one, _ in node.next_functions]
        if _is_chosen(node):
            return sign
        if name in ("NllLossBackward0", "NllLoss2DBackward0", "BinaryCrossEntropyWithLogitsBackward0"):
            return -sign
        if name == "PowBackward0":
            inner = parts[0]
            square = node._saved_exponent == 2 and inner is not None and inner.name() == "SubBackward0"
            if square and sum(one is None for one, _ in inner.next_functions) == 1:
                return -sign  # of a normal distribution
            continue
        if name in ("MulBackward0", "DivBackward0"):
            constant = _constant(node)
            if constant is None:
                parts = parts[:1]
            elif constant.numel() == 1 and _number(constant) < 0:
                sign = -sign
        elif name in TURNED:
            sign = -sign
        elif name not in PASSED and name not in ("AddBackward0", "SubBackward0", "ExpBackward0", "ClampBackward1"):
            continue
        flip = name == "SubBackward0"
        waiting += [(one, -sign if flip and at else sign) for at, one in enumerate(parts) if one is not None]
    return 0


def _is_chosen(node: Any) -> bool:
    """Are log-probabilities of all classes there, and those of some picked?"""
    return node.name() in ("GatherBackward0", "IndexBackward0") and _is_log_distribution(node.next_functions[0][0])


def _is_log_distribution(node: Any) -> bool:
    """Are the values there log-probabilities of all classes?"""
    for _ in range(8):
        if node is None:
            return False
        name = node.name()
        if name == "LogSoftmaxBackward0":
            return True
        if name == "SubBackward0":
            second = node.next_functions[1][0]
            return second is not None and second.name() == "LogsumexpBackward0"
        if name == "LogBackward0":
            inner = node.next_functions[0][0]
            names = []
            for _ in range(6):
                if inner is None:
                    break
                names.append(inner.name())
                inner = inner.next_functions[0][0] if inner.next_functions else None
            return "SoftmaxBackward0" in names
        if name not in PASSED or not node.next_functions:
            return False
        node = node.next_functions[0][0]
    return False
