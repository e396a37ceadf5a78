"""PyTorch's update rules over stacked parameters, with every number of a rule one per lane.

The parameters of L lanes lie in one flat arena, parameter by parameter, each a block (L, n). What is the same for all
lanes runs over the arena in slices that stay in the cache; what differs by lane is broadcast over the blocks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from .state import SLOTS

SLICE = 1 << 16
"""Elements of the arena updated together: a few such slices fit into a core's cache."""
EPS = {"adam": 1e-8, "adamw": 1e-8, "rmsprop": 1e-8, "adagrad": 1e-10}
BETA2, ALPHA = 0.999, 0.99


class Arena:
    """Tensors of L lanes side by side: `blocks[name]` is (L, *shape), `flat` all of them in one."""

    def __init__(self, shapes: Mapping[str, Sequence[int]], lanes: int, device: torch.device) -> None:
        self.shapes = {name: tuple(shape) for name, shape in shapes.items()}
        self.lanes = lanes
        sizes = {name: math.prod(shape) for name, shape in self.shapes.items()}
        self.flat = torch.zeros(lanes * sum(sizes.values()), device=device)
        self.blocks: dict[str, Tensor] = {}
        self.rows: dict[str, Tensor] = {}
        start = 0
        for name, shape in self.shapes.items():
            part = self.flat[start : start + lanes * sizes[name]]
            self.blocks[name], self.rows[name] = part.view(lanes, *shape), part.view(lanes, sizes[name])
            start += lanes * sizes[name]

    def put(self, lane: int, name: str, value: Tensor) -> None:
        """Set one lane's tensor."""
        self.blocks[name][lane].copy_(value)

    def take(self, lane: int, name: str) -> Tensor:
        """A copy of one lane's tensor."""
        return self.blocks[name][lane].clone()


class Update:
    """One step for all lanes.

    Args:
        kind: of a recipe's optimizers.
        shapes: of one lane's parameters; those of two dimensions and more decay.

    Attributes:
        p, g: arenas of the parameters and their gradients; `held` what the rule keeps ("m", "v").
    """

    def __init__(self, kind: str, shapes: Mapping[str, Sequence[int]], lanes: int, device: torch.device) -> None:
        self.kind, self.lanes, self.device = kind, lanes, device
        self.p, self.g = Arena(shapes, lanes, device), Arena(shapes, lanes, device)
        self.held = {slot: Arena(shapes, lanes, device) for slot in SLOTS[kind]}
        size = self.p.flat.numel()
        self._scratch = torch.empty(size, device=device)
        step = SLICE if device.type == "cpu" else size
        self._slices = [slice(start, min(start + step, size)) for start in range(0, size, step)] if size else []
        self._decaying = [name for name, shape in self.p.shapes.items() if len(shape) >= 2]
        start = 0
        self._d: dict[str, Tensor] = {}
        for name, rows in self.p.rows.items():
            self._d[name] = self._scratch[start : start + rows.numel()].view(rows.shape)
            start += rows.numel()

    def numbers(
        self, lr: np.ndarray, step: np.ndarray, momentum: np.ndarray, decay: np.ndarray, clip: np.ndarray
    ) -> None:
        """Set what the next steps need.

        Args:
            lr: (S, L) learning rates of S steps to come.
            step: (L,) steps that each lane has done.
            momentum, decay, clip: (L,); clip is infinite where nothing is clipped.
        """
        ones = np.ones_like(lr)
        count = step[None, :] + 1 + np.arange(len(lr))[:, None]
        size, eps = lr, EPS.get(self.kind, 0.0) * ones
        self._one = self._same_step(count, momentum)
        if self._one is not None:
            size = -lr
        elif self.kind in ("adam", "adamw"):
            root = np.sqrt(1 - BETA2**count)
            size, eps = lr * root / (1 - momentum[None, :] ** count), eps * root
        self._size = self._tensor(-size)
        even = bool((eps == eps[:, :1]).all())
        self._eps = eps[:, 0].tolist() if even else None
        self._eps_lanes = None if even else self._tensor(eps)
        one = bool((momentum == momentum[0]).all()) if len(momentum) else True
        self._momentum = float(momentum[0]) if one else None
        self._momenta = None if one else self._tensor(momentum[None])[0]
        self._moves = None if one else self._tensor(1 - momentum[None])[0]
        self._decays = bool((decay > 0).any())
        told = lr * decay[None, :] if self.kind == "adamw" else np.broadcast_to(decay[None, :], lr.shape)
        self._decay = self._tensor(1 - told if self.kind == "adamw" else told) if self._decays else None
        self._clips = bool(np.isfinite(clip).any())
        self._clip = self._tensor(np.where(np.isfinite(clip), clip, 3e38)[None])[0] if self._clips else None

    def step(self, number: int) -> None:
        """The step `number` of those that `numbers` was told of."""
        if self._clips:
            self._clip_norms()
        if self._decays:
            self._apply_decay(number)
        if self.kind in ("adam", "adamw"):
            self._adam(number)
        elif self.kind in ("rmsprop", "adagrad"):
            self._adaptive(number)
        else:
            self._sgd(number)

    def _same_step(self, count: np.ndarray, momentum: np.ndarray) -> Tensor | None:
        """The steps (S,) that Adam's fused kernel may be told, None where lanes differ in more than their rates."""
        fits = self.kind in ("adam", "adamw") and self.device.type == "cpu" and hasattr(torch, "_fused_adam_")
        alike = fits and bool((count == count[:, :1]).all()) and bool((momentum == momentum[0]).all())
        return torch.from_numpy(count[:, 0].astype(np.float32)) if alike else None

    def _tensor(self, values: np.ndarray) -> Tensor:
        """(S, L) as (S, L, 1) float32 on the device."""
        return torch.from_numpy(np.ascontiguousarray(values, np.float32)).unsqueeze(-1).to(self.device)

    def _clip_norms(self) -> None:
        total: Tensor | None = None
        for rows in self.g.rows.values():
            squares = torch.linalg.vector_norm(rows, dim=1).square_()
            total = squares if total is None else total.add_(squares)
        assert total is not None
        assert self._clip is not None
        factor = (self._clip / (total.sqrt_().unsqueeze(-1) + 1e-6)).clamp_(max=1.0)
        for rows in self.g.rows.values():
            rows.mul_(factor)

    def _apply_decay(self, number: int) -> None:
        assert self._decay is not None
        decay = self._decay[number]
        for name in self._decaying:
            if self.kind == "adamw":
                self.p.rows[name].mul_(decay)
            else:
                self.g.rows[name].addcmul_(self.p.rows[name], decay)

    def _adam(self, number: int) -> None:
        if self._one is not None:
            self._adam_fused(number)
            return
        m, v, g, d = self.held["m"], self.held["v"], self.g, self._scratch
        if self._momentum is None:
            assert self._moves is not None
            for name, rows in m.rows.items():
                rows.lerp_(g.rows[name], self._moves.expand_as(rows))
        for part in self._slices:
            if self._momentum is not None:
                m.flat[part].lerp_(g.flat[part], 1 - self._momentum)
            square = v.flat[part].mul_(BETA2).addcmul_(g.flat[part], g.flat[part], value=1 - BETA2)
            root = torch.sqrt(square, out=d[part])
            if self._eps is not None:
                torch.div(m.flat[part], root.add_(self._eps[number]), out=root)
        if self._eps is None:
            assert self._eps_lanes is not None
            for name, rows in self._d.items():
                torch.div(m.rows[name], rows.add_(self._eps_lanes[number]), out=rows)
        self._move(number, self._d)

    def _adam_fused(self, number: int) -> None:
        """Where all lanes stand at the same step with the same momentum: PyTorch's kernel of one pass, which moves a
        scratch that starts at 0 by one whole unit; what differs by lane, its rate, then scales that."""
        assert self._one is not None
        assert self._momentum is not None
        m, v = self.held["m"].flat, self.held["v"].flat
        torch._fused_adam_(
            [self._scratch.zero_()], [self.g.flat], [m], [v], [], [self._one[number]], lr=1.0, beta1=self._momentum,
            beta2=BETA2, weight_decay=0.0, eps=EPS["adam"], amsgrad=False, maximize=False,
        )  # fmt: skip
        self._move(number, self._d)

    def _adaptive(self, number: int) -> None:
        v, g, d = self.held["v"], self.g, self._scratch
        for part in self._slices:
            grad = g.flat[part]
            if self.kind == "rmsprop":
                square = v.flat[part].mul_(ALPHA).addcmul_(grad, grad, value=1 - ALPHA)
            else:
                square = v.flat[part].addcmul_(grad, grad)
            root = torch.sqrt(square, out=d[part]).add_(EPS[self.kind])
            torch.div(grad, root, out=root)
        if self.kind == "rmsprop":
            self._gather(self._d)
            self._move(number, self.held["m"].rows)
        else:
            self._move(number, self._d)

    def _sgd(self, number: int) -> None:
        if self.kind == "sgd":
            self._move(number, self.g.rows)
            return
        self._gather(self.g.rows)
        m = self.held["m"]
        if self.kind == "momentum":
            self._move(number, m.rows)
            return
        if self._momentum is not None:
            for part in self._slices:
                torch.add(self.g.flat[part], m.flat[part], alpha=self._momentum, out=self._scratch[part])
        else:
            assert self._momenta is not None
            for name, rows in m.rows.items():
                torch.addcmul(self.g.rows[name], rows, self._momenta, out=self._d[name])
        self._move(number, self._d)

    def _gather(self, fresh: Mapping[str, Tensor]) -> None:
        """m = momentum * m + fresh."""
        m = self.held["m"]
        for name, rows in m.rows.items():
            rows.mul_(self._momentum if self._momentum is not None else self._momenta).add_(fresh[name])  # type: ignore[arg-type]

    def _move(self, number: int, along: Mapping[str, Tensor]) -> None:
        size = self._size[number]
        for name, rows in self.p.rows.items():
            rows.addcmul_(along[name], size)
