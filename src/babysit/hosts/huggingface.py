"""Hugging Face: `Trainer(…, callbacks=[Babysit()])` watches one `train()`."""

from __future__ import annotations

from typing import Any

from ..errors import MissingExtra
from ..watcher import watch

try:
    from transformers.trainer_callback import TrainerCallback
except ImportError:
    raise MissingExtra("transformers", "huggingface", "babysit.hosts.huggingface") from None


class Babysit(TrainerCallback):
    """Watches from the start of a training to its end; takes what `babysit.watch` takes.

    A training that breaks off never tells its callbacks: close the watch with `close()` then.

    Attributes:
        watch: the `babysit.watch` of the newest training.
    """

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.watch: watch | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """A training begins."""
        self.close()
        self.watch = watch(**self.options)
        self.watch.__enter__()

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """It is over."""
        self.close()

    def close(self) -> None:
        """Stop watching. Safe to call twice."""
        if self.watch is not None:
            self.watch.close()
