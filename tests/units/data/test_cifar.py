"""CIFAR as downloaded: all four forms, folders and archives, whole and mapped; and what is wrong with it."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import tarfile

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from babysit import Recipe
from babysit.data import load
from babysit.data.cifar import read_binary, read_python
from babysit.errors import DataError

from . import make

KINDS = ["10-python", "10-binary", "100-python", "100-binary"]


@pytest.mark.parametrize("tar", [False, True], ids=["folder", "tar"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_form_gives_the_same_pixels_labels_and_test_set(tmp_path, kind, tar):
    classes = int(kind.split("-")[0])
    count = 4 * classes
    path = make.cifar(tmp_path, kind, count, tar=tar)
    x, y = make.pictures(count, classes)
    split = load(Recipe(data=str(path)))
    test = max(classes, count // 5)
    assert split.classes == tuple(f"class {label}" for label in range(classes))
    assert split.shape == (3, 32, 32)
    assert split.train.x.dtype == torch.uint8
    assert {tuple(one) for one in split.test.x.reshape(test, -1)[:, :40].tolist()} == {
        tuple(one) for one in x[:test].reshape(test, -1)[:, :40].tolist()
    }
    by_pixels = {x[row].tobytes(): y[row] for row in range(count)}
    for part in split.parts.values():
        for image, label in zip(part.x, part.y, strict=True):
            assert by_pixels[image.numpy().tobytes()] == label
    assert len(split.val) == round((count - test) * 0.15)


def test_larger_than_memory_gives_the_same_batches(tmp_path):
    path = make.cifar(tmp_path, "10-python", 100, tar=True)
    whole, lazy = load(Recipe(data=str(path))), load(Recipe(data=str(path)), memory=1000)
    assert whole.train.whole
    assert not lazy.train.whole
    for (a, y), (b, z) in zip(whole.train.batches(16), lazy.train.batches(16), strict=True):
        assert torch.equal(a, b)
        assert torch.equal(y, z)


@pytest.mark.parametrize("kind", ["10-python", "10-binary"])
def test_a_single_batch_is_split_in_three(tmp_path, kind):
    folder = make.cifar(tmp_path, kind, 120)
    split = load(Recipe(data=str(folder / ("data_batch_1.bin" if kind == "10-binary" else "data_batch_1"))))
    assert sum(len(part) for part in split.parts.values()) == 48
    assert all(len(part) for part in split.parts.values())
    assert split.classes[0] == "class 0"


def test_a_pickle_with_a_payload_runs_nothing(tmp_path):
    class Attack:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "ran"),)

    folder = make.cifar(tmp_path, "10-python", 100)
    make.write(folder / "data_batch_2", pickle.dumps({b"data": Attack(), b"labels": [1]}, 2))
    with pytest.raises(DataError, match=r"data_batch_2.*plain values only.*mkdir"):
        load(Recipe(data=str(folder)))
    make.write(folder / "data_batch_2", make.cifar_files("10-python", 100)["data_batch_2"])
    make.write(folder / "batches.meta", pickle.dumps({b"label_names": Attack()}, 2))
    with pytest.raises(DataError, match=r"batches.meta.*mkdir"):
        load(Recipe(data=str(folder)))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cut", [0, 1, 100, 4000])
def test_a_truncated_batch_is_named(tmp_path, kind, cut):
    folder = make.cifar(tmp_path, kind, 200)
    path = next(file for file in sorted(folder.iterdir()) if file.stem in ("data_batch_1", "train"))
    path.write_bytes(path.read_bytes()[: -cut or 0 : 1] if cut else b"")
    with pytest.raises(DataError, match=path.name):
        load(Recipe(data=str(folder)))


@pytest.mark.parametrize("keep", [10, 1000, 0.5, 0.9])
def test_a_truncated_archive_is_named(tmp_path, keep):
    path = make.cifar(tmp_path, "10-binary", 100, tar=True)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep) if isinstance(keep, float) else keep])
    with pytest.raises(DataError, match=r"cifar-10-binary.tar.gz"):
        load(Recipe(data=str(path)))


def test_an_archive_without_batches_and_links_in_it(tmp_path):
    path = tmp_path / "cifar-10-python.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        link = tarfile.TarInfo("cifar-10-batches-py/data_batch_1")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
        other = tarfile.TarInfo("readme.txt")
        other.size = 2
        archive.addfile(other, io.BytesIO(b"hi"))
    with pytest.raises(DataError, match="must hold CIFAR batches"):
        load(Recipe(data=str(path)))


def test_a_gzip_that_is_no_tar(tmp_path):
    path = make.write(tmp_path / "cifar.tar.gz", gzip.compress(b"nothing"))
    with pytest.raises(DataError, match=r"tar.gz"):
        load(Recipe(data=str(path)))


@pytest.mark.parametrize(
    ("batch", "words"),
    [
        ({b"data": np.zeros((2, 3072), np.uint8), b"labels": [0, 11]}, "row 2 of b has 11"),
        ({b"data": np.zeros((2, 3072), np.uint8), b"labels": [0, "a"]}, "row 2 of b has 'a'"),
        ({b"data": np.zeros((3, 3072), np.uint8), b"labels": [0, 1]}, r"\(2, 3072\) by its labels"),
        ({b"data": np.zeros((2, 30), np.uint8), b"labels": [0, 1]}, r"is \(2, 30\)"),
        ({b"labels": [0, 1]}, "must hold b'data'"),
        ({b"data": [1, 2], b"labels": [0, 1]}, "must hold b'data'"),
        ([1, 2], "holds list"),
    ],
)
def test_a_python_batch_that_is_something_else(batch, words):
    with pytest.raises(DataError, match=words):
        read_python(pickle.dumps(batch, 2), "b")


def test_a_label_out_of_range_in_a_binary_batch_is_placed():
    x, y = make.pictures(12)
    y[7] = 10
    with pytest.raises(DataError, match="record 8 of b has 10"):
        read_binary(make.cifar_binary(x, y), "b")


@given(st.integers(1, 5), st.integers(0, 2**31), st.booleans())
def test_binary_round_trip_is_exact(count, seed, fine):
    draw = np.random.default_rng(seed)
    x = draw.integers(0, 256, (count, 3, 32, 32), np.uint8)
    y = draw.integers(0, 100 if fine else 10, count)
    pixels, labels = read_binary(make.cifar_binary(x, y, y // 5 if fine else None), "b", fine=fine)
    assert (pixels.reshape(x.shape) == x).all()
    assert (labels == y).all()


@given(st.binary(max_size=300), st.booleans(), st.integers(0, 2))
def test_random_bytes_are_a_data_error_or_a_batch(data, fine, times):
    data = data * (3073 if times == 2 else 1)
    for read in (lambda: read_binary(data, "b", fine=fine), lambda: read_python(data, "b")):
        try:
            pixels, labels = read()
        except DataError:
            continue
        assert pixels.shape == (len(labels), 3072)
