"""The search that can be handed to `train`: its shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from ..data import Split
from ..record import Recipe
from ..record.study import Study, Trial


class Search(Protocol):
    """A search that can be handed in; `babysit.tuner.before_training` is one."""

    def __call__(
        self,
        recipe: Recipe,
        split: Split,
        *,
        fields: Sequence[str] | None,
        ranges: Mapping[str, tuple[float, float]],
        seconds: float,
        on_trial: Callable[[Sequence[Trial]], None],
        out: Path,
    ) -> Study:
        """Look for a better recipe.

        Args:
            fields: what may change; None leaves the choice to the search.
            ranges: bounds that are already known, such as the learning rate's.
            seconds: to spend.
            on_trial: told all trials so far whenever one ends.
            out: a folder for what lets it go on after it was stopped.
        """
        ...
