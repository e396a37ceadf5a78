"""A network of the user's: a function or class that is called with what it takes, and tried before anything is trained."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from ..errors import BabysitError, RecipeError, did_you_mean
from ..record import Recipe
from ..record.named import no_such
from .block import outputs

OPTIONS = ("width", "depth", "activation", "pieces", "norm", "dropout")
"""Fields of a recipe that say what a network is like."""


class Hyper(Mapping[str, Any]):
    """What a factory gets as `hp`: the values chosen for it, the recipe's where there are none, and `shape` and `classes`.

    It remembers what was read.

    Args:
        shape: of one example, as it comes out of preprocessing.
        classes: None in a regression.

    Examples:
        >>> hp = Hyper({"width": 32}, Recipe(), (4,), 3)
        >>> hp.width, hp["lr"], hp.shape, hp.classes, sorted(hp.read)
        (32, 0.001, (4,), 3, ['classes', 'lr', 'shape', 'width'])
    """

    def __init__(self, chosen: Mapping[str, Any], recipe: Recipe, shape: Sequence[int], classes: int | None) -> None:
        self.chosen = dict(chosen)
        self._values = {**recipe.to_dict(), "shape": tuple(shape), "classes": classes, **chosen}
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        found = self._values[name]
        self.read.add(name)
        return found

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"there is no {name!r}{did_you_mean(name, self._values)}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    @property
    def options(self) -> dict[str, Any]:
        """What is handed in by name to a factory that takes it."""
        return {**{name: self._values[name] for name in (*OPTIONS, "shape", "classes")}, **self.chosen}


def foreign(where: str, hp: Hyper) -> nn.Module:
    """A network by the name of its factory, `package.module:factory` or `file.py:factory`, tried on two zero examples.

    Raises:
        RecipeError: no such module or name, it fails, doesn't give an `nn.Module`, or the network's
            output hasn't the shape (N, classes).
    """
    shape, classes = hp._values["shape"], hp._values["classes"]
    network = call(where, factory(where), hp)
    try_out(where, network, shape, outputs(classes))
    return network


def factory(where: str) -> Any:
    """The function or class that `package.module:factory` or `file.py:factory` names."""
    place, colon, attribute = where.rpartition(":")
    if not colon or not place or not attribute:
        raise RecipeError(f"model must be mlp, convnet, resnet or module:factory, but got {where!r}")
    module = _load(place)
    if not hasattr(module, attribute):
        own = [
            name
            for name, one in vars(module).items()
            if callable(one) and getattr(one, "__module__", "") == module.__name__
        ]
        raise RecipeError(no_such(place, attribute, own))
    found = getattr(module, attribute)
    if isinstance(found, nn.Module):
        raise RecipeError(f"{where} must be a function or class, but is a network already made: wrap it in a function")
    if not callable(found):
        raise RecipeError(f"{where} must be a function or class, but is {type(found).__name__}")
    return found


def call(where: str, made_by: Any, hp: Hyper) -> nn.Module:
    """The network that a factory makes.

    It is called by what it asks for: `factory(hp)` where it needs one thing of an unknown name, by name where all that
    it needs is known (`shape`, `classes`, the options, the searched fields), else `factory(shape, classes, **options)`.

    Raises:
        RecipeError: it needs anything else, fails, or doesn't give an `nn.Module`.
    """
    try:
        places, names = _arguments(made_by, hp)
    except (TypeError, ValueError) as error:
        raise RecipeError(
            f"{where} must be callable as factory(hp), factory(shape, classes, **options) or by names of options, "
            f"but {error}"
        ) from error
    try:
        network = made_by(*places, **names)
    except BabysitError:
        raise
    except Exception as error:
        told = ", ".join(
            f"{name}={value}" for name, value in {**hp.chosen, "shape": hp.shape, "classes": hp.classes}.items()
        )
        raise RecipeError(f"{where} failed for {told}: {type(error).__name__}: {error}") from error
    if not isinstance(network, nn.Module):
        raise RecipeError(f"{where} must give an nn.Module, but gave {type(network).__name__}")
    return network


def _arguments(made_by: Any, hp: Hyper) -> tuple[tuple[Any, ...], dict[str, Any]]:
    signature, kinds = inspect.signature(made_by), inspect.Parameter
    asked = [one for one in signature.parameters.values() if one.kind not in (kinds.VAR_POSITIONAL, kinds.VAR_KEYWORD)]
    needed = [one for one in asked if one.default is one.empty]
    options = hp.options
    unknown = [one for one in needed if one.name not in options]
    anything = any(one.kind is kinds.VAR_KEYWORD for one in signature.parameters.values())
    anywhere = any(one.kind is kinds.VAR_POSITIONAL for one in signature.parameters.values())
    if (len(needed) == 1 and unknown) or (not asked and anywhere):
        return (hp,), {}
    by_name = [one.name for one in asked if one.kind is not kinds.POSITIONAL_ONLY]
    taken = [name for name in options if name in by_name or (anything and name not in ("shape", "classes"))]
    places: tuple[Any, ...] = ()
    if unknown or (len(asked) >= 2 and any(one.kind is kinds.POSITIONAL_ONLY for one in asked[:2])):
        places = (hp.shape, hp.classes)
        taken = [name for name in taken if name not in {one.name for one in asked[:2]}]
    names = {name: hp[name] for name in taken}
    signature.bind(*places, **names)
    return places, names


def _load(place: str) -> ModuleType:
    """A module by its name or file, looked for in the working directory too."""
    path = Path(place)
    try:
        if path.suffix == ".py":
            return _load_file(path)
        with _working_directory():
            return importlib.import_module(place)
    except ModuleNotFoundError as error:
        if error.name and (place == error.name or place.startswith(error.name + ".")):
            raise RecipeError(f"no module {place!r} is installed or in {Path.cwd()}") from error
        raise RecipeError(f"{place} can't be imported: {error}") from error
    except RecipeError:
        raise
    except Exception as error:
        raise RecipeError(f"{place} can't be imported: {type(error).__name__}: {error}") from error


def _load_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise RecipeError(f"there is no file {str(path)!r}")
    name = path.stem
    known = sys.modules.get(name)
    if known is not None and getattr(known, "__file__", None) == str(path.resolve()):
        return known
    spec = importlib.util.spec_from_file_location(name, path.resolve())
    if spec is None or spec.loader is None:
        raise RecipeError(f"{str(path)!r} is no Python file")
    module = importlib.util.module_from_spec(spec)
    if known is None:
        sys.modules[name] = module  # so that its classes can be pickled for other processes
    try:
        spec.loader.exec_module(module)
    except BaseException:
        if known is None:
            del sys.modules[name]
        raise
    return module


class _working_directory:
    """`sys.path` with the working directory in front, as `python -m` has it."""

    def __enter__(self) -> None:
        self.entry = str(Path.cwd())
        sys.path.insert(0, self.entry)

    def __exit__(self, *error: object) -> None:
        if self.entry in sys.path:
            sys.path.remove(self.entry)


@torch.no_grad()
def try_out(where: str, network: nn.Module, shape: tuple[int, ...], units: int) -> None:
    """A RecipeError unless the network takes examples of `shape` and gives `units` outputs; tried on two of zeros."""
    modes = {module: module.training for module in network.modules()}
    try:
        output = network.eval()(torch.zeros(2, *shape, device=_place(network)))
    except Exception as error:
        raise RecipeError(
            f"the network of {where} can't take inputs (N, {_list(shape)}): {first_line(error)}"
        ) from error
    finally:
        for module, mode in modes.items():
            module.training = mode
    got = tuple(getattr(output, "shape", ()))
    if got != (2, units):
        found = f"(N, {_list(got[1:])})" if got[:1] == (2,) else got or type(output).__name__
        raise RecipeError(f"the network of {where} must give outputs (N, {units}), but gives {found}")


def _list(sizes: Sequence[int]) -> str:
    return ", ".join(map(str, sizes))


def first_line(error: BaseException) -> str:
    """What an error says, without what follows."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def _place(network: nn.Module) -> torch.device | None:
    return next((one.device for one in network.parameters()), None)
