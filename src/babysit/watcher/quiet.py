"""What a step costs that is not observed.

Between two looks most steps are plain: one backward pass of one loss on the processor, then a step of the main optimizer.
What such a step costs is mostly memory that its own work has driven out of the caches, so that the two functions that run
in it touch as little as they can: this one object, nothing of the observer. The observer engages it after a plain step
that it has followed itself, and settles, taking over what was counted, before anything else is done.
"""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor


class Quiet:
    """The losses of plain steps, until the observer takes them over.

    Attributes:
        optimizer: id of the optimizer whose steps are counted; 0: nothing is, the observer follows each step itself.
        loss: of the step that is under way; None: there was no backward pass yet.
        losses: one of each step that is over.
        room: so many steps may be kept; the next one is the observer's.
        alarm: a loss as high as this is the observer's, too.

    Examples:
        >>> import torch
        >>> quiet, optimizer = Quiet(), torch.optim.SGD([torch.zeros(1)], lr=0.1)
        >>> quiet.backward(torch.tensor(0.5)), quiet.step(optimizer)
        (False, False)
        >>> quiet.engage(optimizer, room=1, alarm=3.0)
        >>> quiet.backward(torch.tensor(0.5)), quiet.step(optimizer), quiet.losses
        (True, True, [0.5])
        >>> quiet.backward(torch.tensor(0.25)), quiet.step(optimizer)  # no room
        (True, False)
        >>> quiet.take()
        ([0.5], 0.25)
    """

    __slots__ = ("alarm", "loss", "losses", "optimizer", "room")

    def __init__(self) -> None:
        self.optimizer = 0
        self.loss: float | None = None
        self.losses: list[float] = []
        self.room = 0
        self.alarm = math.inf

    def engage(self, optimizer: Any, room: int, alarm: float) -> None:
        """From now on follow plain steps of this optimizer."""
        self.room, self.alarm, self.optimizer = room, alarm, id(optimizer)

    def take(self) -> tuple[list[float], float | None]:
        """Follow nothing any more; what was kept, of steps that are over and of the one under way."""
        kept, self.losses = self.losses, []
        loss, self.loss = self.loss, None
        self.optimizer = 0
        return kept, loss

    def backward(self, loss: Any) -> bool:
        """A backward pass of `loss` begins: is nothing more to be done about it?"""
        if self.optimizer and self.loss is None and type(loss) is Tensor and loss.is_cpu:
            try:
                value = loss.item()
                if -math.inf < value < self.alarm:
                    self.loss = value
                    return True
            except Exception:  # no number: the observer knows what to do with it
                return False
        return False

    def step(self, optimizer: Any) -> bool:
        """An optimizer has stepped: is nothing more to be done about it?"""
        loss = self.loss
        if loss is None or self.optimizer != id(optimizer) or len(self.losses) >= self.room:
            return False
        self.losses.append(loss)
        self.loss = None
        return True
