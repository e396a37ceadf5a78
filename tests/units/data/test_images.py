"""Image folders: modes, sizes, turns, parts; corrupt files are named."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from babysit import Recipe
from babysit.data import load
from babysit.errors import DataError

from . import make


def put(folder, name, pixels, **save):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    (pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)).save(path, **save)
    return path


@pytest.mark.parametrize("memory", [100, 1 << 30])
@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_and_labels_are_those_of_the_files(tmp_path, channels, memory):
    split = load(Recipe(data=str(make.image_folder(tmp_path, shape=(channels, 12, 16)))), memory=memory)
    x, y = make.pictures(60, 3, (channels, 12, 16))
    assert split.classes == ("class0", "class1", "class2")
    assert split.shape == (channels, 12, 16)
    assert split.train.whole == (memory > 100)
    by_pixels = {one.tobytes(): label for one, label in zip(x, y, strict=True)}
    for part in split.parts.values():
        got, labels = part.gather(torch.arange(len(part)))
        assert got.dtype == torch.uint8
        assert [by_pixels[one.numpy().tobytes()] for one in got] == labels.tolist()


def test_folders_of_parts_are_kept(tmp_path):
    folder = make.image_folder(tmp_path, 90, parts=("train", "valid", "test"))
    split = load(Recipe(data=str(folder)))
    assert [len(part) for part in split.parts.values()] == [30, 30, 30]
    folder = make.image_folder(tmp_path / "two", 90, parts=("train", "test"))
    assert len(load(Recipe(data=str(folder), val=0.2)).val) == 9


def test_other_folders_beside_the_parts_are_left_alone_and_trains_can_be_a_class(tmp_path):
    folder = make.image_folder(tmp_path / "a", 60, parts=("train", "test"))
    (folder / "annotations").mkdir()
    split = load(Recipe(data=str(folder)))
    assert split.classes == ("class0", "class1", "class2")
    assert len(split.test) == 30
    for name in ("bus", "train"):
        for number in range(5):
            put(tmp_path / "b", f"{name}/{number}.png", np.full((4, 4), number, np.uint8))
    assert load(Recipe(data=str(tmp_path / "b"))).classes == ("bus", "train")


def test_mixed_sizes_are_an_error_that_tells_resize_and_are_resized_on_request(tmp_path):
    folder = make.image_folder(tmp_path, 30)
    odd = put(folder, "class1/odd.png", np.full((20, 40, 3), 7, np.uint8))
    with pytest.raises(DataError, match=rf"16 x 16 and .*{odd.name} is 40 x 20; resize=16"):
        load(Recipe(data=str(folder)))
    split = load(Recipe(data=str(folder), resize=8))
    assert split.shape == (3, 8, 8)
    assert any((one == 7).all() for part in split.parts.values() for one in part.x)


def test_resize_keeps_proportions_and_cuts_out_the_middle(tmp_path):
    wide = np.zeros((8, 24), np.uint8)
    wide[:, 8:16] = 200
    for label in ("a", "b"):
        for number in range(4):
            put(tmp_path, f"{label}/{number}.png", wide)
    split = load(Recipe(data=str(tmp_path), resize=8))
    assert (split.train.x == 200).all()


def modes(tmp_path):
    gray = np.arange(64, dtype=np.uint8).reshape(8, 8)
    for label in ("a", "b"):
        for number in range(3):
            put(tmp_path, f"{label}/{number}.png", gray)
    return gray


@pytest.mark.parametrize("kind", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_every_mode_is_read(tmp_path, kind):
    modes(tmp_path)
    if kind == "I;16":
        image = Image.fromarray((np.arange(64, dtype=np.uint16) * 1000).reshape(8, 8))
    else:
        image = Image.new(kind, (8, 8), 1 if kind in "1LP" else None)
    put(tmp_path, f"a/other.{'tif' if kind == 'CMYK' else 'png'}", image)
    split = load(Recipe(data=str(tmp_path)))
    assert split.shape[0] == (1 if kind in ("1", "L", "LA", "I;16") else 3)


def test_sixteen_bits_are_scaled_to_eight(tmp_path):
    deep = (np.arange(64, dtype=np.uint16) * 1000).reshape(8, 8)
    for label in ("a", "b"):
        for number in range(3):
            put(tmp_path, f"{label}/{number}.png", deep)
    assert (load(Recipe(data=str(tmp_path))).train.x[0, 0].numpy() == deep >> 8).all()


def test_what_is_transparent_lies_on_white(tmp_path):
    pixels = np.zeros((8, 8, 4), np.uint8)
    pixels[:4, :, 3] = 255
    for label in ("a", "b"):
        for number in range(3):
            put(tmp_path, f"{label}/{number}.png", pixels)
    x = load(Recipe(data=str(tmp_path))).train.x
    assert (x[:, :, :4] == 0).all()
    assert (x[:, :, 4:] == 255).all()


def test_a_photograph_is_turned_as_its_camera_says(tmp_path):
    pixels = np.zeros((8, 16, 3), np.uint8)
    pixels[:, :8] = 255
    turned = Image.Exif()
    turned[0x0112] = 6  # to be turned clockwise: left becomes top
    for label in ("a", "b"):
        for number in range(3):
            put(tmp_path, f"{label}/{number}.jpg", pixels, exif=turned)
    split = load(Recipe(data=str(tmp_path)))
    assert split.shape == (3, 16, 8)
    assert split.train.x[:, :, :7].min() > 200
    assert split.train.x[:, :, 9:].max() < 50


def everything(folder, memory):
    for part in load(Recipe(data=str(folder)), memory=memory).parts.values():
        list(part.batches(8))


@pytest.mark.parametrize("memory", [100, 1 << 30])
@pytest.mark.parametrize("data", [b"", b"no image", "truncated", "damaged"])
def test_a_corrupt_image_is_named(tmp_path, data, memory):
    folder = make.image_folder(tmp_path, 30)
    bad = sorted(folder.rglob("*.png"))[7]
    whole = bad.read_bytes()
    if data == "truncated":
        data = whole[: len(whole) // 2]
    elif data == "damaged":
        data = whole[:60] + bytes(40) + whole[100:]
    bad.write_bytes(data)
    with pytest.raises(DataError, match=rf"{bad.parent.name}/{bad.name} must be an image"):
        everything(folder, memory)


def test_folders_that_hold_something_else(tmp_path):
    with pytest.raises(DataError, match="it is empty"):
        load(Recipe(data=str(tmp_path)))
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "readme.txt").write_text("hello")
    with pytest.raises(DataError, match="a folder per class"):
        load(Recipe(data=str(tmp_path)))
    put(tmp_path, "b/1.png", np.zeros((4, 4), np.uint8))
    with pytest.raises(DataError, match=r"class folder .*a must hold images"):
        load(Recipe(data=str(tmp_path)))
    put(tmp_path, "loose.png", np.zeros((4, 4), np.uint8))
    with pytest.raises(DataError, match=r"loose.png lies directly in"):
        load(Recipe(data=str(tmp_path)))


def test_one_class_and_a_class_that_train_has_not(tmp_path):
    for number in range(5):
        put(tmp_path, f"only/{number}.png", np.zeros((4, 4), np.uint8))
    with pytest.raises(DataError, match="all 5 examples are 'only'"):
        load(Recipe(data=str(tmp_path)))
    folder = make.image_folder(tmp_path / "parts", 60, parts=("train", "test"))
    put(folder, "test/new/1.png", np.zeros((16, 16, 3), np.uint8))
    with pytest.raises(DataError, match="'new' is only in test"):
        load(Recipe(data=str(folder)))


def test_new_images_are_shaped_as_in_training(tmp_path):
    folder = make.image_folder(tmp_path / "train", 30)
    encoding = load(Recipe(data=str(folder))).encoding
    names, x = encoding.read(folder)
    assert len(names) == 30
    assert x.shape == (30, 3, 16, 16)
    gray = put(tmp_path, "new/gray.png", np.full((16, 16), 9, np.uint8))
    assert (encoding.encode(gray) == 9).all()
    large = put(tmp_path, "new/large.png", np.zeros((32, 32, 3), np.uint8))
    with pytest.raises(DataError, match=r"16 x 16 as in training, but .*large.png is 32 x 32"):
        encoding.encode(tmp_path / "new")
    assert load(Recipe(data=str(folder), resize=16)).encoding.encode(large).shape == (1, 3, 16, 16)
