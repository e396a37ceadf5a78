"""New examples become what training saw, whatever file they come in."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits, load_wine

from babysit import Recipe
from babysit.data import encoding_from, load
from babysit.errors import DataError

from . import make


def test_digits_from_every_kind_of_file(tmp_path):
    split = load(Recipe(data="digits"))
    images = load_digits().images
    encoding = encoding_from(split.encoding.to_dict())
    assert (split.train.x[:, 0].numpy() == images[split.train.index]).all()
    np.save(tmp_path / "a.npy", images)
    np.savez(tmp_path / "a.npz", X=images.reshape(-1, 64))
    make.csv(tmp_path / "a.csv", {f"p{at}": images.reshape(-1, 64)[:, at] for at in range(64)})
    make.write(tmp_path / "a-idx3-ubyte", make.idx_bytes(images.astype(np.uint8)))
    for place in (
        images,
        torch.from_numpy(images),
        *(tmp_path / one for one in ("a.npy", "a.npz", "a.csv", "a-idx3-ubyte")),
    ):
        names, x = encoding.read(place)
        assert x.dtype == torch.float32
        assert (x[:, 0].numpy() == images).all()
        assert names[:2] == ["1", "2"]
    assert encoding.encode(images[3][None]).shape == (1, 1, 8, 8)


def test_columns_are_found_by_name_in_any_order(tmp_path):
    wine = load_wine()
    encoding = load(Recipe(data="wine")).encoding
    columns = {name: wine.data[:5, at] for at, name in reversed(list(enumerate(wine.feature_names)))}
    path = make.csv(tmp_path / "w.csv", {"year": [1] * 5, **columns})
    assert torch.equal(encoding.encode(path), torch.from_numpy(wine.data[:5]).float())
    del columns["hue"]
    with pytest.raises(DataError, match=r"must have the columns .*hue"):
        encoding.encode(make.csv(tmp_path / "less.csv", columns))


def test_bytes_stay_bytes(tmp_path):
    folder = make.cifar(tmp_path, "10-python", 100)
    encoding = load(Recipe(data=str(folder))).encoding
    x, _ = make.pictures(100)
    Image.fromarray(x[3].transpose(1, 2, 0)).save(tmp_path / "one.png")
    assert (encoding.encode(tmp_path / "one.png")[0].numpy() == x[3]).all()
    assert encoding.encode(x.astype(np.float64)).dtype == torch.uint8
    with pytest.raises(DataError, match=r"whole numbers 0..255"):
        encoding.encode(x / 255)


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("nothing.csv", "there is none"),
        ("a.txt", "must have 64 columns"),
        ("a.bin", "must be a .csv"),
        ("a.png", "learned from images of bytes"),
        (np.zeros((3, 7)), r"of shape \(1, 8, 8\)"),
        (np.full((3, 64), np.nan), "row 1"),
        (np.array([["a"]]), "must be numbers"),
    ],
)
def test_what_does_not_fit_is_said(tmp_path, place, words):
    make.write(tmp_path / "a.txt", b"a,b\n1,2\n")
    make.write(tmp_path / "a.bin", b"\x01\x02\x03")
    make.write(tmp_path / "a.png", b"")
    with pytest.raises(DataError, match=words):
        load(Recipe(data="digits")).encoding.encode(tmp_path / place if isinstance(place, str) else place)


def test_an_encoding_of_an_unknown_source_is_refused():
    with pytest.raises(DataError, match="known source"):
        encoding_from({"source": "gone"})
