"""Being stopped: checkpoints while it trains, Ctrl-C, and the threads that decide the order of additions."""

from __future__ import annotations

import math
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

import torch

from ..data import Split
from ..record import Store
from . import checkpoint
from .loop import Training

SAVE_EVERY = 2.0
"""Seconds between two checkpoints, at least; longer where writing one is slow."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C: what there was is saved in `folder`, and `resume=folder` goes on."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"interrupted; the run in {folder} can be resumed")
        self.folder = folder


class Saver:
    """Writes checkpoints, seldom enough that training doesn't feel it."""

    def __init__(self, path: Path) -> None:
        self.path, self.cost, self.last = path, 0.0, perf_counter()

    def maybe(self, training: Training) -> None:
        """Write one when the last is old enough."""
        if perf_counter() - self.last > max(SAVE_EVERY, 30 * self.cost):
            self.save(training)

    def save(self, training: Training) -> None:
        """Write one now."""
        began = perf_counter()
        if isinstance(training.record, Store):
            training.record.flush()
        checkpoint.save_tensors(self.path, *training.state())
        self.last = perf_counter()
        self.cost = self.last - began


@contextmanager
def stopping(training: Training) -> Iterator[None]:
    """Ctrl-C ends the training before its next step; a second one ends everything at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def on_signal(number: int, frame: Any) -> None:
        if training.stop:
            raise KeyboardInterrupt
        training.stop = True

    before = signal.signal(signal.SIGINT, on_signal)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def threads_for(split: Split, device: torch.device) -> int:
    """PyTorch's threads: one for small examples, where handing out work costs more than it brings."""
    values = math.prod(split.shape)
    return 1 if device.type == "cpu" and values < 1024 else torch.get_num_threads()


@contextmanager
def threads_set(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
