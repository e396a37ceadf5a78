"""Random states of a training's own, so that trainings that take turns don't disturb one another."""

from __future__ import annotations

import torch
from torch import Tensor


class RandomStates:
    """PyTorch's global random state, the training's own while inside `with`, the caller's outside."""

    def __init__(self, seed: int, device: torch.device) -> None:
        self.device, self.inside = device, False
        generator = torch.Generator().manual_seed(seed_for(seed, "masks"))
        self._own = {"cpu": generator.get_state()}
        if device.type == "cuda":
            self._own["cuda"] = torch.Generator(device).manual_seed(seed_for(seed, "masks")).get_state()
        self._theirs: dict[str, Tensor] = {}

    def __enter__(self) -> None:
        self._theirs, self.inside = self._get(), True
        self._set(self._own)

    def __exit__(self, *error: object) -> None:
        self._own, self.inside = self._get(), False
        self._set(self._theirs)

    def state(self) -> dict[str, Tensor]:
        return self._get() if self.inside else dict(self._own)

    def restore(self, state: dict[str, Tensor]) -> None:
        self._own = {name: state[name].cpu() for name in self._own}

    def _get(self) -> dict[str, Tensor]:
        found = {"cpu": torch.get_rng_state()}
        if self.device.type == "cuda":
            found["cuda"] = torch.cuda.get_rng_state(self.device)
        return found

    def _set(self, state: dict[str, Tensor]) -> None:
        torch.set_rng_state(state["cpu"])
        if "cuda" in state:
            torch.cuda.set_rng_state(state["cuda"], self.device)


def seed_for(seed: int, use: str) -> int:
    """A seed of its own for each use, so that one's draws don't shift another's."""
    return (seed * 1_000_003 + {"order": 1, "masks": 2, "augment": 3}[use]) % (1 << 63)
