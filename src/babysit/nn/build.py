"""From a recipe to a network: the preprocessing layer, then the model, ours or the user's own."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from ..errors import RecipeError, did_you_mean
from ..record import Recipe
from .block import outputs
from .convnet import convnet
from .mlp import mlp
from .preprocess import Preprocess, preprocess
from .resnet import resnet

MODELS: dict[str, Callable[..., nn.Module]] = {"mlp": mlp, "convnet": convnet, "resnet": resnet}
SMALL_IMAGE = 16  # sides; below it "auto" takes an mlp, which sees the whole image at once
OPTIONS = ("width", "depth", "activation", "pieces", "norm", "dropout")


def build(
    recipe: Recipe, shape: Sequence[int], classes: int | None, preprocess_layer: nn.Module | None = None
) -> nn.Sequential:
    """The network that a recipe asks for, as `Sequential(preprocess, network)`; weights as PyTorch's.

    Args:
        shape: of one example, (D,) or (C, H, W).
        classes: how many; None or 1 is a regression with one output (N, 1).
        preprocess_layer: a fitted first layer; by default a new one that is still to be fitted
            (`model.preprocess.fit(training_inputs)`).

    Raises:
        RecipeError: what can't be built, and why.

    Examples:
        >>> model = build(Recipe(model="mlp", width=8, depth=1), (4,), 3)
        >>> model.preprocess, list(dict(model.network.named_children()))
        (Standardize(shape=(4,), not fitted), ['linear1', 'relu1', 'output'])
    """
    shape = tuple(int(size) for size in shape)
    first = preprocess_layer or preprocess(recipe.preprocess, shape, recipe.components)
    seen = (first.out_shape if isinstance(first, Preprocess) else None) or shape
    network = make(recipe, seen, classes)
    return nn.Sequential(OrderedDict(preprocess=first, network=network))


def make(recipe: Recipe, shape: Sequence[int], classes: int | None) -> nn.Module:
    """The network alone, for examples of `shape` as they come out of preprocessing."""
    shape = tuple(shape)
    options = {name: getattr(recipe, name) for name in OPTIONS}
    name = model_name(recipe, shape)
    if name in MODELS:
        return MODELS[name](shape, classes, **options)
    return foreign(name, shape, classes, options)


def model_name(recipe: Recipe, shape: Sequence[int]) -> str:
    """What "auto" means for examples of `shape`: a convnet for images of 16 x 16 and more, else an mlp."""
    if recipe.model != "auto":
        return recipe.model
    return "convnet" if len(shape) == 3 and min(shape[1:]) >= SMALL_IMAGE else "mlp"


def foreign(where: str, shape: Sequence[int], classes: int | None, options: dict[str, Any]) -> nn.Module:
    """A network of the user's: `package.module:factory` or `file.py:factory`, tried on two zero examples.

    The factory is called as `factory(shape, classes, **options)` with those options alone that it takes.

    Raises:
        RecipeError: no such module or name, it fails, doesn't give an `nn.Module`, or the network's
            output hasn't the shape (N, classes).
    """
    place, colon, attribute = where.rpartition(":")
    if not colon or not place or not attribute:
        raise RecipeError(f"model must be mlp, convnet, resnet or module:factory, but got {where!r}")
    module = _load(place)
    if not hasattr(module, attribute):
        public = [name for name in vars(module) if not name.startswith("_")]
        raise RecipeError(f"{place} has no {attribute!r}{did_you_mean(attribute, public)}")
    network = _call(where, getattr(module, attribute), tuple(shape), classes, options)
    if not isinstance(network, nn.Module):
        raise RecipeError(f"{where} must give an nn.Module, but gave {type(network).__name__}")
    _dry_run(where, network, tuple(shape), outputs(classes))
    return network


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


def _call(where: str, factory: Any, shape: tuple[int, ...], classes: int | None, options: dict[str, Any]) -> Any:
    if isinstance(factory, nn.Module):
        raise RecipeError(f"{where} must be a function or class, but is a network already made: wrap it in a function")
    if not callable(factory):
        raise RecipeError(f"{where} must be a function or class, but is {type(factory).__name__}")
    try:
        signature = inspect.signature(factory)
        taken = {name: value for name, value in options.items() if _takes(signature, name)}
        signature.bind(shape, classes, **taken)
    except (TypeError, ValueError) as error:
        raise RecipeError(f"{where} must be callable as factory(shape, classes, **options), but {error}") from error
    try:
        return factory(shape, classes, **taken)
    except Exception as error:
        raise RecipeError(f"{where} failed for shape={shape}, classes={classes}: {error}") from error


def _takes(signature: inspect.Signature, name: str) -> bool:
    kinds = inspect.Parameter
    if any(parameter.kind is kinds.VAR_KEYWORD for parameter in signature.parameters.values()):
        return True
    found = signature.parameters.get(name)
    return found is not None and found.kind in (kinds.KEYWORD_ONLY, kinds.POSITIONAL_OR_KEYWORD)


@torch.no_grad()
def _dry_run(where: str, network: nn.Module, shape: tuple[int, ...], units: int) -> None:
    modes = {module: module.training for module in network.modules()}
    try:
        output = network.eval()(torch.zeros(2, *shape))
    except Exception as error:
        raise RecipeError(f"the network of {where} can't take inputs (N, {_list(shape)}): {error}") from error
    finally:
        for module, mode in modes.items():
            module.training = mode
    got = tuple(getattr(output, "shape", ()))
    if got != (2, units):
        found = f"(N, {_list(got[1:])})" if got[:1] == (2,) else got or type(output).__name__
        raise RecipeError(f"the network of {where} must give outputs (N, {units}), but gives {found}")


def _list(sizes: Sequence[int]) -> str:
    return ", ".join(map(str, sizes))
