"""What the loss function really gets: shapes, probabilities or scores, the range that the last operation allows."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ...checks import CannotJudge
from ...record import Run
from .asking import Asking
from .step import Criterion, Step

_RANGES = {
    "SigmoidBackward0": (0.0, 1.0), "TanhBackward0": (-1.0, 1.0), "ReluBackward0": (0.0, math.inf),
    "SoftmaxBackward0": (0.0, 1.0), "LogSoftmaxBackward0": (-math.inf, 0.0), "SoftplusBackward0": (0.0, math.inf),
    "ExpBackward0": (0.0, math.inf), "LogSigmoidBackward0": (-math.inf, 0.0), "HardtanhBackward0": (-1.0, 1.0),
}  # fmt: skip
_SAME = ("ViewBackward0", "ReshapeAliasBackward0", "UnsafeViewBackward0", "SqueezeBackward0", "SqueezeBackward1", "SelectBackward0",
         "UnsqueezeBackward0", "TransposeBackward0", "PermuteBackward0", "SliceBackward0", "AliasBackward0", "CloneBackward0",
         "TBackward0", "SqueezeBackward2", "UnbindBackward0")  # fmt: skip


def look(asking: Asking) -> Run:
    """`output.*` and `target.*` of the main criterion as docs/readings.md has them; the facts `criteria`, `reach`
    ([low, high] that the last operation allows, and its name), `broadcast` (shapes of a hand-written difference).
    """
    step, run = asking.playable(), Run()
    subject = asking.subject
    played = step.play(asking.fresh())
    run.set_fact("task", {"kind": subject.kind, "classes": subject.classes})
    run.set_fact("composite", subject.composite)
    run.set_fact("turns", len(subject.body.optimizers) > 1)
    differences = _differences(step, played.values)
    if differences:
        run.set_fact("broadcast", differences[0])
    live = [call for call in played.calls if call.output.requires_grad]
    if not live:
        if differences:
            return run
        raise CannotJudge("the loss is not one of PyTorch's criteria")
    call = live[0]
    run.set_fact("criteria", [
        {"name": "", "kind": one.name, "reduction": one.reduction, "output_shape": list(one.output.shape), "target_shape": list(one.target.shape)}
        for one in live
    ])  # fmt: skip
    if len(live) == 1 and call.value is not None and call.value.ndim == 0:
        run.append(
            0, {("loss.train", ""): float(played.loss.detach()), ("loss.criterion", ""): float(call.value.detach())}
        )
    reach = _reach(call.output)
    if reach is not None:
        run.set_fact("reach", reach)
    for number, one in enumerate(live):
        run.append(
            0,
            {
                (f"output.{name}", "" if number == 0 else f"criterion{number}"): value
                for name, value in _shapes(one).items()
            },
        )
    outputs = (
        torch.cat(
            [
                one.output.detach().reshape(-1, *one.output.shape[1:])
                for one in subject.outputs()
                if one.output.shape[1:] == call.output.shape[1:] and one.output.ndim
            ]
        )
        if call.output.ndim
        else call.output
    )
    run.append(0, {(f"output.{name}", ""): value for name, value in _values(call.name, outputs).items()})
    y = subject.targets()
    if y.numel():
        run.append(0, {("target.min", ""): float(y.double().min()), ("target.max", ""): float(y.double().max())})
    return run


def _shapes(call: Criterion) -> dict[str, float]:
    ratio = call.output.numel() / max(1, call.target.numel())
    pairwise = call.name not in ("cross_entropy", "nll_loss", "multi_margin_loss", "multilabel_margin_loss")
    broadcast = pairwise and call.output.shape != call.target.shape and call.output.ndim and call.target.numel() != 1
    grows = False
    if broadcast:
        try:
            whole = torch.broadcast_shapes(call.output.shape, call.target.shape)
            grows = math.prod(whole) != max(call.output.numel(), call.target.numel())
        except RuntimeError:
            grows = False
    return {"numel_ratio": ratio if pairwise else 1.0, "broadcast": float(grows)}


def _values(name: str, outputs: Tensor) -> dict[str, float]:
    found = {"min": float(outputs.min()), "max": float(outputs.max()), "count": float(len(outputs) if outputs.ndim else 1),
             "std": float(outputs.double().std(correction=0)), "nonfinite": 1 - float(torch.isfinite(outputs).double().mean())}  # fmt: skip
    if outputs.ndim >= 2 and outputs.shape[1] > 1:
        found["row_sum_error"] = float((outputs.double().sum(1) - 1).abs().max()) if found["min"] >= 0 else -1.0
        found["log_row_sum_error"] = float((outputs.double().exp().sum(1) - 1).abs().max())
    return found


def _reach(output: Tensor) -> list[float | str] | None:
    """The range of the operation that made a tensor, looking through views."""
    node = output.grad_fn
    for _ in range(20):
        if node is None:
            return None
        name = type(node).__name__
        if name in _RANGES:
            low, high = _RANGES[name]
            return [low, high, name.removesuffix("Backward0").lower()]
        if name not in _SAME or not node.next_functions:
            return None
        node = node.next_functions[0][0]
    return None


def _differences(step: Step, values: dict[int, Tensor]) -> list[list[list[int]]]:
    """Shapes of hand-written differences of output (N, 1) and target (N,), which make (N, N)."""
    found = []
    for entry in step.entries:
        if getattr(entry.call, "__name__", "") not in ("sub", "rsub", "__rsub__", "mul", "__sub__"):
            continue
        refs = [one for one in entry.args if hasattr(one, "slot")]
        if len(refs) == 2:
            a, b = (values[ref.slot] for ref in refs)
            n = step.size
            if (
                n > 1
                and {tuple(a.shape), tuple(b.shape)} == {(n, 1), (n,)}
                and {refs[0].slot, refs[1].slot} & set(step.outside)
            ):
                found.append([list(a.shape), list(b.shape)])
    return found
