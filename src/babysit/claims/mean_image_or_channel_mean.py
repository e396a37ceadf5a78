"""Subtracting the mean image, the mean of each channel, or nothing."""

from __future__ import annotations

import numpy as np

from ..views.panel import Axis
from ._claim import claim
from ._lecture import PREPROCESSING, SIMONYAN_2014
from ._material import Examples, preprocess_layer
from ._networks import by_seed, convnets, fleet, many
from ._panels import arms
from ._verdict import GAIN, Criterion, Measured


@claim(
    PREPROCESSING, paper=SIMONYAN_2014, order=4, heavy=True, parts=True,
    criteria={
        "either": Criterion("validation accuracy, mean image - channel means", low=-0.03, high=0.03, points=True),
        "better than none": Criterion("validation accuracy, channel means - no centring", low=GAIN, points=True),
    },
)  # fmt: skip
def mean_image_or_channel_mean(data, *, seeds, quick):
    """For images subtract the mean image or each channel's mean: either will do, and is better than none.

    The mean image is AlexNet's way, the channels' means are VGG's.

    A small ConvNet on images of CIFAR's shape, in all arms divided by the same number, 200 steps of SGD with momentum at lr = 0.02,
    four networks a seed.

    Criterion: validation accuracy of the two lies within 3 points of one another (from -3 to 3); and that with channel
    means is more than 0.5 points above that without centring.
    """
    images = data.pixels()
    steps = 120 if quick else 200
    times = 1 if quick else 4
    scores = {
        name: _score(_prepared(images, name), seeds, steps, times) for name in ("mean-image", "channel-mean", "none")
    }
    figure = arms(
        "Validation accuracy after the same training", scores, Axis("validation accuracy", share=True), {"none": "bad"}
    )
    return Measured(
        {"either": scores["mean-image"] - scores["channel-mean"], "better than none": scores["channel-mean"] - scores["none"]}, figure,
        "A convolution sees every place with the same weights, so what it needs is that inputs lie around zero; where in the image "
        f"a mean is high or low is little information here. Without any centring accuracy is {np.mean(scores['none']):.1%} "
        f"against {np.mean(scores['channel-mean']):.1%}.",
    )  # fmt: skip


def _prepared(images: Examples, how: str) -> Examples:
    scale = images.x.std()
    if how == "none":
        return images.map(lambda x: x / scale)
    layer = preprocess_layer(how).fit(images.x)
    return images.map(lambda x: layer(x) / scale)


def _score(images, seeds, steps, times):
    own = many(seeds, times)
    ships = fleet([convnets(images, own, width=6, depth=2)], own, lr=0.02)
    ships.train(images.x, images.y, steps, batch=32, every=steps)
    return by_seed(ships.accuracy(images.val_x, images.val_y), seeds)
