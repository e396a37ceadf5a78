"""From a recipe to a network: the preprocessing layer, then the model, ours or the user's own."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence

from torch import nn

from ..record import Recipe
from .convnet import convnet
from .foreign import OPTIONS, Hyper, foreign
from .mlp import mlp
from .preprocess import Preprocess, preprocess
from .resnet import resnet

MODELS: dict[str, Callable[..., nn.Module]] = {"mlp": mlp, "convnet": convnet, "resnet": resnet}
SMALL_IMAGE = 16  # sides; below it "auto" takes an mlp, which sees the whole image at once


def build(
    recipe: Recipe, shape: Sequence[int], classes: int | None, preprocess_layer: nn.Module | None = None
) -> nn.Sequential:
    """The network that a recipe asks for, as `Sequential(preprocess, network)`; weights as PyTorch's.

    Args:
        shape: of one example, (D,) or (C, H, W).
        classes: how many; None or 1 is a regression with one output (N, 1).
        preprocess_layer: a fitted first layer; by default a new one that is still to be fitted
            (`model.preprocess.fit(training_inputs)`).

    Raises:
        RecipeError: what can't be built, and why.

    Examples:
        >>> model = build(Recipe(model="mlp", width=8, depth=1), (4,), 3)
        >>> model.preprocess, list(dict(model.network.named_children()))
        (Standardize(shape=(4,), not fitted), ['linear1', 'relu1', 'output'])
    """
    shape = tuple(int(size) for size in shape)
    first = preprocess_layer or preprocess(recipe.preprocess, shape, recipe.components)
    seen = (first.out_shape if isinstance(first, Preprocess) else None) or shape
    network = make(recipe, seen, classes)
    return nn.Sequential(OrderedDict(preprocess=first, network=network))


def make(recipe: Recipe, shape: Sequence[int], classes: int | None) -> nn.Module:
    """The network alone, for examples of `shape` as they come out of preprocessing."""
    shape = tuple(shape)
    name = model_name(recipe, shape)
    if name in MODELS:
        return MODELS[name](shape, classes, **{name: getattr(recipe, name) for name in OPTIONS})
    return foreign(name, Hyper({}, recipe, shape, classes))


def model_name(recipe: Recipe, shape: Sequence[int]) -> str:
    """What "auto" means for examples of `shape`: a convnet for images of 16 x 16 and more, else an mlp."""
    if recipe.model != "auto":
        return recipe.model
    return "convnet" if len(shape) == 3 and min(shape[1:]) >= SMALL_IMAGE else "mlp"
