"""What other packages that look into a training cost, for bench/watching.py; only those that can be imported.

wandb.watch: histograms of every parameter and gradient at each step, offline. Cockpit: its "economy" quantities at each
step; it needs BackPACK, which knows sequences of simple layers only. torchmortem: its default ("balanced") and its
"fast" sampling. torch-audit: every step, and each 1,000th, which its page recommends.
"""

from __future__ import annotations

import importlib.util
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch.nn.functional as F

Watch = Callable[[Any], AbstractContextManager[None]]


@contextmanager
def wandb(loop: Any) -> Iterator[None]:
    """https://docs.wandb.ai: watch(log="all", log_freq=1), and the loss logged."""
    os.environ.update(WANDB_MODE="offline", WANDB_SILENT="true", WANDB_DIR=tempfile.mkdtemp())
    import wandb  # type: ignore[import-not-found]

    run = wandb.init(project="bench")
    wandb.watch(loop.model, log="all", log_freq=1)
    loop.after = lambda loss: run.log({"loss": loss.item()})
    yield
    wandb.unwatch(loop.model)
    run.finish()


@contextmanager
def cockpit(loop: Any) -> Iterator[None]:
    """Schneider, Dangel, Hennig 2021: Cockpit(configuration("economy"))."""
    from backpack import extend  # type: ignore[import-not-found]
    from cockpit import Cockpit  # type: ignore[import-not-found]
    from cockpit.utils.configuration import configuration  # type: ignore[import-not-found]

    extend(loop.model)
    instruments = Cockpit(loop.model.parameters(), quantities=configuration("economy"))

    def backward(loss: Any, output: Any, targets: Any, step: int) -> None:
        losses = F.cross_entropy(output, targets, reduction="none")
        told = {"batch_size": len(targets), "individual_losses": losses, "loss": loss, "optimizer": loop.optimizer}
        with instruments(step, info=told):
            loss.backward(create_graph=instruments.create_graph(step))

    loop.backward = backward
    yield
    loop.backward = None


@contextmanager
def torchmortem(loop: Any, sampling: str) -> Iterator[None]:
    """https://pypi.org/project/torchmortem: Autopsy, told the loss after each step."""
    from torchmortem import Autopsy  # type: ignore[import-not-found]

    with Autopsy(loop.model, optimizer=loop.optimizer, sampling=sampling) as autopsy:
        loop.after = lambda loss: autopsy.step(loss=loss.item())
        yield
        loop.after = None


@contextmanager
def torch_audit(loop: Any, every: int) -> Iterator[None]:
    """https://pypi.org/project/torch-audit: autopatch, with no reporter."""
    from torch_audit import autopatch  # type: ignore[import-not-found]

    auditor = autopatch(loop.model, optimizer=loop.optimizer, every_n_steps=every, reporters=[])
    yield
    auditor.finish(report=False)
    auditor.unpatch()


@dataclass
class Peer:
    """One of them."""

    title: str
    package: str
    watch: Watch
    models: tuple[str, ...] = ("",)  # beginnings of the names of those it can watch

    def fits(self, name: str) -> bool:
        """Is it installed, and does it know such a model?"""
        return importlib.util.find_spec(self.package) is not None and name.startswith(self.models)


PEERS = [
    Peer("wandb.watch, every step", "wandb", wandb),
    Peer("cockpit, economy", "cockpit", cockpit, ("step", "mlp")),
    Peer("torchmortem, balanced", "torchmortem", partial(torchmortem, sampling="balanced")),
    Peer("torchmortem, fast", "torchmortem", partial(torchmortem, sampling="fast")),
    Peer("torch-audit, every step", "torch_audit", partial(torch_audit, every=1)),
    Peer("torch-audit, each 1,000th", "torch_audit", partial(torch_audit, every=1000)),
]
