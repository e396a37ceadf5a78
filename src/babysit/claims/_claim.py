"""A claim: a function that measures, with what was asked of it beforehand."""

from __future__ import annotations

import functools
import inspect
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from ._lecture import Paper, Section
from ._material import Material
from ._verdict import Criterion, Measured, Verdict, settings_of, together

Function = Callable[..., Measured]


class Claim:
    """One statement of the lecture, as an experiment.

    Attributes:
        name: the function's name with dashes; `statement` the docstring's first line.
        section, paper: where it comes from.
        criteria: setting -> what must be measured there for the claim to hold, said beforehand.
        timed: what it measures is time, so that two runs differ.
        order: where it stands in its section.
        parts: its settings are parts of one statement and not conditions: if one fails, the claim does.
        heavy: it takes long, so it should be begun early.
    """

    def __init__(
        self, function: Function, section: Section, paper: Paper, criteria: Mapping[str, Criterion], timed: bool, order: int,
        heavy: bool, parts: bool,
    ) -> None:  # fmt: skip
        functools.update_wrapper(self, function)
        self.function, self.section, self.paper = function, section, paper
        self.criteria, self.timed, self.order = dict(criteria), timed, order
        self.heavy, self.parts = heavy, parts
        self.name = function.__name__.replace("_", "-")

    @property
    def page(self) -> str:
        """The documentation: the function's docstring."""
        return inspect.getdoc(self.function) or ""

    @property
    def statement(self) -> str:
        """The claim in one sentence."""
        return self.page.partition("\n")[0].rstrip(".")

    def __call__(self, data: Material | None = None, *, seeds: int | Sequence[int] = 5, quick: bool = False) -> Verdict:
        """Measure it.

        Args:
            data: the bundled digits by default.
            seeds: how many, or which ones; at least 2.
            quick: the smallest setting that still judges.

        Raises:
            ValueError: fewer than two seeds.
        """
        data = data if data is not None else Material.digits()
        chosen = tuple(range(seeds)) if isinstance(seeds, int) else tuple(seeds)
        if len(chosen) < 2:
            raise ValueError(f"a claim needs at least 2 seeds (5 to count), but got {len(chosen)}")
        began = time.perf_counter()
        with _alone():
            measured = self.function(data, seeds=chosen, quick=quick)
        settings = settings_of(self.criteria, measured.values, data.resolution)
        judged, depends_on = together(settings, parts=self.parts)
        return Verdict(
            self.name, self.statement, judged, settings[0].effect, settings[0].interval, len(chosen),
            time.perf_counter() - began, settings, measured.figure, measured.why, self.section, self.paper,
            data.source, self._command(data, len(chosen), quick), depends_on, measured.beside,
        )  # fmt: skip

    def _command(self, data: Material, seeds: int, quick: bool) -> str:
        words = ["babysit", "claim", self.name]
        words += ["--data", data.place] if data.place != "digits" else []
        words += ["--target", data.target] if data.target is not None else []
        words += ["--seeds", str(seeds)] if seeds != 5 else []
        return shlex.join([*words, *(["--quick"] * quick)])

    def __repr__(self) -> str:
        return f"<claim {self.name}>"


def claim(
    section: Section,
    *,
    paper: Paper,
    criteria: Mapping[str, Criterion],
    timed: bool = False,
    order: int = 100,
    heavy: bool = False,
    parts: bool = False,
) -> Callable[[Function], Claim]:
    """Make a claim of a function `(data, *, seeds, quick) -> Measured`."""
    return lambda function: Claim(function, section, paper, criteria, timed, order, heavy, parts)


class _alone:
    """One thread and random numbers of its own, both given back: a claim comes out the same whatever ran before."""

    def __enter__(self) -> None:
        self._threads, self._state = torch.get_num_threads(), torch.get_rng_state()
        torch.set_num_threads(1)
        torch.manual_seed(0)

    def __exit__(self, *error: Any) -> None:
        torch.set_num_threads(self._threads)
        torch.set_rng_state(self._state)
