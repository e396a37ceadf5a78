"""Which examples come together, in which order, and for how long."""

from __future__ import annotations

import ast
import functools
import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.optim import Optimizer
from torch.utils.data import DataLoader, IterableDataset

from . import field
from .stage import Call, Stage, original


@field("shuffle")
def shuffle(stage: Stage, value: Any) -> None:
    """Data loaders that go through their examples in order draw them at random.

    Order decides nothing in validation, so that all such loaders may.
    """
    name = stage._now

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def init(
            self: DataLoader, dataset: Any, batch_size: Any = 1, shuffle: Any = None, *args: Any, **more: Any
        ) -> None:
            own_order = shuffle or args or more.get("sampler") or more.get("batch_sampler")
            if not own_order and not isinstance(dataset, IterableDataset):
                shuffle = True
                with stage.of(name):
                    stage.did()
            original(self, dataset, batch_size, shuffle, *args, **more)

        return init

    stage.replace(DataLoader, "__init__", make)


@field("batch")
def batch(stage: Stage, value: Any) -> None:
    """Data loaders make batches of another size: a number, or "*0.25" of what it was."""
    name = stage._now

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def init(self: DataLoader, dataset: Any, batch_size: Any = 1, *args: Any, **more: Any) -> None:
            if batch_size and not more.get("batch_sampler"):
                text = str(value)
                batch_size = max(2, round(batch_size * float(text[1:]) if text.startswith("*") else float(text)))
                with stage.of(name):
                    stage.did()
            original(self, dataset, batch_size, *args, **more)

        return init

    stage.replace(DataLoader, "__init__", make)


@field("fresh_batches")
def fresh_batches(stage: Stage, value: Any) -> None:
    """`next(iter(loader))` goes on where the last one stopped instead of starting over."""
    name = stage._now
    running: dict[int, Iterator[Any]] = {}

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def begin(self: DataLoader) -> Iterator[Any]:
            return _Continuing(self, original, running, acted)

        return begin

    def acted() -> None:
        with stage.of(name):
            stage.did()

    stage.replace(DataLoader, "__iter__", make)
    stage.later(running.clear)


class _Continuing:
    """An iterator over a loader that, when an earlier one was left after its first batch, goes on with that one."""

    def __init__(
        self,
        loader: DataLoader,
        begin: Callable[[DataLoader], Iterator[Any]],
        running: dict[int, tuple[Iterator[Any], int]] | Any,
        acted: Callable[[], None],
    ) -> None:
        self.loader, self.begin, self.running = loader, begin, running
        own = running.pop(id(loader), None)
        if own is not None:
            acted()
        self.own = own if own is not None else begin(loader)
        self.taken = 0

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        try:
            found = next(self.own)
        except StopIteration:
            self.running.pop(id(self.loader), None)
            if self.taken:
                raise
            self.own = self.begin(self.loader)
            found = next(self.own)
        self.taken += 1
        if self.taken == 1:
            self.running[id(self.loader)] = self.own
        else:
            self.running.pop(id(self.loader), None)
        return found


@field("epochs")
def epochs(stage: Stage, value: Any) -> None:
    """The loop over epochs runs longer ("*3"): the program's source is changed as it is loaded."""
    name = stage._now

    def acted() -> None:
        with stage.of(name):
            stage.did()

    stage.rewrite = functools.partial(_longer, float(str(value).lstrip("*")), acted)


def _longer(factor: float, acted: Callable[[], None], tree: ast.Module) -> ast.Module:
    """Multiply `n` in `for epoch in range(n)`, wherever the loop's name speaks of epochs."""

    class Longer(ast.NodeTransformer):
        def visit_For(self, node: ast.For) -> ast.For:
            self.generic_visit(node)
            name = node.target.id.lower() if isinstance(node.target, ast.Name) else ""
            called = isinstance(node.iter, ast.Call) and isinstance(node.iter.func, ast.Name)
            if ("epoch" in name or name in ("ep", "e")) and called and node.iter.func.id == "range":  # type: ignore[union-attr]
                bounds = node.iter.args  # type: ignore[union-attr]
                last = 0 if len(bounds) == 1 else 1
                grown = ast.parse(f"int({factor} * (0))", mode="eval").body
                grown.args[0].right = bounds[last]  # type: ignore[attr-defined]
                bounds[last] = ast.copy_location(grown, node.iter)
                acted()
            return node

    return ast.fix_missing_locations(Longer().visit(tree))


@field("patience")
def patience(stage: Stage, value: Any) -> None:
    """After so many validation passes without a lower loss the best weights come back and stay."""
    _EarlyStop(stage, int(value))


class _EarlyStop:
    """Validation loss per pass; keeps the best weights, and stands still once patience is over."""

    def __init__(self, stage: Stage, wait: int) -> None:
        self.stage, self.wait, self.name = stage, wait, stage._now
        self.total = self.count = 0.0
        self.best, self.since = math.inf, 0
        self.weights: list[dict[str, Any]] = []
        self.stopped = False
        stage.on_model(lambda model: None)
        stage.on_criterion(self._look)
        stage.before_step(self._hold)

    def _look(self, call: Call) -> None:
        if not call.training:
            with torch.no_grad():
                self.total += float(
                    original(call.name)(call.output, call.target, *call.arguments, **call.options).mean()
                )
            self.count += 1
        elif self.count:
            self._end_of_pass(self.total / self.count)
            self.total = self.count = 0.0

    def _end_of_pass(self, loss: float) -> None:
        if self.stopped:
            return
        if loss < self.best:
            self.best, self.since = loss, 0
            self.weights = [{k: v.detach().clone() for k, v in one.state_dict().items()} for one in self.stage.models]
            return
        self.since += 1
        if self.since >= self.wait:
            self.stopped = True
            for model, weights in zip(self.stage.models, self.weights, strict=False):
                model.load_state_dict(weights)
            with self.stage.of(self.name):
                self.stage.did()

    def _hold(self, optimizer: Optimizer) -> None:
        if self.stopped:
            for group in optimizer.param_groups:
                for parameter in group["params"]:
                    parameter.grad = None
