"""Python objects: whatever a user has, as it is."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from babysit import Recipe
from babysit.data import load
from babysit.errors import DataError

X = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
Y = np.arange(40) % 4
RECIPE = Recipe(data="mine")


class Rows(Dataset):
    def __init__(self, x=X, y=Y, noise=None):
        self.x, self.y, self.noise = x, y, noise

    def __len__(self):
        return len(self.x)

    def __getitem__(self, row):
        x = torch.from_numpy(np.asarray(self.x[row]))
        return (x + self.noise() if self.noise else x), int(self.y[row])


class Stream(IterableDataset):
    def __iter__(self):
        return iter(Rows()[row] for row in range(40))


GIVEN = {
    "arrays": (X, Y),
    "lists": (X.tolist(), Y.tolist()),
    "tensors": (torch.from_numpy(X).requires_grad_(), torch.from_numpy(Y)),
    "text": (X, np.array(["a", "b", "c", "d"])[Y].tolist()),
    "tensor dataset": TensorDataset(torch.from_numpy(X), torch.from_numpy(Y)),
    "dataset": Rows(),
    "loader": DataLoader(Rows(), batch_size=7, shuffle=True),
    "stream": Stream(),
    "stream loader": DataLoader(Stream(), batch_size=6),
    "own batches": DataLoader(
        Rows(), batch_size=8, collate_fn=lambda rows: tuple(map(np.array, zip(*rows, strict=True)))
    ),
    "subset": torch.utils.data.Subset(Rows(), range(40)),
}


@pytest.mark.parametrize("memory", [100, 1 << 30])
@pytest.mark.parametrize("given", GIVEN.values(), ids=GIVEN)
def test_rows_come_back_with_their_targets(given, memory):
    split = load(RECIPE, data=given, memory=memory)
    assert split.task == "classification"
    assert len(split.classes) == 4
    for part in split.parts.values():
        x, y = part.gather(torch.arange(len(part)))
        assert torch.equal(x, torch.from_numpy(X[part.index]))
        assert (y.numpy() == Y[part.index]).all()


def test_a_mapping_of_parts_is_kept():
    split = load(RECIPE, data={"train": Rows(), "test": DataLoader(Rows(X[:8], Y[:8]))})
    assert [len(part) for part in split.parts.values()] == [34, 6, 8]
    assert torch.equal(split.test.x, torch.from_numpy(X[:8]))


def test_a_dataset_that_changes_is_read_anew_each_time():
    split = load(RECIPE, data=Rows(noise=lambda: torch.rand(3)))
    assert not split.train.whole
    first, second = (torch.cat([x for x, _ in split.train.batches(8)]) for _ in range(2))
    assert not torch.equal(first, second)
    assert first.shape == second.shape == (len(split.train), 3)
    mixed = load(RECIPE, data={"train": Rows(noise=lambda: torch.rand(3)), "test": (X, Y)})
    x, _ = mixed.test.gather(torch.arange(40))
    assert torch.equal(x, torch.from_numpy(X))


def test_looking_does_not_move_the_random_states():
    def states():
        return torch.get_rng_state().tolist(), random.getstate(), np.random.get_state()[1].tolist()

    before = states()
    load(RECIPE, data=Rows())
    load(RECIPE, data=(X, Y))
    assert states() == before


def test_the_callers_tensors_are_not_shared():
    x, y = torch.from_numpy(X.copy()), torch.from_numpy(Y.copy())
    split = load(RECIPE, data=(x, y))
    x.fill_(0)
    y.fill_(0)
    assert split.train.x.abs().sum() > 0
    assert split.train.y.sum() > 0


class Keyed(Rows):
    def __getitem__(self, row):
        return {"x": self.x[row]}


class Ragged(Rows):
    def __getitem__(self, row):
        return torch.zeros(3 + row // 30), row % 2


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (7, "a Dataset, a DataLoader"),
        ((X, Y[:-1]), "a target for each example"),
        ((X, Y, Y), "a Dataset, a DataLoader"),
        ({"train": (X, Y), "dev": (X, Y)}, "train, and maybe val and test"),
        ({"test": (X, Y)}, "must be train"),
        ((np.where(np.arange(120).reshape(40, 3) == 16, np.nan, X), Y), "row 6, column 2 is nan"),
        (([[1, 2], [3]], [0, 1]), "arrays of one shape"),
        ((X, [{}] * 40), "Python objects"),
        ((X, np.zeros((40, 5))), "one value per example"),
        (Rows(X[:0], Y[:0]), "empty"),
        (Keyed(), "example 1 is dict"),
        (Ragged(), "31 is"),
        ((np.array([["a"]] * 40), Y), "must be numbers"),
    ],
)
def test_what_cannot_be_learned_is_said(given, words):
    with pytest.raises(DataError, match=words):
        load(RECIPE, data=given)
