"""What networks are made of: one file per section of the lecture, then the models.

Each piece is usable alone, on anyone's tensors and modules:

    preprocess    PCA, Whiten, ZCA, Standardize ...: first layers with scikit-learn's `fit`
    activations   one table of what is known of each; Maxout
    init          how weights start
    norm          what stands between linear/conv and the nonlinearity
    mlp convnet resnet    the models; `build` makes the one that a recipe asks for
    depth_profile         what becomes of a signal through depth
    facts_of              what a module is, as plain JSON

To add a model needs no change here: `Recipe(model="mypackage.nets:make")`, where
`make(shape, classes, **options)` gives an `nn.Module`.
"""

from __future__ import annotations

from . import preprocess
from .activations import ACTIVATIONS, Activation, activation
from .build import MODELS, build, make, model_name
from .convnet import convnet
from .depth import Depth, depth_profile
from .init import init
from .kinds import facts_of, role_of
from .maxout import Maxout, MaxoutConv2d, MaxPieces
from .mlp import mlp
from .norm import norm
from .preprocess import PCA, ZCA, Center, ChannelMean, MeanImage, Preprocess, Standardize, Unchanged, Whiten
from .resnet import BasicBlock, resnet

__all__ = [
    "ACTIVATIONS",
    "MODELS",
    "PCA",
    "ZCA",
    "Activation",
    "BasicBlock",
    "Center",
    "ChannelMean",
    "Depth",
    "MaxPieces",
    "Maxout",
    "MaxoutConv2d",
    "MeanImage",
    "Preprocess",
    "Standardize",
    "Unchanged",
    "Whiten",
    "activation",
    "build",
    "convnet",
    "depth_profile",
    "facts_of",
    "init",
    "make",
    "mlp",
    "model_name",
    "norm",
    "preprocess",
    "resnet",
    "role_of",
]
