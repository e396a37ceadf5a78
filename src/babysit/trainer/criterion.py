"""What training makes small: cross-entropy, the multi-class hinge of support vector machines, squared error.

Each is the mean over the N examples of a batch, so that its size depends neither on the batch nor
on the network.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import RecipeError
from ..record import Recipe

Criterion = Callable[[Tensor, Tensor], Tensor]


def name_of(recipe: Recipe, task: str) -> str:
    """The recipe's loss; "auto" follows the task ("classification" or "regression").

    Raises:
        RecipeError: a loss that can't judge this task.
    """
    fitting = {"classification": ("cross_entropy", "hinge"), "regression": ("mse",)}[task]
    loss = fitting[0] if recipe.loss == "auto" else recipe.loss
    if loss not in fitting:
        raise RecipeError(f"for a {task} loss must be {' or '.join(fitting)}, but loss={recipe.loss}")
    if recipe.label_smoothing and loss != "cross_entropy":
        raise RecipeError(f"label_smoothing needs loss=cross_entropy, but loss={loss}")
    return loss


def criterion(recipe: Recipe, task: str) -> Criterion:
    """The loss function `(outputs (N, K) or (N, 1), targets (N,)) -> scalar` of a recipe."""
    loss = name_of(recipe, task)
    if loss == "hinge":
        return hinge
    if loss == "mse":
        return mse
    if recipe.label_smoothing:
        smoothing = recipe.label_smoothing
        return lambda outputs, targets: F.cross_entropy(outputs, targets, label_smoothing=smoothing)
    return F.cross_entropy


def hinge(scores: Tensor, targets: Tensor) -> Tensor:
    """The multi-class SVM loss: sum over the wrong classes of max(0, s_j - s_y + 1), mean over N.

    K - 1 when all scores are equal. (PyTorch's `multi_margin_loss` also divides by K.)

    Args:
        scores: (N, K).
        targets: (N,) int64.

    Examples:
        >>> float(hinge(torch.zeros(4, 10), torch.arange(4)))
        9.0
        >>> hinge(torch.tensor([[3.2, 5.1, -1.7]]), torch.tensor([0]))
        tensor(2.9000)

    Source:
        CS231n, Loss functions; Weston & Watkins 1999.
    """
    return F.multi_margin_loss(scores, targets) * scores.shape[1]


def mse(outputs: Tensor, targets: Tensor) -> Tensor:
    """Mean squared error of outputs (N, 1) or (N,) and targets (N,)."""
    return F.mse_loss(outputs.reshape(targets.shape), targets)


def chance(loss: str, targets: np.ndarray, classes: int) -> float:
    """What the best guess that ignores the input costs: H(y), hinge K - 1 (equal scores), Var y.

    Args:
        loss: "cross_entropy", "hinge" or "mse".
        targets: (N,).
        classes: K.
    """
    if loss == "hinge":
        return float(classes - 1)
    if loss == "mse":
        return float(np.var(targets))
    share = np.bincount(targets.astype(np.int64), minlength=classes) / max(1, len(targets))
    share = share[share > 0]
    return float(-(share * np.log(share)).sum())


def uniform(loss: str, targets: np.ndarray, classes: int) -> float:
    """What outputs of exactly 0 cost: ln K, hinge K - 1, mean y²."""
    if loss == "hinge":
        return float(classes - 1)
    return float(np.log(classes)) if loss == "cross_entropy" else float(np.mean(np.square(targets)))


def score(outputs: Tensor, targets: Tensor, task: str) -> Tensor:
    """The share right (classification), or R² (regression), as a scalar on the outputs' device."""
    if task == "classification":
        return (outputs.argmax(1) == targets).float().mean()
    targets = targets.double()
    rest = (outputs.reshape(targets.shape).double() - targets).square().sum()
    return 1 - rest / (targets - targets.mean()).square().sum().clamp_min(torch.finfo(torch.float64).tiny)
