"""Lightning: `Trainer(callbacks=[Babysit()])` watches one fit."""

from __future__ import annotations

from typing import Any

from ..errors import MissingExtra
from ..watcher import watch
from ..watcher.watching import how_ended

try:
    from lightning.pytorch.callbacks import Callback
except ImportError:
    try:
        from pytorch_lightning.callbacks import Callback  # type: ignore[import-not-found,no-redef]
    except ImportError:
        raise MissingExtra("lightning", "lightning", "babysit.hosts.lightning") from None


class Babysit(Callback):
    """Watches from the start of a fit to its end; takes what `babysit.watch` takes.

    Attributes:
        watch: the `babysit.watch` of the newest fit.
    """

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.watch: watch | None = None

    def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """A fit begins."""
        if stage == "fit":
            self.watch = watch(**self.options)
            self.watch.__enter__()

    def teardown(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """It is over."""
        if self.watch is not None:
            self.watch.close()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """It broke off."""
        if self.watch is not None:
            self.watch.close(**how_ended(exception))
