"""The space: which fields a search may change, and between what bounds.

    space = dict(lr=log(1e-5, 1), dropout=uniform(0, 0.7), width=choice(32, 64, 128), depth=integers(1, 4),
                 momentum=uniform(0.5, 0.99).when(optimizer=("sgd", "nesterov")))

The same as TOML::

    lr = {log = [1e-5, 1]}
    dropout = {uniform = [0, 0.7]}
    width = [32, 64, 128]
    depth = {integers = [1, 4]}
    momentum = {uniform = [0.5, 0.99], when = {optimizer = ["sgd", "nesterov"]}}

Every dimension maps onto [0, 1], where a box is a box: a log dimension is even in its logarithm, a choice
is cut into equal parts. A sampler works there and knows nothing else.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import RecipeError, did_you_mean
from ..record import Recipe

KINDS = ("log", "uniform", "integers", "choice")
UNBOUNDED = {"lr", "weight_decay", "width", "depth", "epochs", "clip_norm", "batch"}
"""Recipe fields that have no upper limit of their own."""


@dataclass(frozen=True)
class Dimension:
    """One searched field. Made by `log`, `uniform`, `integers` and `choice`.

    Attributes:
        low, high: bounds, both included (kinds with numbers).
        options: the values of a choice.
        conditions: (field, values): the field is only drawn where the other one has one of the values.
    """

    kind: str
    low: float = 0.0
    high: float = 1.0
    options: tuple[Any, ...] = ()
    logarithmic: bool = False
    conditions: tuple[tuple[str, tuple[Any, ...]], ...] = ()

    def when(self, **others: Any) -> Dimension:
        """The same, drawn only where each other field has this value (or one of these).

        Examples:
            >>> uniform(0.5, 0.99).when(optimizer="sgd").conditions
            (('optimizer', ('sgd',)),)
        """
        new = tuple((name, tuple(v) if isinstance(v, list | tuple | set) else (v,)) for name, v in others.items())
        return replace(self, conditions=self.conditions + new)

    @property
    def is_number(self) -> bool:
        """Has it an order (a choice has none)?"""
        return self.kind != "choice"

    def value(self, unit: float) -> Any:
        """The value at a place 0..1.

        Examples:
            >>> log(1e-4, 1).value(0.5), integers(1, 4).value(1.0), choice("a", "b").value(0.7)
            (0.01, 4, 'b')
        """
        unit = min(max(float(unit), 0.0), 1.0)
        if self.kind == "choice":
            return self.options[min(int(unit * len(self.options)), len(self.options) - 1)]
        if self.kind == "integers":
            low, high = self._ends
            return int(min(max(round(self._back(low + unit * (high - low))), self.low), self.high))
        low, high = self._ends
        return float(f"{min(max(self._back(low + unit * (high - low)), self.low), self.high):.12g}")

    def unit(self, value: Any) -> float:
        """Where a value stands, 0..1; the middle of its part for a choice. Values outside the bounds go past 0 and 1."""
        if self.kind == "choice":
            return (self.options.index(value) + 0.5) / len(self.options)
        low, high = self._ends
        return (self._forth(value) - low) / (high - low)

    def widened(self, low: bool, high: bool, factor: float, name: str = "") -> Dimension:
        """Bounds moved out by a share of the width, on one side or both, as far as the field's own limits allow."""
        if not self.is_number:
            return self
        a, b = self._ends
        step = (b - a) * factor
        new_low, new_high = (self._back(a - step) if low else self.low), (self._back(b + step) if high else self.high)
        if self.kind == "integers":
            new_low, new_high = max(math.floor(new_low), 1 if self.low >= 1 else 0), math.ceil(new_high)
        if not self.logarithmic and self.low >= 0:
            new_low = max(new_low, 0.0)
        wide = replace(self, low=_tidy(new_low), high=_tidy(new_high))
        return wide if allowed(name, wide) else replace(wide, **_clipped(name, self, wide))

    def to_dict(self) -> dict[str, Any]:
        """As it would stand in TOML."""
        name = "choice" if self.kind == "choice" else self.kind
        plain: dict[str, Any] = {name: list(self.options) if self.kind == "choice" else [self.low, self.high]}
        if self.kind == "integers" and self.logarithmic:
            plain["logarithmic"] = True
        if self.conditions:
            plain["when"] = {other: list(values) for other, values in self.conditions}
        return plain

    def __str__(self) -> str:
        if self.kind == "choice":
            return " | ".join(map(str, self.options))
        scale = " (log)" if self.logarithmic else ""
        return f"{self.low:.3g} … {self.high:.3g}{scale}"

    @cached_property
    def _ends(self) -> tuple[float, float]:
        if self.kind == "integers" and not self.logarithmic:  # so that each whole number has an equal share
            return self.low - 0.499999, self.high + 0.499999
        return self._forth(self.low), self._forth(self.high)

    def _forth(self, value: float) -> float:
        return math.log(value) if self.logarithmic else float(value)

    def _back(self, value: float) -> float:
        return math.exp(min(value, 700.0)) if self.logarithmic else value


def log(low: float, high: float) -> Dimension:
    """Even in the logarithm, for what acts by factors: lr, weight_decay.

    Raises:
        RecipeError: 0 < low < high doesn't hold.

    Examples:
        >>> log(1e-5, 1).value(0.2)
        0.0001
        >>> log(0, 1)
        Traceback (most recent call last):
        babysit.errors.RecipeError: 0 < low < high must hold for log, but got log(0, 1): zero has no logarithm
    """
    _numbers("log", low, high)
    if low <= 0:
        raise RecipeError(f"0 < low < high must hold for log, but got log({low:g}, {high:g}): zero has no logarithm")
    return Dimension("log", float(low), float(high), logarithmic=True)


def uniform(low: float, high: float) -> Dimension:
    """Even between two numbers."""
    _numbers("uniform", low, high)
    return Dimension("uniform", float(low), float(high))


def integers(low: int, high: int, *, logarithmic: bool = False) -> Dimension:
    """Whole numbers, both ends included; `logarithmic` where they act by factors (width)."""
    _numbers("integers", low, high)
    if int(low) != low or int(high) != high:
        raise RecipeError(f"integers must have whole numbers, but got integers({low}, {high})")
    if logarithmic and low < 1:
        raise RecipeError(f"1 <= low must hold for logarithmic integers, but low={low}")
    return Dimension("integers", int(low), int(high), logarithmic=logarithmic)


def choice(*options: Any) -> Dimension:
    """One of these, in no order.

    Raises:
        RecipeError: fewer than one option, or one given twice.
    """
    if len(options) == 1 and isinstance(options[0], list | tuple):
        options = tuple(options[0])
    if not options:
        raise RecipeError("a choice must have options, but got none")
    if len(set(map(repr, options))) < len(options):
        raise RecipeError(f"the options of a choice must differ, but got {', '.join(map(str, options))}")
    for option in options:
        if not isinstance(option, bool | int | float | str | None):
            raise RecipeError(f"the options of a choice must be plain values, but got {type(option).__name__}")
    return Dimension("choice", options=tuple(options))


class Space(Mapping[str, Dimension]):
    """The searched fields by name, in an order in which each condition comes before what hangs on it.

    Examples:
        >>> space = Space.of({"lr": log(1e-4, 1), "width": choice(32, 64)})
        >>> space.edit([0.5, 0.9])
        {'lr': 0.01, 'width': 64}
    """

    def __init__(self, dimensions: Mapping[str, Dimension]) -> None:
        self._dimensions = _sorted(dict(dimensions))

    @classmethod
    def of(cls, space: Space | Mapping[str, Any] | str | Path, *, base: Recipe | None = None) -> Space:
        """A space from a mapping (of dimensions, or plain as in TOML) or a TOML file.

        Args:
            base: every field must then be one of a recipe's, with values that a recipe may have.

        Raises:
            RecipeError: empty, contradictory, a field that doesn't exist, a value that can't be.
        """
        if isinstance(space, str | Path):
            space = _read(Path(space))
        if isinstance(space, Space):
            found = space
        else:
            if not isinstance(space, Mapping):
                raise RecipeError(f"a space must be a mapping or a TOML file, but got {type(space).__name__}")
            found = cls({name: _dimension(name, told) for name, told in space.items()})
        if not found:
            raise RecipeError("a space must have at least one field, but it is empty")
        if base is not None:
            found.check(base)
        return found

    def __getitem__(self, name: str) -> Dimension:
        return self._dimensions[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._dimensions)

    def __len__(self) -> int:
        return len(self._dimensions)

    def __repr__(self) -> str:
        return f"Space({', '.join(f'{name}: {one}' for name, one in self.items())})"

    def edit(self, units: Sequence[float]) -> dict[str, Any]:
        """The values at a point (D,) of the unit cube; fields whose condition doesn't hold are left out."""
        found: dict[str, Any] = {}
        for (name, one), unit in zip(self.items(), units, strict=True):
            if all(other in found and found[other] in values for other, values in one.conditions):
                found[name] = one.value(unit)
        return found

    def units(self, edit: Mapping[str, Any]) -> np.ndarray:
        """The point (D,) of an edit; NaN where a field isn't set."""
        return np.array([one.unit(edit[name]) if name in edit else math.nan for name, one in self.items()])

    def check(self, base: Recipe) -> None:
        """Does a recipe have these fields, and may they have these values?"""
        names = {spec.name for spec in fields(Recipe)}
        for name, one in self.items():
            if name not in names:
                raise RecipeError(f"a recipe has no field {name!r}{did_you_mean(name, names)}")
            for value in one.options if one.kind == "choice" else (one.low, one.high):
                value = int(value) if one.kind == "integers" else value
                try:
                    base.edit({name: value})
                except RecipeError as error:
                    raise RecipeError(f"the space of {name} ({one}) goes where a recipe can't: {error}") from None

    def to_dict(self) -> dict[str, Any]:
        """As it would stand in TOML."""
        return {name: one.to_dict() for name, one in self.items()}

    def replaced(self, **dimensions: Dimension) -> Space:
        """The same with some dimensions changed."""
        return Space({**self._dimensions, **dimensions})


def usual(recipe: Recipe, names: Sequence[str] | None = None, *, task: str = "classification") -> Space:
    """The space that `babysit train` searches: the fields that usually matter, around where they usually lie.

    Args:
        names: the fields to search; by default `lr`, `weight_decay`, `dropout`, `width`, `optimizer`, `schedule`.

    Raises:
        RecipeError: a field that isn't searched, or none at all.
    """
    known = _usual(task)
    names = list(names) if names is not None else ["lr", "weight_decay", "dropout", "width", "optimizer", "schedule"]
    for name in names:
        if name not in known:
            raise RecipeError(f"there is no usual range for {name!r}{did_you_mean(name, known)}")
    return Space.of({name: known[name] for name in names}, base=recipe)


def _usual(task: str) -> dict[str, Dimension]:
    found = {
        "lr": log(1e-4, 0.3),
        "weight_decay": log(1e-6, 1e-1),
        "dropout": uniform(0.0, 0.6),
        "width": choice(32, 64, 128, 256),
        "depth": integers(1, 3),
        "optimizer": choice("nesterov", "adam", "adamw"),
        "schedule": choice("constant", "step", "cosine", "one-cycle"),
        "momentum": uniform(0.8, 0.99),
        "batch": choice(32, 64, 128),
        "activation": choice("relu", "leaky_relu", "elu", "tanh"),
        "norm": choice("none", "batch"),
        "init": choice("xavier", "he", "orthogonal"),
        "warmup": uniform(0.0, 0.2),
    }
    return found if task == "regression" else {**found, "label_smoothing": uniform(0.0, 0.2)}


def allowed(name: str, one: Dimension) -> bool:
    """Would a recipe take both bounds (always yes for a field that isn't a recipe's)?"""
    if name not in {spec.name for spec in fields(Recipe)} or not one.is_number:
        return True
    try:
        for value in (one.low, one.high):
            Recipe(val=0.0, test=0.0).edit({name: int(value) if one.kind == "integers" else value})
    except RecipeError:
        return False
    return True


def _clipped(name: str, old: Dimension, wide: Dimension) -> dict[str, float]:
    """Each side as wide as the field allows, else where it was."""
    low = wide.low if allowed(name, replace(old, low=wide.low)) else old.low
    high = wide.high if allowed(name, replace(old, high=wide.high)) else old.high
    return {"low": low, "high": high}


def _tidy(value: float) -> float:
    return value if isinstance(value, int) else float(f"{value:.6g}")


def _numbers(kind: str, low: Any, high: Any) -> None:
    for value in (low, high):
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise RecipeError(f"{kind}(low, high) must have two finite numbers, but got {kind}({low!r}, {high!r})")
    if not low < high:
        raise RecipeError(f"low < high must hold, but got {kind}({low:g}, {high:g})")


def _dimension(name: str, told: Any) -> Dimension:
    """A dimension as told in Python or TOML; the error says of which field."""
    try:
        if isinstance(told, Dimension):
            return told
        if isinstance(told, tuple):
            values = ", ".join(map(repr, told))
            raise RecipeError(
                f"a tuple may mean a range or a choice: say log({values}), uniform({values}) or [{values}]"
            )
        if isinstance(told, list):
            return choice(*told)
        if not isinstance(told, Mapping):
            raise RecipeError(f"it must be one of {', '.join(KINDS)}, but got {told!r}")
        return _plain(dict(told))
    except RecipeError as error:
        raise RecipeError(f"the space of {name}: {error}") from None


def _plain(told: dict[str, Any]) -> Dimension:
    conditions = told.pop("when", {})
    logarithmic = bool(told.pop("logarithmic", False))
    if len(told) != 1:
        raise RecipeError(f"it must have one of {', '.join(KINDS)}, but got {', '.join(told) or 'nothing'}")
    ((kind, ends),) = told.items()
    if kind not in KINDS:
        raise RecipeError(f"there is no {kind!r}{did_you_mean(kind, KINDS)}")
    if not isinstance(ends, list | tuple) or (kind != "choice" and len(ends) != 2):
        raise RecipeError(f"{kind} must have [low, high], but got {ends!r}")
    if not isinstance(conditions, Mapping):
        raise RecipeError(f"when must be a mapping of field to values, but got {conditions!r}")
    if kind == "integers":
        return integers(*ends, logarithmic=logarithmic).when(**conditions)
    return {"log": log, "uniform": uniform, "choice": choice}[kind](*ends).when(**conditions)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"the space {path} can't be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"the space {path} is not valid TOML: {error}") from error


def _sorted(dimensions: dict[str, Dimension]) -> dict[str, Dimension]:
    """Conditions first. A RecipeError where one hangs on a field that isn't there, on itself, or can never hold."""
    done: dict[str, Dimension] = {}
    waiting = dict(dimensions)
    for name, one in dimensions.items():
        for other, values in one.conditions:
            if other not in dimensions:
                raise RecipeError(
                    f"{name} hangs on {other!r}, but the space has no such field{did_you_mean(other, dimensions)}"
                )
            options = dimensions[other].options
            if dimensions[other].kind != "choice":
                raise RecipeError(f"{name} hangs on {other}, but only a choice can be a condition")
            if not set(values) & set(options):
                raise RecipeError(f"{name} is drawn only where {other} is {' or '.join(map(str, values))}, but {other} is one of {', '.join(map(str, options))}: contradictory")  # fmt: skip
    while waiting:
        ready = [name for name, one in waiting.items() if all(other in done for other, _ in one.conditions)]
        if not ready:
            raise RecipeError(f"the conditions of {' and '.join(waiting)} hang on one another")
        for name in ready:
            done[name] = waiting.pop(name)
    return done
