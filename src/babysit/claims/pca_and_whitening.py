"""PCA decorrelates, whitening evens out, and few directions hold most of the variance."""

from __future__ import annotations

import numpy as np
import torch

from ..nn import PCA, Whiten
from ..views.panel import Axis, Images, Panel
from ._claim import claim
from ._fleet import generator
from ._lecture import KRIZHEVSKY_2009, PREPROCESSING
from ._verdict import Criterion, Measured


@claim(
    PREPROCESSING, paper=KRIZHEVSKY_2009, order=5,
    parts=True,
    criteria={
        "decorrelated": Criterion("largest correlation between two principal components", high=0.01),
        "whitened": Criterion("largest |variance - 1| of the directions that vary", high=0.05),
        "compact": Criterion("variance in the first quarter of the components", low=0.8, share=True),
    },
)  # fmt: skip
def pca_and_whitening(data, *, seeds, quick):
    """PCA decorrelates, whitening evens out the variances, and a quarter of the directions is nearly all.

    The package's own layers, fitted on half of the training examples, another half each seed. The figure shows the mean,
    the first eigenvectors, and examples drawn again from 1/32 to half of the components, from the images where
    the examples are images.

    Criterion: no two components correlate more than 0.01; variances of whitened directions are within 0.05 of 1; and more than
    80 % of the variance lies in the first quarter of the components.
    """
    rows = data.rows("none")
    values: dict[str, list[float]] = {"decorrelated": [], "whitened": [], "compact": []}
    for seed in seeds:
        x = rows.x[torch.randperm(len(rows.x), generator=generator(seed))[: max(2, len(rows.x) // 2)]]
        turned, white = PCA().fit(x)(x).double(), Whiten(epsilon=0.0).fit(x)(x).double()
        variance = turned.var(0, correction=0)
        kept = variance > 1e-6 * variance.max()
        correlations = torch.corrcoef(turned[:, kept].T).abs().fill_diagonal_(0)
        values["decorrelated"].append(float(correlations.max()))
        values["whitened"].append(float((white[:, kept].var(0, correction=0) - 1).abs().max()))
        values["compact"].append(float(variance[: max(1, len(variance) // 4)].sum() / variance.sum()))
    images = data.raw() if len(data.raw().shape) == 3 else data.pixels()
    shrink = -(-images.shape[1] // 16)  # a covariance of more than 16 x 16 pixels takes long
    small = torch.nn.functional.avg_pool2d(images.x[: 400 if quick else 2000], shrink)
    figure = Panel(
        "The mean, eigenvectors, and reconstructions",
        [Images(_pictures(small))],
        x=Axis(),
        height=250,
    )
    return Measured(
        values, figure,
        "The eigenvectors of the covariance are directions along which the data vary independently, sorted by how much. Neighbouring "
        f"pixels go together, so few directions hold most: {np.mean(values['compact']):.1%} in a quarter. Whitening divides each "
        "by its spread, and so also blows up directions that hold noise alone; for images with ConvNets it isn't common.",
    )  # fmt: skip


def _pictures(x):
    features = x[0].numel()
    full = PCA().fit(x)
    back = full.back.reshape(-1, *x.shape[1:])
    pictures = [("mean", _unit(x.mean(0)))] + [(f"eigenvector {k + 1}", _unit(back[k])) for k in (0, 1, 2, 3, 4)]
    counts = [max(1, features // part) for part in (32, 16, 8, 4, 2)]
    code = full(x[:3])
    for index in range(3):
        pictures.append(("an example", _scaled(x[index], x)))
        for count in counts:
            cut = code[index : index + 1].clone()
            cut[:, count:] = 0
            pictures.append((f"from {count}", _scaled(full.inverse(cut)[0], x)))
    return pictures


def _unit(one):
    return _shown((one - one.min()) / (one.max() - one.min()).clamp_min(1e-12))


def _scaled(one, like):
    return _shown(((one - like.min()) / (like.max() - like.min())).clamp(0, 1))


def _shown(one):
    image = one.numpy().transpose(1, 2, 0)
    return image if image.shape[2] == 3 else image[..., 0]
