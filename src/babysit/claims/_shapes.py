"""A generated set of CIFAR's shape: five shapes in two textures, any colour, place, size and background.

Colour and brightness say nothing of the class, and neither does any single pixel: what a class is, is how
neighbouring pixels go together, which is what convolutions can see and rows of numbers hardly.
"""

from __future__ import annotations

import numpy as np

NAMES = ("disc", "square", "triangle", "cross", "ring")
SIZE = 32


def shapes(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, 3, 32, 32) of bytes and their classes 0..9 (shape + 5 · texture), balanced.

    Examples:
        >>> x, y = shapes(20)
        >>> x.shape, x.dtype, np.bincount(y).tolist()
        ((20, 3, 32, 32), dtype('uint8'), [2, 2, 2, 2, 2, 2, 2, 2, 2, 2])
    """
    draw = np.random.default_rng([seed, 0xC1FA])
    labels = draw.permutation(np.arange(count) % 10)
    rows, columns = np.mgrid[0:SIZE, 0:SIZE].astype(float)
    images = np.empty((count, 3, SIZE, SIZE), np.uint8)
    for index, label in enumerate(labels):
        centre, radius = draw.uniform(12, 19, 2), draw.uniform(9, 12)
        inside = _inside(int(label) % 5, (rows - centre[0]) / radius, (columns - centre[1]) / radius)
        along = rows if label >= 5 else columns
        stripes = 0.5 + 0.5 * np.sign(np.sin(along * 2 * np.pi / 6 + draw.uniform(0, 2 * np.pi)))
        front, back = draw.uniform(0, 1, 3), draw.uniform(0, 1, 3)
        slope = draw.normal(0, 0.012, 2)
        ground = back[:, None, None] + slope[0] * (rows - 16) + slope[1] * (columns - 16)
        figure = front[:, None, None] * (0.3 + 0.7 * stripes)
        image = np.where(inside, figure, ground) + draw.normal(0, 0.05, (3, SIZE, SIZE))
        images[index] = (np.clip(image, 0, 1) * 255).round().astype(np.uint8)
    return images, labels.astype(np.int64)


def _inside(shape: int, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Which pixels belong to a shape, in its own coordinates (about -1..1)."""
    if shape == 0:
        return y * y + x * x < 1
    if shape == 1:
        return np.maximum(abs(y), abs(x)) < 0.88
    if shape == 2:
        return (y < 0.8) & (y > 2 * abs(x) - 1.0)
    if shape == 3:
        return (np.minimum(abs(y), abs(x)) < 0.32) & (np.maximum(abs(y), abs(x)) < 1)
    return (y * y + x * x < 1) & (y * y + x * x > 0.3)
