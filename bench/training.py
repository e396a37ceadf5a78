"""What the training loop costs beside one written by hand: `python bench/training.py [--json FILE]`.

Both train the same network from the same start on the same batches with the same validation after each
epoch, in one process, taking turns; the ratio of each pair counts, the median of all pairs is printed.
Wanted: at most 1.05. The loop by hand is what a careful person writes: tensors on the device, a
shuffled index, no DataLoader, no `.item()` in the loop. It is timed with the optimizer as
`torch.optim` makes it by default, and with the same fused one that babysit takes.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from babysit import Recipe
from babysit.data import Part, Split, load
from babysit.record import Run
from babysit.trainer import Training


def by_hand(network: nn.Module, train: tuple[Tensor, Tensor], val: tuple[Tensor, Tensor], recipe: Recipe, fused: bool):
    """One epoch after another of the plain loop, as a function to be called for each."""
    x, y = train
    optimizer = torch.optim.Adam(network.parameters(), lr=recipe.lr, fused=fused or None)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, recipe.epochs * -(-len(y) // recipe.batch))

    def epoch() -> None:
        network.train()
        total = torch.zeros(())
        for index in torch.randperm(len(y)).split(recipe.batch):
            loss = F.cross_entropy(network(x[index]), y[index])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.detach()
        network.eval()
        with torch.inference_mode():
            outputs = network(val[0])
            F.cross_entropy(outputs, val[1]).item()
            (outputs.argmax(1) == val[1]).float().mean().item()

    return epoch


def seconds(work: Callable[[], object]) -> float:
    """Wall seconds of one call."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def compare(recipe: Recipe, split: Split, rounds: int, epochs: int) -> dict[str, float]:
    """Median ratios of our loop, with and without a record, to the loop by hand."""
    recipe = recipe.edit(epochs=100_000)
    ours = Training(recipe, split)
    recorded = Training(recipe, split, record=Run(keep=2000))
    train, val = ((one.x, one.y) for one in (ours.prepared.train, ours.prepared.val))
    rivals = {
        "fit": ours.epoch,
        "fit, recorded": recorded.epoch,
        "by hand": by_hand(Training(recipe, split).body, train, val, recipe, fused=False),
        "by hand, fused": by_hand(Training(recipe, split).body, train, val, recipe, fused=True),
    }
    times: dict[str, list[float]] = {name: [] for name in rivals}
    for turn in range(rounds + 1):
        for name, epoch in rivals.items() if turn % 2 else reversed(rivals.items()):
            took = seconds(lambda epoch=epoch: [epoch() for _ in range(epochs)])
            if turn:  # the first warms up
                times[name].append(took / epochs)
    found = {"epoch_ms": statistics.median(times["by hand"]) * 1e3}
    for name in ("fit", "fit, recorded"):
        for rival in ("by hand", "by hand, fused"):
            ratios = [mine / theirs for mine, theirs in zip(times[name], times[rival], strict=True)]
            found[f"{name} / {rival}"] = statistics.median(ratios)
    return found


def images(count: int = 1024) -> Split:
    """Noise of the size of CIFAR-10's images."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(0, 256, (count + 256, 3, 32, 32), generator=generator, dtype=torch.uint8)
    y = torch.randint(0, 10, (count + 256,), generator=generator)
    train, val = Part(x[:count], y[:count]), Part(x[count:], y[count:])
    names = tuple(map(str, range(10)))
    return Split(train, val, val, "classification", names, (), "noise", None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=41)
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    torch.set_num_threads(1)
    digits = Recipe(data="digits", model="mlp")
    cases = {
        "MLP on digits": (digits, load(digits), options.rounds, 5),
        "ConvNet on 32x32 images": (Recipe(data="noise", model="convnet", width=16, batch=64), images(), max(9, options.rounds // 4), 1),
    }  # fmt: skip
    found = {name: compare(*case) for name, case in cases.items()}
    for name, row in found.items():
        print(f"{name}: {row.pop('epoch_ms'):.1f} ms an epoch by hand")
        for pair, ratio in row.items():
            print(f"  {pair:32s} {ratio:.3f}")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(found, file, indent=2)


if __name__ == "__main__":
    main()
