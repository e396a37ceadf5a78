"""TensorBoard: scalars in event files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..errors import MissingExtra
from . import Writer, sink


@sink("FOLDER")
def tensorboard(target: str, title: str) -> Writer:
    """Scalars for `tensorboard --logdir FOLDER`, in a folder of the run's name below it (`runs` by default)."""
    return Events(Path(target or "runs") / title / "tensorboard")


class Events:
    """The open event file."""

    def __init__(self, folder: Path) -> None:
        try:
            from tensorboard.summary import Writer as EventWriter
        except ImportError as error:
            raise MissingExtra("tensorboard", "tensorboard", "the sink tensorboard") from error
        self._writer = EventWriter(str(folder))

    def write(self, step: int, readings: Mapping[str, float]) -> None:
        """The step's scalars."""
        for name, value in readings.items():
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Everything is on disk after this."""
        self._writer.close()
