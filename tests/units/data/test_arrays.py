"""NumPy files: names, parts, layouts, mapping; nothing is unpickled."""

from __future__ import annotations

import contextlib
import os

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from babysit import Recipe
from babysit.data import load
from babysit.data.arrays import _role
from babysit.errors import DataError

X = np.random.default_rng(0).normal(size=(60, 5))
Y = np.arange(60) % 3


def saved(folder, packed=False, **arrays):
    path = folder / "a.npz"
    (np.savez_compressed if packed else np.savez)(path, **arrays)
    return path


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("X", ("x", "train")),
        ("y", ("y", "train")),
        ("x_train", ("x", "train")),
        ("X_test", ("x", "test")),
        ("ytest", ("y", "test")),
        ("yTrain", ("y", "train")),
        ("train_images", ("x", "train")),
        ("test_labels", ("y", "test")),
        ("valid_data", ("x", "val")),
        ("targets", ("y", "train")),
        ("weights", ("", "train")),
    ],
)
def test_what_a_name_tells(name, role):
    assert _role(name) == role


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("memory", [100, 1 << 30])
@pytest.mark.parametrize("names", [("X", "y"), ("data", "target"), ("images", "labels")])
def test_the_rows_come_back_with_their_targets(tmp_path, names, memory, packed):
    path = saved(tmp_path, packed, **dict(zip(names, (X, Y), strict=True)))
    split = load(Recipe(data=str(path)), memory=memory)
    assert split.train.whole == (memory > 100)
    for part in split.parts.values():
        x, y = part.gather(torch.arange(len(part)))
        assert torch.equal(x, torch.from_numpy(X[part.index]).float())
        assert (y.numpy() == Y[part.index]).all()


def test_own_parts_are_kept(tmp_path):
    path = saved(tmp_path, x_train=X, y_train=Y, x_test=X[:9], y_test=Y[:9], x_val=X[:6], y_val=Y[:6])
    split = load(Recipe(data=str(path)))
    assert [len(part) for part in split.parts.values()] == [60, 6, 9]
    assert torch.equal(split.test.x, torch.from_numpy(X[:9]).float())


@pytest.mark.parametrize(
    ("shape", "dtype", "example", "kept"),
    [
        ((60, 4), np.uint8, (4,), torch.float32),
        ((60,), np.float64, (1,), torch.float32),
        ((60, 8, 6), np.uint8, (1, 8, 6), torch.uint8),
        ((60, 8, 6, 3), np.uint8, (3, 8, 6), torch.uint8),
        ((60, 3, 8, 6), np.int16, (3, 8, 6), torch.float32),
        ((60, 8, 6), ">f8", (1, 8, 6), torch.float32),
        ((60, 4), bool, (4,), torch.float32),
    ],
)
def test_layouts_and_types(tmp_path, shape, dtype, example, kept):
    values = np.random.default_rng(0).integers(0, 2, shape).astype(dtype)
    split = load(Recipe(data=str(saved(tmp_path, X=values, y=Y))))
    assert split.shape == example
    assert split.train.x.dtype == kept


def test_channels_last_are_put_first(tmp_path):
    values = np.random.default_rng(0).integers(0, 255, (60, 8, 6, 3), np.uint8)
    split = load(Recipe(data=str(saved(tmp_path, X=values, y=Y))))
    assert (split.train.x.numpy() == values[split.train.index].transpose(0, 3, 1, 2)).all()


@pytest.mark.parametrize("memory", [10, 1 << 30])
def test_npy_finds_its_targets_and_columns_first_arrays_are_read_right(tmp_path, memory):
    np.save(tmp_path / "X.npy", np.asfortranarray(X))
    np.save(tmp_path / "y.npy", Y)
    for place in (tmp_path / "X.npy", tmp_path):
        split = load(Recipe(data=str(place)), memory=memory)
        x, _ = split.train.gather(torch.arange(5))
        assert torch.equal(x, torch.from_numpy(X[split.train.index[:5]]).float())


def test_target_names_the_targets_array(tmp_path):
    path = saved(tmp_path, X=X, y=Y, price=X[:, 0])
    assert load(Recipe(data=str(path), target="price")).task == "regression"
    with pytest.raises(DataError, match="did you mean price"):
        load(Recipe(data=str(path), target="prise"))


class Attack:
    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_an_npz_that_needs_unpickling_is_refused_and_runs_nothing(tmp_path):
    path = saved(tmp_path, X=np.array([Attack(tmp_path / "ran")] * 3, object), y=Y[:3])
    with pytest.raises(DataError, match=r"X.npy of .*a.npz must hold plain numbers.*run code.*np.savez"):
        load(Recipe(data=str(path)))
    np.save(tmp_path / "X.npy", np.array([Attack(tmp_path / "ran")] * 3, object))
    np.save(tmp_path / "y.npy", Y[:3])
    with pytest.raises(DataError, match="run code"):
        load(Recipe(data=str(tmp_path / "X.npy")))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"a": X, "b": Y}, "it holds a, b"),
        ({"X": X}, r"must hold targets \(y\)"),
        ({"X": X, "y": Y[:-1]}, "a target for each example"),
        ({"X": X, "data": X, "y": Y}, "must hold one x"),
        ({"X": np.zeros((0, 3)), "y": np.zeros(0)}, "shape is"),
        ({"X": np.zeros((60, 2, 2, 2, 2)), "y": Y}, r"must be \(N, D\)"),
        ({"X": np.array(["a"] * 60), "y": Y}, "must be numbers"),
        ({"X": np.where(np.arange(300).reshape(60, 5) == 37, np.nan, X), "y": Y}, "row 8, column 3 is nan"),
        ({"X": np.where(np.arange(300).reshape(60, 5) == 37, 1e300, X), "y": Y}, "row 8, column 3 is inf"),
        ({"X": X, "y": np.zeros(60, int)}, "two classes"),
        ({"x_train": X, "y_train": Y, "x_test": X[:, :3], "y_test": Y}, "one shape in all parts"),
        ({"x_train": X, "y_train": Y, "x_test": X[:3], "y_test": [7, 7, 7]}, "'7' is not"),
        ({"X": np.zeros(60, [("a", "f4")]), "y": Y}, "plain array"),
    ],
)
def test_what_cannot_be_learned_is_said(tmp_path, arrays, words):
    with pytest.raises(DataError, match=words):
        load(Recipe(data=str(saved(tmp_path, **arrays))))


@pytest.mark.parametrize("packed", [False, True])
@given(share=st.floats(0, 0.999), at=st.integers(0, 1 << 20), byte=st.integers(0, 255))
def test_a_truncated_or_damaged_npz_is_a_data_error_or_whole(tmp_path_factory, packed, share, at, byte):
    path = saved(tmp_path_factory.mktemp("npz"), packed, X=X[:20], y=Y[:20])
    data = bytearray(path.read_bytes())
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(DataError):
        load(Recipe(data=str(path)))
    data[at % len(data)] = byte
    path.write_bytes(data)
    with contextlib.suppress(DataError):
        load(Recipe(data=str(path)))


@given(st.binary(max_size=80), st.sampled_from([b"", b"\x93NUMPY\x01\x00", b"PK\x03\x04"]))
def test_random_bytes_are_a_data_error(tmp_path_factory, data, start):
    folder = tmp_path_factory.mktemp("npy")
    np.save(folder / "y.npy", Y)
    for name in ("X.npy", "a.npz"):
        (folder / name).write_bytes(start + data)
        with pytest.raises(DataError):
            load(Recipe(data=str(folder / name)))


@given(at=st.integers(6, 100), byte=st.integers(0, 255), cut=st.booleans())
def test_a_damaged_header_is_a_data_error_or_read(tmp_path_factory, at, byte, cut):
    folder = tmp_path_factory.mktemp("npy")
    np.save(folder / "X.npy", X)
    np.save(folder / "y.npy", Y)
    data = bytearray((folder / "X.npy").read_bytes())
    data[at : at + 1] = b"" if cut else bytes([byte])
    (folder / "X.npy").write_bytes(data)
    with contextlib.suppress(DataError):
        load(Recipe(data=str(folder / "X.npy")))


@pytest.mark.parametrize("memory", [10, 1 << 30])
def test_a_header_that_lies_about_its_size_costs_nothing(tmp_path, memory):
    np.save(tmp_path / "y.npy", Y)
    np.save(tmp_path / "X.npy", X)
    data = (tmp_path / "X.npy").read_bytes().replace(b"(60, 5), }      ", b"(6000000000, 5),}")
    assert b"6000000000" in data
    (tmp_path / "X.npy").write_bytes(data)
    with pytest.raises(DataError, match=r"truncated|header"):
        load(Recipe(data=str(tmp_path / "X.npy")), memory=memory)
