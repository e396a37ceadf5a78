"""A figure as data: marks, axes, limits, bands, and the words beside it. Every surface draws the same `Panel`.

To add one: a file in `panels/` (or an entry point "babysit.views.panels") with

    @panel("loss.train", "loss.val", order=10)
    def loss(run):
        '''One line: what it shows, and how to read it.'''
        return Panel("Loss", [Line("train", *run.series("loss.train"), tone="train")], x=STEPS, y=Axis("loss"))

A maker returns None where the run has nothing to show. It hands over whole series: each surface thins them to
its own pixels (`thin`), and asks again for the part that is zoomed into.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from ..record import Run

TONES = ("blue", "orange", "green", "purple", "sky", "vermillion", "yellow")
ROLES = {"train": "blue", "val": "orange", "bad": "vermillion", "good": "green", "note": "dim", "mid": "purple"}


@dataclass(frozen=True)
class Axis:
    """What is along an axis.

    Attributes:
        label: the quantity in words, with its unit.
        log: logarithmic; `switch` lets the reader choose.
        share: values 0..1 shown in per cent.
        low, high: the range, where it isn't the data's.
        names: a label for each of the positions 0, 1, 2 …
    """

    label: str = ""
    log: bool = False
    switch: bool = False
    share: bool = False
    low: float | None = None
    high: float | None = None
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "log", bool(self.log))  # a NumPy truth is no JSON


STEPS = Axis("step")


@dataclass(frozen=True)
class Line:
    """A series: x and y of shape (T,). `style`: line, faint, dash, step, dots."""

    name: str
    x: Any
    y: Any
    tone: str = ""
    style: Literal["line", "faint", "dash", "step", "dots"] = "line"
    label: bool = True
    text: Sequence[str] = ()


@dataclass(frozen=True)
class Area:
    """What lies between two series: low and high of shape (T,)."""

    name: str
    x: Any
    low: Any
    high: Any
    tone: str = ""


@dataclass(frozen=True)
class Dots:
    """Points of shape (T,) coloured by `values` (T,); `text` for each."""

    name: str
    x: Any
    y: Any
    values: Any = None
    text: Sequence[str] = ()
    label: str = ""
    share: bool = False
    tone: str = ""


@dataclass(frozen=True)
class Bars:
    """One bar for each name."""

    names: Sequence[str]
    values: Sequence[float]
    tones: Sequence[str] = ()
    share: bool = False


@dataclass(frozen=True)
class Heat:
    """Cells of shape (rows, columns). `scale`: share (0..1, more is worse), log, linear, counts."""

    rows: Sequence[str]
    columns: Any
    cells: Any
    scale: Literal["share", "log", "linear", "counts"] = "linear"
    label: str = ""
    numbers: bool = False
    column_names: Sequence[str] = ()


@dataclass(frozen=True)
class StepHeat:
    """Many series as rows over steps: [(name, steps, values)]; drawn as a Heat once the pixels are known."""

    series: Sequence[tuple[str, Any, Any]]
    scale: Literal["share", "log", "linear", "counts"] = "linear"
    label: str = ""


@dataclass(frozen=True)
class Images:
    """Pictures of shape (H, W) or (H, W, 3), values 0..1, each with a caption ("" for none)."""

    pictures: Sequence[tuple[str, np.ndarray]]


@dataclass(frozen=True)
class Table:
    """Rows of text under a header."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Spokes:
    """Parallel coordinates: `values` (T, axes) scaled to 0..1, coloured by `colours` (T,)."""

    axes: Sequence[str]
    ends: Sequence[tuple[str, str]]  # the label at 0 and at 1 of each axis
    values: Any
    colours: Any
    label: str = ""
    share: bool = False


Mark = Line | Area | Dots | Bars | Heat | StepHeat | Images | Table | Spokes


@dataclass(frozen=True)
class Limit:
    """A line that must not be crossed, or a moment: `axis` says on which axis `value` lies."""

    value: float
    label: str = ""
    axis: Literal["x", "y"] = "y"
    tone: str = "bad"


@dataclass(frozen=True)
class Band:
    """A shaded stretch of an axis."""

    low: float
    high: float
    label: str = ""
    axis: Literal["x", "y"] = "y"
    tone: str = "good"


@dataclass(frozen=True)
class Value:
    """One number told beside the title: `("val", "0.41", "val")`."""

    name: str
    text: str
    tone: str = ""


@dataclass(frozen=True)
class Panel:
    """One figure. `values` are its newest numbers in words: what a screen reader says, and a glance takes in."""

    title: str
    marks: Sequence[Mark]
    x: Axis = STEPS
    y: Axis = Axis()
    limits: Sequence[Limit] = ()
    bands: Sequence[Band] = ()
    values: Sequence[Value] = ()
    note: str = ""
    name: str = ""
    wide: bool = False
    height: int = 260
    choices: Sequence[str] = ()
    choice: str = ""

    def edit(self, **changes: Any) -> Panel:
        """A changed copy."""
        return replace(self, **changes)

    @property
    def spoken(self) -> str:
        """The panel in one sentence."""
        told = ", ".join(" ".join(part for part in (one.name, one.text) if part) for one in self.values)
        return f"{self.title}: {told}" if told else self.title


@dataclass(frozen=True)
class Maker:
    """One panel of the collection: `maker(run)` gives a Panel or None.

    Attributes:
        name: its id, unique.
        reads: names of the readings ("loss.*" for a family), "fact:…" and "event:…" it rests on;
            it is drawn again only when one of them has changed.
        of: what it is made from: "run", "study" (a record.Study) or "runs" (a dict of runs by name).
        order: where it stands on the page.
    """

    name: str
    function: Callable[..., Panel | None]
    reads: tuple[str, ...]
    of: Literal["run", "study", "runs"] = "run"
    order: int = 1000
    chooses: bool = False

    def __call__(self, record: Any, choice: str = "") -> Panel | None:
        made = self.function(record, choice) if self.chooses else self.function(record)
        return None if made is None else replace(made, name=self.name)

    @property
    def page(self) -> str:
        """The documentation: the function's docstring."""
        return inspect.getdoc(self.function) or ""

    def version(self, run: Run) -> int:
        """Changes when what it reads has."""
        return max((_version(run, one) for one in self.reads), default=0)


def panel(
    *reads: str, of: Literal["run", "study", "runs"] = "run", order: int = 1000
) -> Callable[[Callable[..., Panel | None]], Maker]:
    """Make a panel of a function; its id is the function's name with dashes.

    A function with a second parameter `choice` (a layer, say) is asked again when another is chosen.
    """

    def make(function: Callable[..., Panel | None]) -> Maker:
        chooses = "choice" in inspect.signature(function).parameters
        return Maker(function.__name__.replace("_", "-"), function, reads, of, order, chooses)

    return make


def makers(of: str = "run") -> list[Maker]:
    """The collection's panels of a run, a study or several runs, top to bottom."""
    from ..registry import members

    found: list[Any] = list(members("babysit.views.panels", Maker).values())
    return sorted((one for one in found if one.of == of), key=lambda one: (one.order, one.name))


def panels(record: Any, of: str = "run", extra: Iterable[Callable[..., Panel | None]] = ()) -> list[Panel]:
    """Every panel that has something to show, `extra` ones (plain functions or makers) last."""
    chosen = [*makers(of), *(one if isinstance(one, Maker) else panel()(one) for one in extra)]
    made = (maker(record) for maker in chosen)
    return [one for one in made if one is not None]


def _version(run: Run, name: str) -> int:
    if name.endswith("*"):
        return max((run.changed(what) for what in run.whats() if what.startswith(name[:-1])), default=0)
    return run.changed(name)
