"""Keras on PyTorch: `model.fit(…, callbacks=[Babysit()])` watches one fit."""

from __future__ import annotations

import os
from typing import Any

from ..errors import MissingExtra, RecipeError
from ..watcher import watch

os.environ.setdefault("KERAS_BACKEND", "torch")
try:
    import keras
except ImportError:
    raise MissingExtra("keras", "keras", "babysit.hosts.keras") from None


class Babysit(keras.callbacks.Callback):
    """Watches from the start of a fit to its end; takes what `babysit.watch` takes.

    Raises:
        RecipeError: Keras runs on another backend than torch.

    Attributes:
        watch: the `babysit.watch` of the newest fit.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__()
        if keras.backend.backend() != "torch":
            raise RecipeError(
                f"Keras must run on torch to be watched, but runs on {keras.backend.backend()}: set KERAS_BACKEND=torch"
            )
        self.options = options
        self.watch: watch | None = None

    def on_train_begin(self, logs: Any = None) -> None:
        """A fit begins."""
        self.watch = watch(**self.options)
        self.watch.__enter__()

    def on_train_end(self, logs: Any = None) -> None:
        """It is over."""
        if self.watch is not None:
            self.watch.close()
