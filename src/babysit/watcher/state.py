"""The state of one watched training; the files around it say what each reported call does to it."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from ..probes import Probe
from ..record.run import Key
from .batches import Batches
from .budget import Budget, own_time
from .by_hand import ByHand, Moves
from .columns import Columns
from .comparisons import Comparisons
from .criteria import Called, Criteria
from .dead_gradients import DeadGradients
from .frames import Frames
from .gains import Gains
from .guard import Guard
from .in_the_input import InTheInput
from .judging import Judge
from .kept import Held as Mark
from .kept import Kept
from .layers import Layers
from .models import Models, Root, Site
from .order import Held, Order
from .parameters import Parameters
from .quiet import Quiet
from .recording import Recording
from .source import Sources
from .standins import Standins
from .structure import Structure
from .transfer import Transfer
from .trials import Trials
from .turning import Turning
from .validation import Validation

UNRESOLVED = 2
HELD_INPUTS = 4
_HUGE = math.inf
FACTS_AT = (1, 2, 3, 5, 8, 12, 20, 50, 100, 200, 500, 1000)


@dataclass(eq=False)
class Forward:
    """One forward of a model with gradients on; trained on once a backward has reached it."""

    root: Root
    module: nn.Module
    inputs: list[tuple[str, Tensor]]
    modal: tuple[int, int]
    source: str | None
    own: dict[Key, float] = field(default_factory=dict)
    measured: bool = False
    reached: bool = False
    training: bool = True  # the model itself, whatever its parts
    mark: Mark | None = None
    entered: bool = False  # its first layer with weights
    output: Tensor | None = None  # until it is known whether a criterion of PyTorch's got it


@dataclass(eq=False)
class Pending:
    """One criterion computed with gradients on; trained on once a backward has reached it."""

    call: Called
    node: Any = None  # of the autograd graph, that made its value
    reached: bool = False


def _raise(error: Exception) -> None:
    raise error


class State:
    """Everything that is known of one watched training."""

    _rare_at = 0
    _facts_version = -1
    begun: tuple[int, dict[str, int | None]] | None = None
    trained_loader: int | None = None
    epochs, epoch_began = 0, 0
    urgent = False
    operation: str | None = None
    stop: BaseException | None = None
    last_step: int | None = None

    def __init__(self, recording: Recording, probes: list[Probe], budget: Budget, judge: Judge) -> None:
        self.recording, self.budget, self.judge = recording, budget, judge
        self.guard = Guard(self._failed)
        self.sources = Sources()
        self.gains = Gains(self.sources)
        self.models, self.order, self.transfer = Models(), Order(), Transfer()
        self.layers = Layers(self.models, self.transfer, probes, self.timed, self.guard)
        self.parameters = Parameters(self.models, self.transfer, probes, self.guard)
        self.criteria = Criteria(self.transfer, probes, self.guard)
        self.batches = Batches(self.transfer, probes, self.guard)
        self.validation = Validation(self.batches, self.transfer)
        self.structure = Structure(self.models)
        self.comparisons = Comparisons(self.transfer, recording.set_fact)
        self.columns = Columns(self.transfer, recording.set_fact)
        self.in_the_input = InTheInput(self.transfer, recording.set_fact)
        self.standins = Standins(recording.set_fact)
        self.dead = DeadGradients(self.models, partial(recording.set_fact, "dead_gradients"))
        self.turning = Turning(budget, recording.set_fact)
        self.trials = Trials(self.transfer, budget, recording.set_fact)
        self.kept, self.kept_aside = Kept(), Kept()  # graphs of forwards that were trained on, and of others
        self.frames = Frames(self.transfer, recording.add_vector)
        if budget.overhead is None:
            self.frames.layers *= 3
        self.step = 0
        self.main: Held | None = None
        self.strangers = 0
        self.closed = False  # only the models and optimizers that were given
        self.deep = True
        self.hearing = True  # deep, or a validation pass runs: criteria are listened to
        self.light = False  # deep, but only what costs next to nothing is looked at
        self.partial = False  # began in the middle of an interval: counts of calls are not whole
        self.awake = True  # criteria, activations and zero_grad are heard
        self.unmatched = 0  # criteria computed since the last backward, in quiet intervals
        self.usual = 1
        self.wake = 0  # the step after which a quiet stretch ends
        self.alarm = math.inf  # a loss above this wakes too
        self.host: dict[Key, float] = {}
        self.stack: list[tuple[nn.Module, Site | None]] = []
        self.forwards: list[Forward] = []
        self.current: Forward | None = None
        self.pending: list[Pending] = []
        self.losses: list[Tensor | float] = []
        self.buffered: list[tuple[int, float]] = []
        self.device_losses: list[tuple[int, Tensor]] = []
        self.unscaled: tuple[int, Tensor] | None = None
        self.in_step = 0
        self.in_function = False
        self.eval_called = False
        self.last_val = -9
        self.moves = Moves()
        self.replicated: list[weakref.ref[nn.Module]] = []  # what DistributedDataParallel holds
        self.hand: ByHand | None = None
        self.hand_waits = False
        self.loops: dict[str, str | None] = {}
        self.views: list[dict[str, Any]] = []  # that trade axes
        self.turns: dict[str, tuple[str | None, set[int]]] = {}  # of examples, by kind: where, and at which steps
        self.best = math.inf
        self.level = math.nan
        self.was_finite = True
        self.last_lr: dict[str, float] = {}
        self.busy = False
        self.quiet = Quiet()

    def put(self, key: Key, value: float) -> None:
        self.host[key] = value

    def _failed(self, name: str, text: str) -> None:
        self.recording.add_event(
            self.step, "warning", "", {"text": f"babysit: {name} is switched off: {text}", "source": None}
        )

    def set_deep(self, deep: bool) -> None:
        """Is the next interval observed? The listener puts hooks on modules, or takes them off."""
        self.deep = self.hearing = deep

    def listen_closely(self, wanted: bool) -> None:
        """Hear criteria, activations and zero_grad too? The listener does it."""
        self.awake = wanted

    def at(self, loop: str, depth: int) -> None:
        """Remember where a loop of the user's calls us from, once."""
        if loop not in self.loops:
            self.loops[loop] = self.sources.here(depth)

    def update_loops(self) -> None:
        """Write where the loops are, once that is known."""
        self.recording.set_fact("loops", dict(self.loops))

    def timed(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call one of the methods above: on the watcher's clock, and so that no error of ours gets out."""
        if self.busy:
            return None
        self.settle()
        if function.__name__ in self.guard.off:
            return None
        began, self.busy = own_time(), True
        try:
            return function(*args)
        except Exception as error:
            self.guard(function.__name__, _raise, error)
            return None
        finally:
            self.busy = False
            self.budget.spent += own_time() - began

    # what the files that build on this one do

    def hand_over(self) -> None:
        """Weights that are moved by hand: the step is over (backwards)."""
        raise NotImplementedError

    def after_step(self, optimizer: Optimizer, closure: bool) -> None:
        """An optimizer has stepped (steps)."""
        raise NotImplementedError

    def _before_step(self, held: Held, optimizer: Optimizer, closure: bool) -> None:
        raise NotImplementedError

    def quiet_step(self, optimizer: Optimizer) -> None:
        """An optimizer has stepped in a quiet stretch (observer)."""
        raise NotImplementedError

    def settle(self) -> None:
        """Take over what the quiet path has counted (observer)."""
        raise NotImplementedError

    def _next_interval(self) -> None:
        raise NotImplementedError
