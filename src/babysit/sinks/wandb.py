"""Weights & Biases: a run in a project."""

from __future__ import annotations

import os
from collections.abc import Mapping

from ..errors import MissingExtra
from . import Writer, sink


@sink("PROJECT")
def wandb(target: str, title: str) -> Writer:
    """A run of PROJECT ("babysit" by default), or the script's own run where it has one open.

    Offline unless WANDB_MODE says otherwise: nothing goes to the network by itself.
    """
    return Logged(target or "babysit", title)


class Logged:
    """The open run."""

    def __init__(self, project: str, title: str) -> None:
        try:
            import wandb
        except ImportError as error:
            raise MissingExtra("wandb", "wandb", "the sink wandb") from error
        self._own = wandb.run is None
        mode = os.environ.get("WANDB_MODE", "offline")
        self._run = wandb.init(project=project, name=title, mode=mode) if self._own else wandb.run
        # a step of its own: readings come later than what the script itself logs
        self._run.define_metric("babysit/step")
        self._run.define_metric("babysit/*", step_metric="babysit/step")

    def write(self, step: int, readings: Mapping[str, float]) -> None:
        """The step's numbers."""
        self._run.log({"babysit/step": step, **{f"babysit/{name}": value for name, value in readings.items()}})

    def close(self) -> None:
        """Finish the run, if it is ours."""
        if self._own:
            self._run.finish()
