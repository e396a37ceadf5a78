"""Measured values on their way from the device to the record: stacked, one copy for each observed step.

On a GPU the copy goes into pinned memory without waiting for it; it is looked at again at later
steps, and taken once it has arrived. On a CPU it is there at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

Receive = Callable[[list[float]], None]


class Transfer:
    """Collects tensors with what is to be done with their values; `send` fetches them all at once."""

    def __init__(self) -> None:
        self._parts: list[tuple[Tensor, Receive]] = []
        self._flying: deque[tuple[Any, Tensor, list[tuple[int, Receive]], Callable[[], None]]] = deque()

    def add(self, values: Tensor, receive: Receive) -> None:
        """`receive` gets the values as floats, in order, when they have arrived."""
        self._parts.append((values, receive))

    @property
    def waiting(self) -> bool:
        """Are values on their way?"""
        return bool(self._flying)

    def send(self, done: Callable[[], None]) -> None:
        """Fetch what was collected; `done()` is called when all of it has been received."""
        parts, self._parts = self._parts, []
        by_device: dict[torch.device, list[tuple[Tensor, Receive]]] = {}
        for part in parts:
            by_device.setdefault(part[0].device, []).append(part)
        if not by_device:
            self._queue(None, torch.empty(0), [], done)
        for index, own in enumerate(by_device.values()):
            last = index == len(by_device) - 1
            flat, receivers = _joined(own)
            arrived, values = fetch(flat)
            self._queue(arrived, values, receivers, done if last else lambda: None)
        self.receive()

    def _queue(
        self, arrived: Any, values: Tensor, receivers: list[tuple[int, Receive]], done: Callable[[], None]
    ) -> None:
        self._flying.append((arrived, values, receivers, done))

    def receive(self, *, wait: bool = False) -> None:
        """Hand out what has arrived, in order; with `wait` all of it."""
        while self._flying:
            arrived, values, receivers, done = self._flying[0]
            if arrived is not None and not arrived.query():
                if not wait:
                    return
                arrived.synchronize()
            self._flying.popleft()
            numbers = values.tolist()
            at = 0
            for count, receive in receivers:
                receive(numbers[at : at + count])
                at += count
            done()

    def clear(self) -> None:
        """Forget what was collected and not sent."""
        self._parts.clear()


def _joined(parts: Sequence[tuple[Tensor, Receive]]) -> tuple[Tensor, list[tuple[int, Receive]]]:
    """All values as one float64 vector: each kind of number is stacked first, so that few kernels run."""
    groups: dict[tuple[torch.dtype, bool], list[tuple[Tensor, Receive]]] = {}
    for values, receive in parts:
        groups.setdefault((values.dtype, values.ndim == 0), []).append((values, receive))
    vectors, receivers = [], []
    for (_, scalar), own in groups.items():
        tensors = [values for values, _ in own]
        vector = torch.stack(tensors) if scalar else torch.cat([values.reshape(-1) for values in tensors])
        vectors.append(vector.to(torch.float64))
        receivers.extend((values.numel(), receive) for values, receive in own)
    return (vectors[0] if len(vectors) == 1 else torch.cat(vectors)), receivers


def fetch(flat: Tensor) -> tuple[Any, Tensor]:
    """Start copying a vector to the host: (an event that tells when it has arrived or None, the host's copy)."""
    if flat.device.type != "cuda":
        return None, flat.cpu()
    host = torch.empty(flat.shape, dtype=flat.dtype, pin_memory=True)
    host.copy_(flat, non_blocking=True)
    event = torch.cuda.Event()
    event.record(torch.cuda.current_stream(flat.device))
    return event, host
