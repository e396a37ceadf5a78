"""What watching costs: the same training watched and not, in pairs within one process.

    python bench/watching.py                 every step time and model, ours
    python bench/watching.py --peers         and the peers that are installed, on the same models
    python bench/watching.py --json FILE

A pair is two forks of one process, the same training unwatched and watched, that run blocks of steps in turns (which
goes first alternates), each with a memory that was used at random before; the figure is the median over the pairs of watched / unwatched, with the quartiles. `whole`
counts everything from entering the watch to leaving it (its start, which is observed densely, too), `steady` the second
half of the steps, both in the process's own (CPU) seconds, with one thread; `wall` is `steady` by the clock.
The watcher's own clock is that of CPU seconds here, so that it doesn't take waiting for its turn for training.
"""

from __future__ import annotations

import argparse
import gc
import json
import multiprocessing
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

BLOCKS = 100
WARM = 5


def mlp(width: int, depth: int, batch: int, *, adam: bool = True) -> Loop:
    """An MLP on random classes."""
    layers: list[nn.Module] = [nn.Linear(64, width), nn.ReLU()]
    for _ in range(depth - 2):
        layers += [nn.Linear(width, width), nn.ReLU()]
    model = nn.Sequential(*layers, nn.Linear(width, 10))
    return Loop(model, torch.randn(4096, 64), batch, adam=adam)


def convnet() -> Loop:
    """Three blocks of convolution, batch norm and ReLU on 32 x 32 images."""
    blocks: list[nn.Module] = []
    for before, after in ((3, 32), (32, 64), (64, 64)):
        blocks += [nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU(), nn.MaxPool2d(2)]
    model = nn.Sequential(*blocks, nn.Flatten(), nn.Linear(1024, 10))
    return Loop(model, torch.randn(512, 3, 32, 32), 32, adam=False)


class _Transformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(100, 128)
        layer = nn.TransformerEncoderLayer(128, 4, 512, dropout=0.1, batch_first=True)
        self.body = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(128, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(self.embed(x)).mean(1))


def transformer() -> Loop:
    """Two encoder layers of width 128 over 32 tokens."""
    return Loop(_Transformer(), torch.randint(0, 100, (1024, 32)), 16, adam=True)


class Loop:
    """A training loop over random classes: called, it makes one step and gives the loss.

    Attributes:
        backward: what is called with (loss, output, targets, number of the step); a peer may need its own.
        after: what is called with the loss after a step, where a peer wants to be.
    """

    def __init__(self, model: nn.Module, x: torch.Tensor, batch: int, *, adam: bool) -> None:
        self.model, self.x, self.batch, self.steps, self.at = model, x, batch, 0, 0
        self.y = torch.randint(0, 10, (len(x),))
        make = torch.optim.AdamW if adam else torch.optim.SGD
        self.optimizer = make(model.parameters(), lr=1e-3)
        self.backward: Callable[..., Any] | None = None
        self.after: Callable[[torch.Tensor], Any] | None = None

    def __call__(self) -> torch.Tensor:
        here = slice(self.at, self.at + self.batch)
        self.at = (self.at + self.batch) % (len(self.x) - self.batch)
        self.optimizer.zero_grad()
        output = self.model(self.x[here])
        loss = F.cross_entropy(output, self.y[here])
        if self.backward is None:
            loss.backward()
        else:
            self.backward(loss, output, self.y[here], self.steps)
        self.optimizer.step()
        self.steps += 1
        if self.after is not None:
            self.after(loss)
        return loss


MODELS: dict[str, tuple[Callable[[], Loop], int]] = {
    "step 0.25 ms": (lambda: mlp(64, 4, 32, adam=False), 12000),
    "step 1 ms": (lambda: mlp(192, 4, 64), 6000),
    "mlp 6x512": (lambda: mlp(512, 6, 64), 800),
    "convnet": (convnet, 160),
    "transformer": (transformer, 240),
}


def ours(**options: Any) -> Callable[..., Any]:
    """A watch of ours, found by itself."""

    def make(loop: Loop) -> Any:
        from babysit.watcher import budget, watch

        budget.perf_counter = time.process_time  # type: ignore[attr-defined]
        return watch(out=tempfile.mkdtemp(), **options)

    return make


class Side:
    """One of the two trainings of a pair: a fork that steps when it is told to, and says what that took."""

    def __init__(self, make: Callable[[], Loop], watcher: Callable[..., Any] | None) -> None:
        self.pipe, theirs = multiprocessing.Pipe()
        self.pid = os.fork()
        if self.pid == 0:
            self.pipe.close()
            code = 1
            try:
                _serve(theirs, make, watcher)
                code = 0
            finally:
                os._exit(code)
        theirs.close()

    def run(self, steps: int) -> tuple[float, float]:
        """(CPU seconds, wall seconds) of so many steps; of leaving the watch where `steps` is 0."""
        self.pipe.send(steps)
        return self.pipe.recv()

    def close(self) -> tuple[float, float]:
        """Leave the watch and end; what leaving took."""
        took = self.run(0)
        os.waitpid(self.pid, 0)
        return took


def _serve(pipe: Any, make: Callable[[], Loop], watcher: Callable[..., Any] | None) -> None:
    kept = scattered(os.getpid())
    torch.manual_seed(0)
    step = make()
    for _ in range(WARM):
        step()
    gc.collect()
    gc.freeze()
    context = watcher(step) if watcher is not None else nullcontext()
    entered = False
    while True:
        steps = pipe.recv()
        cpu, wall = time.process_time(), time.perf_counter()
        if not entered:
            entered = True
            context.__enter__()
        for _ in range(steps):
            step()
        if not steps:
            context.__exit__(None, None, None)
        pipe.send((time.process_time() - cpu, time.perf_counter() - wall))
        if not steps:
            del kept
            return


def scattered(seed: int) -> list[torch.Tensor]:
    """Memory taken and given back at random before a training begins, and what of it is kept.

    Where a step's tensors lie makes a process faster or slower by 1 %, whether it is watched or not. Two forks lie alike
    until one of them is watched: drawn anew for each side, this evens out over the pairs instead of counting as a cost.
    """
    draw, kept = random.Random(seed), []
    for _ in range(2000):
        one = torch.zeros(draw.choice((10, 64, 192, 4096, 12288, 36864, 100_000)))
        if draw.random() < 0.05:
            kept.append(one)
        if len(kept) > 30:
            kept.pop(draw.randrange(30))
    return kept


def timed(make: Callable[[], Loop], steps: int, watcher: Callable[..., Any], flip: int) -> dict[str, list[float]]:
    """CPU and wall seconds of one pair, [unwatched, watched]: of the whole, and of the second half of the steps.

    Blocks of steps run in turns, so that a machine that grows slower or faster meanwhile is so for both.
    """
    sides = [Side(make, None), Side(make, watcher)]
    block = max(1, steps // BLOCKS)
    total = {name: [0.0, 0.0] for name in ("whole", "steady", "wall")}
    for index in range(BLOCKS):
        for side in (0, 1) if (index + flip) % 2 else (1, 0):
            cpu, wall = sides[side].run(block)
            total["whole"][side] += cpu
            if index >= BLOCKS // 2:
                total["steady"][side] += cpu
                total["wall"][side] += wall
    for side, one in enumerate(sides):
        total["whole"][side] += one.close()[0]
    total["steps"] = [float(block * (BLOCKS - BLOCKS // 2))]
    return total


def pairs(make: Callable[[], Loop], steps: int, watcher: Callable[..., Any], count: int) -> dict[str, float]:
    """The figures of `count` pairs."""
    seen = [timed(make, steps, watcher, index) for index in range(count)]
    ratio = {name: [one[name][1] / one[name][0] for one in seen] for name in ("whole", "steady", "wall")}
    quarters = statistics.quantiles(ratio["steady"], n=4) if count > 1 else ratio["steady"] * 3
    return {
        "step_ms": 1000 * statistics.median(one["steady"][0] / one["steps"][0] for one in seen),
        **{name: statistics.median(values) for name, values in ratio.items()},
        "low": quarters[0],
        "high": quarters[2],
    }


def settle() -> None:
    """Let the allocator keep what is freed: else page faults differ from process to process by more than what is measured."""
    wanted = {"MALLOC_MMAP_THRESHOLD_": str(1 << 25), "MALLOC_TRIM_THRESHOLD_": str(1 << 32)}
    wanted.update(MALLOC_TOP_PAD_=str(1 << 26), OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")
    if any(os.environ.get(name) != value for name, value in wanted.items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **wanted})


def peers(name: str) -> dict[str, Callable[..., Any]]:
    """The peers that are installed and can watch this model."""
    from watching_peers import PEERS

    return {one.title: one.watch for one in PEERS if one.fits(name)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--only", help="part of a model's name")
    parser.add_argument("--mode", choices=["default", "all"], help="only this one")
    parser.add_argument("--scale", type=float, default=1.0, help="times as many steps")
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--json")
    args = parser.parse_args()
    settle()
    torch.set_num_threads(1)
    rows = []
    print(f"{'model':<14} {'watcher':<26} {'step':>9} {'whole':>7} {'steady':>7}  quartiles        {'wall':>6}")
    for name, (make, steps) in MODELS.items():
        if args.only and args.only not in name:
            continue
        watchers: dict[str, Callable[..., Any]] = {}
        if args.mode in (None, "default"):
            watchers["babysit, 1 %"] = ours()
        if args.mode in (None, "all") and not name.startswith("step 0"):
            watchers["babysit, every step"] = ours(overhead="all")
        if args.peers:
            watchers.update(peers(name))
        for title, watcher in watchers.items():
            try:
                row = pairs(make, max(20, int(steps * args.scale)), watcher, args.pairs)
            except EOFError:  # its training broke: the traceback was printed
                print(f"{name:<14} {title:<26} broke the training", flush=True)
                continue
            rows.append({"model": name, "watcher": title, **row})
            print(
                f"{name:<14} {title:<26} {row['step_ms']:>6.2f} ms {row['whole']:>7.3f} {row['steady']:>7.3f}"
                f"  {row['low']:.3f} .. {row['high']:.3f}  {row['wall']:>6.3f}",
                flush=True,
            )
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump({"schema": 1, "threads": torch.get_num_threads(), "rows": rows}, file, indent=1)


if __name__ == "__main__":
    main()
