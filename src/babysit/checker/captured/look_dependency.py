"""Do examples leak into one another, or the future into the past? By changing some and looking at the others."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from ...checks import CannotJudge
from ...record import Run
from .asking import Asking
from .step import Body, Ref, Step


def look(asking: Asking) -> Run:
    """The fact `dependency`: {"examples": …, "future": …}, the largest change of an output by another example or by a
    later position, relative to the outputs' spread, in evaluation mode; a key is missing where it can't be told, and
    `why` says why.
    """
    step, run = asking.playable(), Run()
    body = asking.fresh().mode(False)
    if step.size < 2 or not step.inputs:
        raise CannotJudge("there are no two examples in a batch")
    inputs = {slot: step.outside[slot] for slot in step.inputs}
    found: dict[str, object] = {}
    base = _outputs(step, body, {})
    if _differ(base, _outputs(step, body, {})) > 1e-6:
        raise CannotJudge("the model is random in evaluation mode too")
    if any(
        value.ndim == 2 and value.shape[0] == value.shape[1] == step.size
        for slot, value in step.outside.items()
        if slot != step.inputs[0]
    ):
        raise CannotJudge(
            "a matrix over pairs of examples goes in (a graph): examples depend on one another on purpose"
        )
    if _pairs(step):
        raise CannotJudge(
            "each example is told from the others of its batch (a contrastive loss), so they depend on one another"
        )
    half = step.size // 2
    kept = torch.arange(half)
    changed = {slot: _changed_examples(value, step.axis, half) for slot, value in inputs.items()}
    found["examples"] = _differ(_take(base, kept, step.size), _take(_outputs(step, body, changed), kept, step.size))
    future = _future(step, body, inputs, base)
    if isinstance(future, str):
        found["why"] = future
    else:
        found["future"] = future
    run.set_fact("dependency", found)
    return run


def _outputs(step: Step, body: Body, replace: dict[int, Tensor]) -> list[Tensor]:
    """What the models give: the outputs of each call that is not handed to another one."""
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(0)
        played = step.play(body, replace=replace, training=False, listen=False)
    models = [entry for entry in step.entries if isinstance(entry.call, int)]
    made = pytree.tree_leaves(models[-1].made, is_leaf=lambda one: isinstance(one, Ref)) if models else []
    found = [played.values[ref.slot] for ref in made if isinstance(ref, Ref)]
    return [
        one
        for one in found
        if one.is_floating_point() and one.ndim >= 1 and (step.size in one.shape[:2] or one.shape[0] % step.size == 0)
    ]


def _pairs(step: Step) -> bool:
    """Does the loss ask which of a batch's examples belong together?"""
    for call in step.calls:
        n = call.output.shape[0] if call.output.ndim == 2 else 0
        square = n >= 8 and call.output.shape[1] % n == 0 and call.target.ndim == 1 and len(call.target) == n
        if square and len(call.target.unique()) == n:
            return True
    return False


def _changed_examples(value: Tensor, axis: int, half: int) -> Tensor:
    """The second half of the examples changed: ids become the first half's, numbers others altogether."""
    value = value.clone()
    if value.ndim <= axis or value.shape[axis] <= half:
        return value
    rest = value.narrow(axis, half, value.shape[axis] - half)
    first = value.narrow(axis, 0, half)
    if value.is_floating_point():
        rest.copy_(rest.roll(1, axis) * -1.5 + 0.5)
    else:
        rest.narrow(axis, 0, half).copy_(first.clone())
    return value


def _take(outputs: list[Tensor], rows: Tensor, size: int) -> list[Tensor]:
    found = []
    for one in outputs:
        if one.shape[0] == size:
            found.append(one[rows])
        elif one.ndim >= 2 and one.shape[1] == size:
            found.append(one[:, rows])
        else:
            found.append(one.reshape(size, -1)[rows])
    return found


def _differ(a: list[Tensor], b: list[Tensor]) -> float:
    if not a:
        raise CannotJudge("the model gives nothing that belongs to single examples")
    largest = 0.0
    for one, other in zip(a, b, strict=True):
        spread = float(one.double().std(correction=0)) + 1e-12
        gap = float((one.double() - other.double()).abs().max()) if one.numel() else 0.0
        scale = max(spread, 1e-6 * float(one.double().abs().max()))
        largest = max(largest, gap / scale if scale else 0.0)
    return largest


def _future(step: Step, body: Body, inputs: dict[int, Tensor], base: list[Tensor]) -> float | str:
    slot = step.inputs[0]
    x = inputs[slot]
    call = step.main
    time = 1 if step.axis == 0 else 0
    if call is None or x.ndim < 2 or x.shape[time] < 4:
        return "it is no sequence"
    length = x.shape[time]
    seq = x if step.axis == 0 else x.transpose(0, 1)
    target = call.target
    if target.numel() not in (step.size * length, seq.numel()):
        return "it does not answer at every position"
    target = target.reshape(step.size, length, *(() if target.numel() == step.size * length else (-1,)))
    now = seq if seq.shape == target.shape else seq[..., 0] if seq.ndim == target.ndim + 1 else None
    if now is None or now.shape != target.shape:
        return "its targets are not its inputs' next values"
    same = (now[:, 1:].double() == target[:, :-1].double()).double().mean()
    if float(same) < 0.98:
        return "its targets are not its inputs' next values"
    cut = length // 2
    changed = seq.clone()
    changed[:, cut:] = (
        seq[:, cut:].roll(1, 0) * -1.5 + 0.5 if x.is_floating_point() else seq[:, cut:].roll(1, 0).flip(1)
    )
    changed = changed if step.axis == 0 else changed.transpose(0, 1)
    after = _outputs(step, body, {slot: changed.contiguous()})
    pairs = [
        (_positions(one, step, length), _positions(other, step, length)) for one, other in zip(base, after, strict=True)
    ]
    kept = [(one[:, :cut], other[:, :cut]) for one, other in pairs if one is not None and other is not None]
    if not kept:
        return "its outputs can't be told apart by position"
    return _differ([one for one, _ in kept], [other for _, other in kept])


def _positions(output: Tensor, step: Step, length: int) -> Tensor | None:
    """(N, T, …) of an output."""
    if output.ndim >= 2 and output.shape[:2] == (step.size, length):
        return output
    if output.ndim >= 2 and output.shape[:2] == (length, step.size):
        return output.transpose(0, 1)
    if output.shape[0] == step.size * length and step.axis == 0:
        return output.reshape(step.size, length, -1)
    if output.ndim == 3 and output.shape[0] == step.size and output.shape[2] == length:
        return output.transpose(1, 2)
    return None
