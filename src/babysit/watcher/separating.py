"""What a layer of a network knows of the classes, whatever the network answers: a linear classifier on the layer's inputs.

Ridge regression on the classes by inner products alone (N examples, any number of features), with its exact leave-one-out answers.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import one_hot

RIDGE = 0.1
"""Of the inner products' mean diagonal."""


@dataclass(eq=False)
class Lines:
    """A linear classifier.

    Attributes:
        left_out: (N,) the class that each of the examples gets from the classifier that is made without it.
    """

    mean: Tensor
    scale: Tensor
    rows: Tensor
    weights: Tensor
    left_out: Tensor

    def classes(self, x: Tensor) -> Tensor:
        """(M,) the class of each of (M, D) examples."""
        return (_kernel(_scaled(x, self.mean, self.scale), self.rows) @ self.weights).argmax(1)


def lines(x: Tensor, y: Tensor) -> Lines:
    """The classifier of (N, D) features `x` with classes `y` (N,).

    Examples:
        >>> x = torch.tensor([[0.0, 1.0], [0.1, -1.0], [1.0, 1.0], [0.9, -1.0]])
        >>> found = lines(x, torch.tensor([0, 0, 1, 1]))
        >>> found.left_out.tolist(), found.classes(torch.tensor([[2.0, 0.0], [-1.0, 0.0]])).tolist()
        ([0, 0, 1, 1], [1, 0])
    """
    x, wanted = x.double(), 2 * one_hot(y).double() - 1
    mean, scale = x.mean(0), x.std(0, correction=0)
    scale = torch.where(scale > 1e-6 * scale.amax(), scale, torch.full_like(scale, torch.inf))
    rows = _scaled(x, mean, scale)
    gram = _kernel(rows, rows)
    gram.diagonal().add_(RIDGE * gram.diagonal().mean())
    inverse = torch.linalg.inv(gram)
    weights = inverse @ wanted
    left_out = wanted - weights / inverse.diagonal().unsqueeze(1)
    return Lines(mean, scale, rows, weights, left_out.argmax(1))


def _scaled(x: Tensor, mean: Tensor, scale: Tensor) -> Tensor:
    return (x.double() - mean) / scale


def _kernel(a: Tensor, b: Tensor) -> Tensor:
    return a @ b.T / a.shape[1] + 1.0  # planes need not go through the middle
