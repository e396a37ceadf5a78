"""The loss of a batch against that of the same batch twice over."""

from __future__ import annotations

import torch

from ...checks import CannotJudge
from ...record import Run
from .asking import Asking


def look(asking: Asking) -> Run:
    """`loss.doubled`: the loss on the batch doubled over that on the batch, in evaluation mode: 1 for a mean, 2 for a sum."""
    step, run = asking.playable(), Run()
    if step.size < 1:
        raise CannotJudge("nothing was found that is a batch")
    body = asking.fresh()
    once = torch.arange(step.size)
    with torch.no_grad():
        losses = []
        for rows in (once, torch.cat([once, once])):
            torch.manual_seed(0)
            losses.append(float(step.play(body, rows=rows, training=False, listen=False).loss))
    if not losses[0] or losses[0] != losses[0]:
        raise CannotJudge(f"the loss is {losses[0]:g}")
    run.append(
        0,
        {
            ("loss.train", ""): losses[0],
            ("loss.doubled", ""): losses[1] / losses[0],
            ("batch.size", "0"): float(step.size),
        },
    )
    run.append(0, {("lr", ""): max(asking.subject.rates.values(), default=0.0)})
    call = step.main
    run.set_fact("criteria", [{"name": "", "kind": call.name, "reduction": call.reduction}] if call else [])
    kinds = [type(one).__name__ for one in body.optimizers]
    run.set_fact("optimizers", [{"index": number, "kind": kind} for number, kind in enumerate(kinds)])
    return run
