"""What every source keeps to."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import torch

import babysit.data
from babysit import Recipe
from babysit.data import Source, encoding_from, load, source
from babysit.data.summary import summary
from babysit.errors import BabysitError, DataError, RecipeError
from babysit.registry import members

from ..units.data import make

SOURCES = members("babysit.data", Source)


def places(tmp_path):
    """source -> (recipe, data) on a small set in its own format."""
    x, y = make.pictures(90, 3, (1, 8, 8))
    np.savez(tmp_path / "a.npz", X=x, y=y)
    return {
        "arrays": (Recipe(data=str(tmp_path / "a.npz")), None),
        "bundled": (Recipe(data="iris"), None),
        "cifar": (Recipe(data=str(make.cifar(tmp_path / "cifar", "10-binary", 100))), None),
        "idx": (Recipe(data=str(make.idx(tmp_path / "idx"))), None),
        "images": (Recipe(data=str(make.image_folder(tmp_path / "images"))), None),
        "loader": (Recipe(data="mine"), (x, y)),
        "table": (Recipe(data=str(make.flowers(tmp_path / "t.csv")), target="kind"), None),
    }


def test_every_source_is_held_to_this(tmp_path):
    assert set(places(tmp_path)) == set(SOURCES)


@pytest.fixture(params=sorted(SOURCES))
def given(request, tmp_path):
    recipe, data = places(tmp_path)[request.param]
    return request.param, recipe, data


def rows(part):
    return part.gather(torch.arange(len(part)))


def test_it_is_found_and_says_what_it_reads(given):
    name, recipe, data = given
    found = SOURCES[name]
    assert found.reads
    assert re.match(r"[A-Z].*\.", found.__doc__)
    recognizing = [one for one, other in SOURCES.items() if other.recognizes(recipe.data if data is None else data)]
    assert recognizing == [name]


def test_parts_are_three_disjoint_and_of_the_right_types(given):
    _, recipe, data = given
    split = load(recipe, data=data)
    index = np.concatenate([part.index for part in split.parts.values()])
    assert len(set(index.tolist())) == len(index)
    for part in split.parts.values():
        assert part.whole
        assert len(part) == part.x.shape[0] == len(part.index) > 0
        assert part.shape == split.shape
        assert part.x.dtype == (torch.uint8 if part.x.dtype == torch.uint8 else torch.float32)
        assert part.x.dtype == torch.float32 or len(split.shape) == 3
        assert part.y.dtype == torch.int64
        assert set(part.y.tolist()) <= set(range(len(split.classes)))
    assert len(split.features) in (0, np.prod(split.shape))
    assert split.source


def test_the_same_seed_gives_the_same_split_and_another_another(given):
    _, recipe, data = given
    first, same, other = (load(recipe.edit(seed=seed), data=data) for seed in (1, 1, 2))
    for name in split_names(first):
        assert torch.equal(rows(first.parts[name])[0], rows(same.parts[name])[0])
    assert first.train.index.tolist() != other.train.index.tolist()


def split_names(split):
    return list(split.parts)


def test_larger_than_memory_gives_the_same_examples(given):
    name, recipe, data = given
    whole, lazy = load(recipe, data=data), load(recipe, data=data, memory=10)
    for part in split_names(whole):
        for a, b in zip(rows(whole.parts[part]), rows(lazy.parts[part]), strict=True):
            assert torch.equal(a, b)
    if name not in ("bundled", "loader"):  # those are in memory already
        assert not lazy.train.whole


def test_its_encoding_is_plain_json_and_its_summary_too(given):
    _, recipe, data = given
    split = load(recipe, data=data)
    encoding = encoding_from(json.loads(json.dumps(split.encoding.to_dict())))
    assert encoding == split.encoding
    assert encoding.shape == split.shape
    assert encoding.classes == split.classes
    assert encoding.task == split.task
    json.dumps(summary(split), allow_nan=False)


def test_augmentation_is_for_images_only(given):
    _, recipe, data = given
    if len(load(recipe, data=data).shape) == 1:
        with pytest.raises(RecipeError, match="augment=flip needs images"):
            load(recipe.edit(augment="flip"), data=data)
    else:
        load(recipe.edit(augment="flip"), data=data)


def test_it_can_be_asked_for_outright(given):
    name, recipe, data = given
    if data is None:
        assert len(load(recipe.edit(data=f"{name}:{recipe.data}")).train) == len(load(recipe).train)


@pytest.mark.parametrize("name", sorted(set(SOURCES) - {"bundled", "loader"}))
@pytest.mark.parametrize("content", [None, b"", b"\0" * 7, b"GIF89a", b"hello\n", "folder"])
def test_what_it_cannot_read_is_a_data_error(tmp_path, name, content):
    path = tmp_path / "thing"
    if content == "folder":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(BabysitError):
        load(Recipe(data=f"{name}:{path}", target="t"))


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("digitz", "did you mean digits"),
        ("nowhere", "bundled: breast_cancer"),
        ("date.csv", "did you mean data.csv"),
        ("empty.csv", "empty"),
        ("empty.bin", "empty"),
        ("odd.bin", "kind that can be read"),
        ("folder", "it is empty"),
        ("a\0b", "zero byte"),
        ("x" * 5000, "must be readable"),
    ],
)
def test_a_place_that_no_source_knows(empty_folder, place, words):
    make.flowers(empty_folder / "data.csv")
    (empty_folder / "folder").mkdir()
    for name, data in (("empty.csv", b""), ("empty.bin", b""), ("odd.bin", b"\x01\x02")):
        make.write(empty_folder / name, data)
    with pytest.raises(DataError, match=words):
        load(Recipe(data=place, target="kind"))


def test_no_data_at_all_is_a_usage_error():
    with pytest.raises(RecipeError, match="data must name"):
        load(Recipe())


def test_another_package_adds_a_source(monkeypatch):
    @source(recognizes=lambda place: place == "ours", reads="ours")
    def ours(place, recipe, *, memory):
        """Ours."""
        return SOURCES["bundled"]("iris", recipe, memory=memory)

    class Point:
        name, value = "ours", "package:ours"

        def load(self):
            return ours

    monkeypatch.setattr(
        "babysit.registry.entry_points", lambda group: [Point()] if group == babysit.data.__name__ else []
    )
    assert len(load(Recipe(data="ours")).train) == 98
