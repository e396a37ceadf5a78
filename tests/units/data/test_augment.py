"""Flip and crop against the slow way, one image at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from babysit.data.augment import augment, crop, flip
from babysit.errors import RecipeError


def images(dtype=torch.uint8):
    return torch.arange(40 * 3 * 6 * 8).reshape(40, 3, 6, 8).remainder(251).to(dtype)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_flip_mirrors_about_half_and_leaves_the_others():
    x = images()
    out = flip(x, seeded())
    mirrored = [torch.equal(one, raw.flip(2)) for one, raw in zip(out, x, strict=True)]
    same = [torch.equal(one, raw) for one, raw in zip(out, x, strict=True)]
    assert all(a != b for a, b in zip(mirrored, same, strict=True))
    assert 10 < sum(mirrored) < 30


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_crop_is_a_window_of_the_padded_image(dtype):
    x = images(dtype)
    out = crop(x, seeded(), padding=2)
    assert out.shape == x.shape
    assert out.dtype == dtype
    padded = np.pad(x.numpy(), ((0, 0), (0, 0), (2, 2), (2, 2)))
    found = set()
    for row in range(len(x)):
        windows = {(top, left): padded[row, :, top : top + 6, left : left + 8] for top in range(5) for left in range(5)}
        places = [place for place, window in windows.items() if (window == out[row].numpy()).all()]
        assert places
        found.update(places)
    assert len(found) > 12


def test_the_generator_decides():
    x = images()
    first, same, other = (augment(x, "flip+crop", seeded(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


def test_none_is_the_batch_itself_and_tables_are_refused():
    x = images()
    assert augment(x, "none", seeded()) is x
    with pytest.raises(RecipeError, match="needs images"):
        augment(torch.zeros(4, 3), "flip", seeded())
