"""Training and evaluation mode on the same batch, once running statistics have had time to settle."""

from __future__ import annotations

import math
import time

import torch
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from ...checks import CannotJudge
from ...record import Run
from .asking import Asking
from .step import Body

PASSES = 60
"""Forward passes before the comparison: with PyTorch's momentum of 0.1 the start weighs 0.2 % after them."""
LEAST = 25
"""The same where time is short: the start weighs 7 %."""


def look(asking: Asking) -> Run:
    """`loss.train_mode`, `loss.eval_mode` (dropout off in both), `loss.eval_again` (a second pass over the same batch),
    `norm.batch` (values per channel that batch norm averages over); the facts `dependent` (classes of modules that
    behave differently in the two modes) and `always_dropped` (F.dropout that is on in evaluation mode).
    """
    step, run = asking.playable(), Run()
    body = asking.fresh()
    modules = [one for model in body.modules for one in model.modules()]
    norms = [one for one in modules if isinstance(one, _BatchNorm)]
    dropout = [one for one in modules if isinstance(one, _DropoutNd)]
    run.set_fact("dependent", sorted({type(one).__name__ for one in [*norms, *dropout]}))
    _flags(asking, run)
    with torch.no_grad():
        torch.manual_seed(0)
        first = step.play(body, training=False)
        torch.manual_seed(1)
        again = step.play(body, training=False)
    run.set_fact("always_dropped", first.always_dropped)
    run.append(0, {("loss.eval_mode", ""): float(first.loss), ("loss.eval_again", ""): float(again.loss)})
    if not norms:
        return run
    for one in dropout:
        one.p = 0.0
    _settle(asking, body)
    run.append(0, {("norm.batch", ""): float(_values_per_channel(asking, body, norms))})
    with torch.no_grad():
        torch.manual_seed(0)
        trained = float(step.play(body, training=True, listen=False).loss)
        torch.manual_seed(0)
        evaluated = float(step.play(body, training=False, listen=False).loss)
    if not (math.isfinite(trained) and math.isfinite(evaluated)):
        raise CannotJudge(f"the loss is {trained:g} in training mode and {evaluated:g} in evaluation mode")
    run.append(1, {("loss.train_mode", ""): trained, ("loss.eval_mode", ""): evaluated})
    run.set_fact("momentum", min((one.momentum for one in norms if one.momentum is not None), default=0.1))
    return run


def _flags(asking: Asking, run: Run) -> None:
    """`mode.train` and `mode.val`: the share of training and of validation batches that ran in training mode."""
    subject = asking.subject
    trained = {value for batch in subject.trained.batches for value in batch.hashes}
    models = {batch.model for batch in subject.trained.batches}
    if subject.trained.batches:
        run.append(0, {("mode.train", ""): _share([one.training for one in subject.trained.batches])})
    held_out = [one for one in subject.evaluated.batches
                if one.model in models and len(one.hashes) >= 2 and not trained & set(one.hashes)]  # fmt: skip
    given = [value for one in held_out for value in one.hashes]
    sampled = len(given) >= 2 * len(set(given))  # the same examples again and again: dropout kept on purpose
    if held_out and not sampled:
        run.append(0, {("mode.val", ""): _share([one.training for one in held_out])})


def _share(flags: list[bool]) -> float:
    return sum(flags) / len(flags)


def _settle(asking: Asking, body: Body) -> None:
    steps = asking.subject.recorded
    began, half = time.monotonic(), (asking.until - time.monotonic()) / 2
    with torch.no_grad():
        for number in range(PASSES):
            asking.check_time()
            if number >= LEAST and time.monotonic() - began > half:
                return
            steps[number % len(steps)].play(body, training=True, listen=False)


def _values_per_channel(asking: Asking, body: Body, norms: list[_BatchNorm]) -> int:
    fewest = [1 << 60]
    handles = [
        one.register_forward_pre_hook(lambda module, inputs: fewest.append(inputs[0].numel() // inputs[0].shape[1]))
        for one in norms
    ]
    with torch.no_grad():
        asking.playable().play(body, training=True, listen=False)
    for handle in handles:
        handle.remove()
    return min(fewest)
