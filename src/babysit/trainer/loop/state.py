"""A training stopped anywhere, as tensors and plain values, and put back to the same bits."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..schedule import Plateau
from .epoch import Epoch
from .inner import Position

if TYPE_CHECKING:
    from .training import Training


def of(training: Training) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Everything that decides how it goes on: tensors by name, and plain JSON values."""
    now = training.position
    tensors = {f"model.{name}": one.detach().clone() for name, one in training.body.state_dict().items()}
    tensors |= {f"best.{name}": one for name, one in training.best_weights.items()}
    for index, held in training.optimizer.state_dict()["state"].items():
        for name, value in held.items():
            if value is not None:
                tensors[f"optimizer.{index}.{name}"] = torch.as_tensor(value).detach().clone()
    tensors |= {f"random.{name}": one for name, one in training.random.state().items()}
    tensors |= {"random.order": training.order.get_state(), "random.noise": training.noise.get_state()}
    if now.order is not None:
        tensors["pass.order"] = now.order
    fresh = torch.stack(now.fresh).tolist() if now.fresh else []
    plain = {
        "step": training.step,
        "seconds": training.seconds,
        "ended": training.ended,
        "history": [asdict(one) for one in training.history],
        "best": training.best.number if training.best else None,
        "plateau": asdict(training.plateau),
        "pass": {"done": now.done, "losses": [*now.losses, *fresh]},
    }
    return tensors, plain


def put_back(training: Training, tensors: dict[str, Tensor], plain: dict[str, Any]) -> None:
    """Go back to a state that `state` gave, here or in another process."""
    training.body.load_state_dict(_under(tensors, "model"))
    training.best_weights = _under(tensors, "best")
    held: dict[int, dict[str, Tensor]] = {}
    for name, value in _under(tensors, "optimizer").items():
        index, field = name.split(".", 1)
        held.setdefault(int(index), {})[field] = value.clone()
    training.optimizer.load_state_dict({**training.optimizer.state_dict(), "state": held})
    training.random.restore(_under(tensors, "random"))
    training.order.set_state(tensors["random.order"].cpu())
    training.noise.set_state(tensors["random.noise"].cpu())
    training.step, training.seconds, training.ended = plain["step"], plain["seconds"], plain["ended"]
    training.history = [Epoch(**one) for one in plain["history"]]
    training.best = training.history[plain["best"] - 1] if plain["best"] else None
    training.plateau = Plateau(**plain["plateau"])
    training.position = Position(
        order=tensors.get("pass.order"), done=plain["pass"]["done"], losses=plain["pass"]["losses"]
    )


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors named `prefix.…`, without the prefix."""
    return {name.removeprefix(f"{prefix}."): one for name, one in tensors.items() if name.startswith(f"{prefix}.")}
