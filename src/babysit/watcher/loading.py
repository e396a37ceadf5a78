"""The ears for weights that are loaded: which parameters got none."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

if TYPE_CHECKING:
    from .observer import Observer


class Loaded:
    """Parameters of models into which weights were loaded, and which got none because the file had none of that name.

    Examples:
        >>> model, loaded = nn.Linear(2, 1), Loaded()
        >>> loaded.tell(model, model.load_state_dict({"weight": model.weight.detach().clone()}, strict=False).missing_keys)
        >>> loaded.is_missing(model.weight), loaded.is_missing(model.bias)
        (False, True)
    """

    def __init__(self) -> None:
        self._missing: dict[int, weakref.ref[Tensor]] = {}

    def tell(self, module: nn.Module, missing: list[str]) -> None:
        """Weights were loaded into a module; these of its parameters and buffers were missing."""
        without = set(missing)
        for name, value in module.named_parameters(remove_duplicate=False):
            if name in without:
                self._missing[id(value)] = weakref.ref(value)
            else:
                self._missing.pop(id(value), None)

    def is_missing(self, value: Tensor) -> bool:
        """Did the newest loading leave this parameter as it was?"""
        found = self._missing.get(id(value))
        return found is not None and found() is value


def replacements(
    observer: Observer, ours: Callable[[], bool]
) -> list[tuple[Any, str, Callable[[Any], Callable[..., Any]]]]:
    """(owner, name, what makes a listening function of the original) for each function that is heard."""

    def loading(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def load_state_dict(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
            result = original(module, *args, **kwargs)
            if ours():
                observer.timed(observer.models.loaded.tell, module, list(getattr(result, "missing_keys", ())))
            return result

        return load_state_dict

    return [(nn.Module, "load_state_dict", loading)]
