"""The contract of every probe: pure, finite where it should be, documented, its examples run, one file each."""

from __future__ import annotations

import doctest
import sys

import pytest
import torch
from torch import nn

from babysit.probes import SITES, Probe
from babysit.registry import file_names, members

PROBES = list(members("babysit.probes", Probe).values())
TANH = {"role": "activation", "activation": {"name": "tanh", "can_die": False, "saturates": {"output": [-0.97, 0.97]}}}
RELU = {"role": "activation", "activation": {"name": "relu", "can_die": True, "saturates": {"output": [0.0, None]}}}
SHAPES = [(8, 5), (1, 3), (4, 6, 5, 5), (32, 1)]


def arguments(site, shape, dtype=torch.float32):
    torch.manual_seed(0)
    x = torch.randn(shape, dtype=torch.float32).to(dtype)
    if site in ("weight", "gradient"):
        return ([x, torch.zeros(3, dtype=dtype), torch.ones(4, 4, dtype=dtype)],)
    if site == "update":
        before = [x, torch.zeros(3, dtype=dtype)]
        return before, [x * 1.01, torch.ones(3, dtype=dtype)]
    if site == "norm":
        return x, (nn.BatchNorm1d if x.ndim == 2 else nn.BatchNorm2d)(shape[1]), x.numel() // shape[1]
    if site == "output":
        return x, None
    if site == "batch":
        return (x,)
    return x, 1, TANH


def test_there_is_one_in_every_file():
    homes = [probe.function.__module__.rsplit(".", 1)[-1] for probe in PROBES]
    assert sorted(homes) == file_names("babysit.probes")


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.name)
def test_it_says_what_it_is_and_its_examples_run(probe):
    assert probe.site in SITES
    assert probe.gives
    assert probe.function.__doc__
    names = {**vars(sys.modules[probe.function.__module__]), "torch": torch, "nn": nn}
    tests = doctest.DocTestFinder().find(probe.function, probe.name, globs=names)
    assert sum(len(test.examples) for test in tests)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    for test in tests:
        runner.run(test)
    assert runner.failures == 0


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.name)
def test_it_is_pure_and_gives_as_many_values_as_it_names(probe, shape):
    given = arguments(probe.site, shape)
    tensors = [x for one in given for x in (one if isinstance(one, list) else [one]) if isinstance(x, torch.Tensor)]
    before = [x.clone() for x in tensors]
    random_state = torch.get_rng_state()
    with torch.no_grad():
        first, second = probe(*given), probe(*given)
    assert torch.equal(torch.get_rng_state(), random_state)
    assert all(torch.equal(a, b) for a, b in zip(before, tensors, strict=True))
    if first is None:
        assert second is None
        return
    assert torch.equal(torch.nan_to_num(first.double()), torch.nan_to_num(second.double()))
    assert first.device == tensors[0].device
    assert not any(first is x for x in tensors)
    if probe.examples:
        assert first.dtype == torch.bool
        assert first.shape == (shape[1],)
    elif probe.site in ("weight", "gradient", "update"):
        count = len(given[0])
        assert first.shape == ((len(probe.gives), count) if len(probe.gives) > 1 else (count,))
    elif probe.finish:
        numbers = probe.finish(first.reshape(-1).tolist(), shape)
        assert len(numbers) == len(probe.gives)
        assert all(isinstance(number, float) for number in numbers)
    else:
        assert first.numel() == len(probe.gives)


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.name)
def test_odd_values_never_raise(probe):
    for x in (torch.full((4, 3), torch.nan), torch.tensor([[torch.inf, 1.0], [-torch.inf, 0.0]]), torch.zeros(4, 3)):
        if probe.site in ("weight", "gradient"):
            probe([x])
        elif probe.site == "update":
            probe([x], [x])
        elif probe.site == "norm":
            probe(x, nn.BatchNorm1d(x.shape[1]))
        elif probe.site == "output":
            probe(x, None)
        elif probe.site == "batch":
            probe(x)
        else:
            for facts in (TANH, RELU):
                values = probe(x, 1, facts)
                if probe.finish and values is not None:
                    probe.finish(values.reshape(-1).tolist(), x.shape)


def test_every_reading_is_in_the_language():
    from pathlib import Path

    text = (Path(__file__).parents[2] / "docs" / "readings.md").read_text(encoding="utf-8")
    missing = [what for probe in PROBES for what in probe.gives if f"`{what}`" not in text]
    assert not missing
