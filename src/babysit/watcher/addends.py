"""What a loss is a sum of, from the autograd graph: an addend without a gradient can't teach anything."""

from __future__ import annotations

from typing import Any

from torch import Tensor

SUMS = ("AddBackward0", "SubBackward0")
STRAIGHT = ("ViewBackward0", "ReshapeAliasBackward0", "SqueezeBackward0", "ToCopyBackward0", "CloneBackward0")
MOST = 64


def addends(loss: Tensor) -> tuple[list[Any], bool]:
    """(the nodes that the loss is a sum of, whether something without a gradient was added to them).

    A number or a detached tensor that is added leaves no edge in the graph.

    Examples:
        >>> import torch
        >>> w = torch.ones(2, requires_grad=True)
        >>> nodes, constant = addends(w.sum() + 0.1 * w.square().sum().item())
        >>> len(nodes), constant
        (1, True)
        >>> nodes, constant = addends(w.sum() + 0.1 * w.square().sum())
        >>> len(nodes), constant
        (2, False)
    """
    found: list[Any] = []
    constant = False
    waiting = [loss.grad_fn] if loss.grad_fn is not None else []
    while waiting and len(found) < MOST:
        node = waiting.pop()
        if node.name() in SUMS:
            parts = [one for one, _ in node.next_functions]
            constant = constant or None in parts
            waiting += [one for one in parts if one is not None]
        elif node.name() in STRAIGHT and node.next_functions and node.next_functions[0][0] is not None:
            waiting.append(node.next_functions[0][0])
        else:
            found.append(node)
    return found, constant
