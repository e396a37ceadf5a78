"""The recipe: everything that decides a training, as flat plain values."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from ..errors import RecipeError, did_you_mean

Value = bool | int | float | str | None


def _spec(
    default: Value,
    text: str,
    *,
    choices: Iterable[str] = (),
    open_choices: bool = False,
    must: str = "",
    holds: Callable[[Any], bool] = lambda value: True,
    optional: bool = False,
) -> Any:
    """A field with what it means and what must hold of it (`must` says it in words)."""
    facts = {
        "text": text,
        "choices": tuple(choices),
        "open": open_choices,
        "must": must,
        "holds": holds,
        "optional": optional,
    }
    return field(default=default, metadata=facts)


def _positive(default: Value, text: str, **more: Any) -> Any:
    return _spec(default, text, must="> 0", holds=lambda value: value > 0, **more)


def _not_negative(default: Value, text: str, **more: Any) -> Any:
    return _spec(default, text, must=">= 0", holds=lambda value: value >= 0, **more)


def _share(default: Value, text: str, **more: Any) -> Any:
    return _spec(default, text, must="0 <= {name} < 1", holds=lambda value: 0 <= value < 1, **more)


ACTIVATIONS = (
    "sigmoid", "tanh", "relu", "leaky_relu", "prelu", "elu", "maxout", "gelu", "silu", "selu", "softplus",
)  # fmt: skip
INITS = ("auto", "zero", "small", "large", "xavier", "he", "lecun", "orthogonal", "lsuv", "pytorch")
NORMS = ("none", "batch", "layer", "group", "instance")
PREPROCESS = ("auto", "none", "center", "mean-image", "channel-mean", "standardize", "pca", "whiten", "zca")
OPTIMIZERS = ("sgd", "momentum", "nesterov", "rmsprop", "adagrad", "adam", "adamw")
SCHEDULES = ("constant", "step", "exponential", "1/t", "cosine", "one-cycle", "plateau")
LOSSES = ("auto", "cross_entropy", "hinge", "mse")
AUGMENTS = ("none", "flip", "crop", "flip+crop")


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a training: flat, plain, frozen.

    Changed by `edit`, written as TOML, told on the command line as `field=value`.

    Examples:
        >>> recipe = Recipe(data="digits", lr=1e-3)
        >>> recipe.edit(lr="*0.1").lr
        0.0001
        >>> Recipe.of({"activation": "rely"})
        Traceback (most recent call last):
        babysit.errors.RecipeError: activation has no 'rely' (did you mean relu or prelu?)
    """

    # where the examples come from
    data: str = _spec("", "name of a bundled set, a file or a folder")
    target: str | None = _spec(None, "column to predict (tables)", optional=True)
    missing: str = _spec("error", "what to do about missing values", choices=("error", "mean", "drop"))
    resize: int | None = _positive(None, "side in pixels that images are resized to", optional=True)
    augment: str = _spec("none", "changes made to training images only", choices=AUGMENTS)
    val: float = _share(0.15, "share of the examples kept for validation")
    test: float = _share(0.2, "share of the examples kept for the one test at the end")
    preprocess: str = _spec("auto", "what the first layer does to the input", choices=PREPROCESS)
    components: int | None = _positive(None, "principal components kept (pca, whiten)", optional=True)

    # what is trained
    model: str = _spec("auto", "mlp, convnet, resnet or yourmodule:factory", choices=("auto", "mlp", "convnet", "resnet"), open_choices=True)  # fmt: skip
    width: int = _positive(128, "units of a hidden layer, or channels of the first conv stage")
    depth: int = _positive(2, "hidden layers, or conv stages")
    activation: str = _spec("relu", "nonlinearity between layers", choices=ACTIVATIONS)
    pieces: int = _spec(2, "linear pieces of a maxout unit", must=">= 2", holds=lambda value: value >= 2)
    norm: str = _spec("none", "normalization after linear/conv, before the nonlinearity", choices=NORMS)
    dropout: float = _share(0.0, "share of hidden units dropped while training")
    init: str = _spec("auto", "how weights start; auto follows the activation", choices=INITS)

    # how it learns
    loss: str = _spec("auto", "cross_entropy, hinge (SVM), mse", choices=LOSSES)
    label_smoothing: float = _share(0.0, "probability moved from the label to all classes")
    optimizer: str = _spec("adam", "update rule", choices=OPTIMIZERS)
    lr: float = _positive(1e-3, "learning rate at the peak of the schedule")
    momentum: float = _share(0.9, "momentum (sgd kinds, rmsprop) or beta1 (adam kinds)")
    weight_decay: float = _not_negative(0.0, "L2 strength; decoupled with adamw")
    schedule: str = _spec("cosine", "how the learning rate changes over the run", choices=SCHEDULES)
    warmup: float = _share(0.0, "share of all steps over which lr rises from 0")
    clip_norm: float | None = _positive(None, "largest gradient norm let through", optional=True)
    batch: int = _positive(64, "examples per step")
    epochs: int = _positive(30, "passes over the training examples, at most")
    patience: int = _not_negative(0, "epochs without a better validation before stopping; 0 never stops")
    seed: int = _not_negative(0, "seed of split, init, order, masks")
    device: str = _spec("auto", "auto, cpu, cuda, cuda:1, mps")

    def __post_init__(self) -> None:
        for spec in fields(self):
            object.__setattr__(self, spec.name, _checked(spec, getattr(self, spec.name)))
        if self.val + self.test >= 1:
            raise RecipeError(f"val + test < 1 must hold, but val={self.val:g} and test={self.test:g}")

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Recipe:
        """A recipe from a mapping; a misspelt field is an error that names the near ones."""
        _known(values)
        return cls(**values)

    def edit(self, changes: Mapping[str, Any] | None = None, /, **more: Any) -> Recipe:
        """A changed copy. A number may be told relative to what it was: `lr="*0.1"`."""
        changes = {**(changes or {}), **more}
        _known(changes)
        new = {name: _relative(name, getattr(self, name), value) for name, value in changes.items()}
        return dataclasses.replace(self, **new)

    @staticmethod
    def parse(words: Iterable[str]) -> dict[str, str]:
        """`["lr=1e-3", "depth=3"]` as an edit; a word without '=' is an error."""
        edit: dict[str, str] = {}
        for word in words:
            name, equals, value = word.partition("=")
            if not equals:
                raise RecipeError(f"field=value must hold, but got {word!r}")
            edit[name.strip().replace("-", "_")] = value.strip()
        _known(edit)
        return edit

    def to_dict(self) -> dict[str, Value]:
        """The fields as plain values."""
        return dataclasses.asdict(self)

    def to_toml(self) -> str:
        """The recipe as TOML, one `field = value` a line with its meaning; unset fields left out."""
        lines = []
        for spec in fields(self):
            value = getattr(self, spec.name)
            if value is not None:
                lines.append(f"{spec.name} = {_toml(value)}  # {spec.metadata['text']}")
        return "\n".join(lines) + "\n"

    @classmethod
    def from_toml(cls, path: str | Path) -> Recipe:
        """Read a recipe file.

        Raises:
            RecipeError: no such file, not TOML, an unknown field or an impossible value.
        """
        try:
            values = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise RecipeError(f"the recipe {path} can't be read: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise RecipeError(f"the recipe {path} is not valid TOML: {error}") from error
        return cls.of(values)

    @property
    def id(self) -> str:
        """Twelve hex digits that are equal for equal recipes."""
        text = json.dumps(self.to_dict(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @staticmethod
    def describe() -> list[tuple[str, Value, str, tuple[str, ...]]]:
        """(name, default, meaning, choices) of every field, for help and docs."""
        return [(spec.name, spec.default, spec.metadata["text"], spec.metadata["choices"]) for spec in fields(Recipe)]


def _known(values: Iterable[str]) -> None:
    names = {spec.name for spec in fields(Recipe)}
    for name in values:
        if name not in names:
            raise RecipeError(f"a recipe has no field {name!r}{did_you_mean(name, names)}")


def _checked(spec: dataclasses.Field, value: Any) -> Value:
    facts, name = spec.metadata, spec.name
    if value is None or (facts["optional"] and value in ("none", "")):
        if facts["optional"]:
            return None
        raise RecipeError(f"{name} must have a value, but got none")
    value = _typed(name, str(spec.type).split(" ")[0], value)
    if isinstance(value, float) and not math.isfinite(value):
        raise RecipeError(f"{name} must be finite, but {name}={value}")
    if facts["choices"] and value not in facts["choices"] and not (facts["open"] and ":" in str(value)):
        raise RecipeError(f"{name} has no {value!r}{did_you_mean(str(value), facts['choices'])}")
    if not facts["holds"](value):
        must = facts["must"].format(name=name)
        raise RecipeError(f"{must if name in must else f'{name} {must}'} must hold, but {name}={value:g}")
    return value


def _typed(name: str, kind: str, value: Any) -> Value:
    """`value` as the field's type; text from the command line is read as a person wrote it."""
    try:
        if isinstance(value, bool):
            raise ValueError
        if kind == "str":
            return str(value)
        number = float(value)
        if kind == "int":
            if number != int(number):
                raise ValueError
            return int(value) if isinstance(value, int) else int(number)
        return number
    except (TypeError, ValueError, OverflowError):
        wanted = {"int": "a whole number", "float": "a number", "str": "text"}[kind]
        raise RecipeError(f"{name} must be {wanted}, but got {value!r}") from None


def _relative(name: str, old: Value, value: Any) -> Any:
    if not (isinstance(value, str) and value[:1] == "*"):
        return value
    if not isinstance(old, int | float):
        raise RecipeError(f"{name}={value!r} needs a number to start from, but {name} is {old!r}")
    try:
        new = old * float(value[1:])
    except ValueError:
        raise RecipeError(f"{name} must be a number or '*factor', but got {value!r}") from None
    return round(new) if isinstance(old, int) else float(f"{new:.12g}")


def _toml(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)
