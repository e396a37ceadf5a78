"""IDX: exact round trips, pairs by name, damage named."""

from __future__ import annotations

import contextlib
import gzip
import struct

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from babysit import Recipe
from babysit.data import load
from babysit.data.idx import read_idx
from babysit.errors import DataError

from . import make

dtypes = st.sampled_from(["u1", "i1", "i2", "i4", "f4", "f8"]).map(np.dtype)


@given(arrays.arrays(dtypes, arrays.array_shapes(min_dims=1, max_dims=4, max_side=4)), st.booleans(), st.booleans())
def test_round_trip_is_exact(tmp_path_factory, array, zipped, mapped):
    path = tmp_path_factory.mktemp("idx") / "a"
    data = make.idx_bytes(array)
    path.write_bytes(gzip.compress(data) if zipped else data)
    found = read_idx(path, 0 if mapped else 1 << 30)
    assert found.shape == array.shape
    assert found.astype(found.dtype.newbyteorder("=")).tobytes() == array.tobytes()


@given(st.binary(max_size=60), st.sampled_from([b"", b"\0\0\x08\x01", b"\0\0\x08\x03", b"\x1f\x8b", b"\0\0\x0d\x02"]))
def test_random_bytes_are_a_data_error_or_an_array(tmp_path_factory, data, start):
    path = make.write(tmp_path_factory.mktemp("idx") / "a", start + data)
    with contextlib.suppress(DataError):
        assert isinstance(read_idx(path), np.ndarray)


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("memory", [100, 1 << 30])
def test_a_folder_gives_its_own_test_set_with_the_right_labels(tmp_path, zipped, memory):
    split = load(Recipe(data=str(make.idx(tmp_path / "m", zipped=zipped))), memory=memory)
    x, y = make.pictures(160, shape=(1, 28, 28))
    assert split.train.whole == (memory > 100)
    assert [len(part) for part in split.parts.values()] == [102, 18, 40]
    assert split.shape == (1, 28, 28)
    for part in split.parts.values():
        got, labels = part.gather(torch.arange(len(part)))
        assert (got.numpy() == x[part.index]).all()
        assert (labels.numpy() == y[part.index]).all()


@pytest.mark.parametrize("named", ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"])
def test_either_file_of_a_pair_finds_the_other(tmp_path, named):
    split = load(Recipe(data=str(make.idx(tmp_path) / named)))
    assert sum(len(part) for part in split.parts.values()) == 120


def test_where_torchvision_leaves_them_and_the_names_with_a_dot(tmp_path):
    folder = make.idx(tmp_path / "MNIST" / "raw")
    assert len(load(Recipe(data=str(tmp_path))).test) == 40
    for path in list(folder.iterdir()):
        path.rename(path.with_name(path.name.replace("-idx", ".idx")))
    assert len(load(Recipe(data=str(folder))).test) == 40


def test_letters_are_classes_by_their_own_numbers(tmp_path):
    x = np.zeros((52, 4, 4), np.uint8)
    y = np.repeat(np.arange(1, 27), 2).astype(np.uint8)
    make.write(tmp_path / "emnist-letters-train-images-idx3-ubyte", make.idx_bytes(x))
    make.write(tmp_path / "emnist-letters-train-labels-idx1-ubyte", make.idx_bytes(y))
    split = load(Recipe(data=str(tmp_path), val=0.01, test=0.01))
    assert split.classes == tuple(str(number) for number in range(1, 27))


def wrong(tmp_path, name, data):
    folder = make.idx(tmp_path / "m")
    make.write(folder / name, data)
    with pytest.raises(DataError) as error:
        load(Recipe(data=str(folder)))
    assert name in str(error.value)
    return str(error.value)


def test_what_is_wrong_is_said_with_the_file(tmp_path):
    images, labels = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
    good = (make.idx(tmp_path / "good") / images).read_bytes()
    assert "truncated" in wrong(tmp_path, images, good[:-1])
    assert "more are there" in wrong(tmp_path, images, good + b"\0")
    assert "magic" in wrong(tmp_path, images, b"PNG" + good[3:])
    assert "empty" in wrong(tmp_path, images, b"")
    assert "ends within" in wrong(tmp_path, images, good[:9])
    assert "truncated" in wrong(tmp_path, images, b"\0\0\x08\x03" + struct.pack(">3I", 1 << 31, 1 << 31, 1 << 31))
    assert "truncated" in wrong(tmp_path, images, gzip.compress(good)[:-20])
    assert "label for each" in wrong(tmp_path, images, make.idx_bytes(np.zeros((3, 28, 28), np.uint8)))
    assert "one dimension" in wrong(tmp_path, labels, make.idx_bytes(np.zeros((120, 2), np.uint8)))


def test_a_missing_partner_is_said(tmp_path):
    folder = make.idx(tmp_path)
    (folder / "train-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match="there must be labels beside"):
        load(Recipe(data=str(folder / "train-images-idx3-ubyte")))


def test_labels_of_one_class_only(tmp_path):
    make.idx(tmp_path, test=0)
    make.write(tmp_path / "train-labels-idx1-ubyte", make.idx_bytes(np.full(120, 7, np.uint8)))
    with pytest.raises(DataError, match="two classes"):
        load(Recipe(data=str(tmp_path)))
