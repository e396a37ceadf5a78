"""Data preprocessing as a network's first layer (CS231n, Training Neural Networks I).

Each is an `nn.Module` with scikit-learn's `fit`: the statistics come from the training split alone, in one
exact streaming pass, live as buffers and travel with the saved model, so that the same thing
happens at test time by construction.
"""

from __future__ import annotations

from ...errors import RecipeError, did_you_mean
from ...record.recipe import PREPROCESS
from .centring import Center, ChannelMean, MeanImage, Standardize
from .layer import Preprocess, Shape, Unchanged
from .moments import Comoments, Moments
from .rotating import PCA, ZCA, Whiten

__all__ = [
    "PCA",
    "ZCA",
    "Center",
    "ChannelMean",
    "Comoments",
    "MeanImage",
    "Moments",
    "Preprocess",
    "Standardize",
    "Unchanged",
    "Whiten",
    "auto",
    "preprocess",
]


def auto(shape: Shape) -> str:
    """What "auto" means for examples of `shape`: images are centred by channel, tables standardized."""
    return "channel-mean" if len(shape) == 3 else "standardize"


def preprocess(name: str, shape: Shape, components: int | None = None) -> Preprocess:
    """A new, unfitted first layer by its name in a recipe, its buffers sized for examples of `shape`.

    Raises:
        RecipeError: no such preprocessing, one that needs images, or components it can't keep.

    Examples:
        >>> preprocess("auto", (3, 32, 32))
        ChannelMean(shape=(3, 32, 32), not fitted)
        >>> preprocess("none", (4,))
        Unchanged(shape=(4,), fitted)
    """
    name = auto(shape) if name == "auto" else name
    if name not in PREPROCESS:
        raise RecipeError(f"preprocess has no {name!r}{did_you_mean(name, PREPROCESS)}")
    if components is not None and name not in ("pca", "whiten"):
        raise RecipeError(f"components goes with preprocess=pca or whiten, but preprocess={name}")
    if name == "pca":
        return PCA(components, shape=shape)
    if name == "whiten":
        return Whiten(components=components, shape=shape)
    plain = {
        "none": Unchanged, "center": Center, "mean-image": MeanImage, "channel-mean": ChannelMean,
        "standardize": Standardize, "zca": ZCA,
    }  # fmt: skip
    return plain[name](shape=shape)
