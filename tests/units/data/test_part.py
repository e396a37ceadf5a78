"""Parts: the same examples whole and lazy, in every order exactly once."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from babysit.data.part import Chosen, Mapped, Part
from babysit.data.scratch import room


def parts(count=11):
    x = np.random.default_rng(0).normal(size=(count, 3)).astype(np.float32)
    y = torch.arange(count)
    mapped = room(x.shape, x.dtype, 0)
    mapped[:] = x
    return Part(torch.from_numpy(x), y), Part(Mapped(mapped), y)


def test_room_is_mapped_when_it_would_not_fit_and_holds_what_is_written():
    small, large = room((4, 3), np.float32, 1 << 20), room((4, 3), np.float32, 0)
    assert not isinstance(small, np.memmap)
    assert isinstance(large, np.memmap)
    large[:] = np.arange(12).reshape(4, 3)
    assert large.sum() == 66


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("seed", [None, 3])
def test_whole_and_lazy_give_the_same_batches(seed, drop_last):
    def batches(part):
        generator = None if seed is None else torch.Generator().manual_seed(seed)
        return list(part.batches(4, generator, drop_last=drop_last))

    whole, lazy = (batches(part) for part in parts())
    assert [len(x) for x, _ in whole] == ([4, 4] if drop_last else [4, 4, 3])
    for (a, y), (b, z) in zip(whole, lazy, strict=True):
        assert torch.equal(a, b)
        assert torch.equal(y, z)


@pytest.mark.parametrize("which", [0, 1])
def test_a_drawn_order_has_each_example_once_and_follows_the_generator(which):
    part = parts()[which]
    first, same, other = ([y for _, y in part.batches(4, torch.Generator().manual_seed(s))] for s in (1, 1, 2))
    assert torch.equal(torch.cat(first), torch.cat(same))
    assert not torch.equal(torch.cat(first), torch.cat(other))
    assert torch.equal(torch.cat(first).sort().values, part.y)


@pytest.mark.parametrize("which", [0, 1])
def test_gather_gives_the_asked_rows_with_their_targets(which):
    part, whole = parts()[which], parts()[0]
    x, y = part.gather(torch.tensor([7, 0, 7]))
    assert torch.equal(x, whole.x[[7, 0, 7]])
    assert y.tolist() == [7, 0, 7]


@pytest.mark.parametrize("which", [0, 1])
def test_an_empty_part_has_no_batches(which):
    whole = parts()[which]
    x = whole.x[:0] if whole.whole else Chosen(whole.x, np.array([], np.int64))
    assert list(Part(x, whole.y[:0]).batches(4, torch.Generator())) == []


def test_stopping_in_the_middle_of_lazy_batches_is_clean():
    lazy = parts()[1]
    iterator = lazy.batches(2)
    next(iterator)
    iterator.close()
    assert len(list(lazy.batches(2))) == 6


def test_an_error_while_reading_reaches_the_caller():
    class Broken:
        shape, dtype = (4, 1), torch.float32

        def __getitem__(self, index):
            raise ValueError("no such file")

    with pytest.raises(ValueError, match="no such file"):
        list(Part(Broken(), torch.arange(4)).batches(2))


def test_chosen_rows_of_chosen_rows():
    mapped = parts()[1].x
    twice = Chosen(Chosen(mapped, np.array([5, 3, 1])), np.array([2, 0]))
    assert torch.equal(twice[np.array([0, 1])], mapped[np.array([1, 5])])
