"""What the criterion gets and which criterion it is.

A softmax or sigmoid that stands before a loss is taken off exactly: the logits that it was given are
remembered on its result. Where a later operation lost the mark, the inverse is used: log p is the
logits up to a shift that cross-entropy doesn't see, and log(p / (1 - p)) is a sigmoid's input.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from . import field
from .stage import Call, Stage

_MARKED = ("softmax", "sigmoid", "log_softmax", "relu", "tanh", "dropout", "leaky_relu", "gelu")
_SHAPED = ("squeeze", "unsqueeze", "view", "reshape", "flatten", "__getitem__")
_FLOOR = 1e-12


def remember_inputs(stage: Stage) -> None:
    """Let the result of each activation know what it was made from (`_babysit_input`)."""

    def make(kind: str, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def marked(x: Tensor, *args: Any, **kwargs: Any) -> Any:
            result = original(x, *args, **kwargs)
            if isinstance(result, Tensor) and result is not x and torch.is_tensor(x):
                result._babysit_input = (kind, x)  # type: ignore[attr-defined]
            return result

        return marked

    if "marks" in stage._patched:
        return
    stage._patched.add("marks")
    for owner in (torch, F, Tensor):
        for kind in _MARKED:
            if callable(getattr(owner, kind, None)):
                stage.replace(owner, kind, functools.partial(make, kind))
    for owner in (torch, Tensor):
        for kind in _SHAPED:
            if callable(getattr(owner, kind, None)):
                stage.replace(owner, kind, _shaped)


def _shaped(original: Callable[..., Any]) -> Callable[..., Any]:
    """The same values in another shape keep the mark; what they were made from is shaped alike."""

    @functools.wraps(original)
    def shaped(x: Tensor, *args: Any, **kwargs: Any) -> Any:
        result = original(x, *args, **kwargs)
        mark = getattr(x, "_babysit_input", None)
        if mark and result is not x and result.numel() == x.numel():
            result._babysit_input = (mark[0], shaped(mark[1], *args, **kwargs))
        return result

    return shaped


def _before(x: Tensor, kinds: tuple[str, ...]) -> Tensor:
    """What `x` was before the activations of these kinds that end its making."""
    while (mark := getattr(x, "_babysit_input", None)) and mark[0] in kinds and mark[1].shape == x.shape:
        x = mark[1]
    return x


def _is_distribution(x: Tensor) -> bool:
    if x.ndim < 2 or not x.is_floating_point():
        return False
    total = x.detach().sum(1)
    return bool((x.detach() >= 0).all()) and bool(torch.allclose(total, torch.ones_like(total), atol=1e-3))


def logits_of(x: Tensor) -> Tensor:
    """The scores that a softmax was given; `x` itself where it is no distribution."""
    bare = _before(x, ("softmax", "dropout"))
    if bare is not x:
        return bare
    return x.clamp_min(_FLOOR).log() if _is_distribution(x) else x


def logits_of_sigmoid(x: Tensor) -> Tensor:
    """The scores that a sigmoid was given; `x` itself where it lies outside 0..1."""
    bare = _before(x, ("sigmoid", "dropout"))
    if bare is not x:
        return bare
    inside = bool(((x.detach() >= 0) & (x.detach() <= 1)).all())
    return torch.logit(x, eps=1e-7) if inside else x


@field("criterion_input")
def criterion_input(stage: Stage, value: Any) -> None:
    """The loss gets raw scores ("logits"), or log-probabilities where it wants those ("log_probabilities")."""
    remember_inputs(stage)

    def mend(call: Call) -> None:
        before = call.output
        if call.name == "cross_entropy":
            call.output = logits_of(call.output)
        elif call.name == "binary_cross_entropy_with_logits":
            call.output = logits_of_sigmoid(call.output)
        elif call.name in ("nll_loss", "kl_div") and value == "log_probabilities":
            call.output = torch.log_softmax(logits_of(call.output), 1)
        elif call.name == "binary_cross_entropy" and value == "logits":
            call.output = torch.sigmoid(_before(call.output, ("relu", "tanh")))
        if call.output is not before:
            stage.did()

    stage.on_criterion(mend)


@field("last_activation")
def last_activation(stage: Stage, value: Any) -> None:
    """The nonlinearity right before the loss is taken off ("none"): off the model where it is the model's last.

    Before a loss that wants probabilities of yes or no, a sigmoid stands in its place.
    """
    remember_inputs(stage)
    _Strip(stage)


class _Strip:
    """Takes the last nonlinearity off what the criterion gets.

    The first criterion call shows whether the model itself ends in it; from then on the model's own output is
    the bare one, so that whatever else the program does with it sees the change too.
    """

    KINDS = ("relu", "tanh", "sigmoid", "softmax", "leaky_relu", "gelu", "dropout")

    def __init__(self, stage: Stage) -> None:
        self.stage, self.name = stage, stage._now
        self.made: Tensor | None = None
        self.inside = False
        self.end: Callable[[Tensor], Tensor] = lambda scores: scores
        stage.on_output(self._output)
        stage.on_criterion(self._strip)
        stage.later(lambda: setattr(self, "made", None))

    def _output(self, model: Any, output: Tensor) -> Tensor:
        self.made = None
        bare = self._bare(output)
        if bare is output or not self.inside:
            self.made = output if bare is not output else None
            return output
        self.stage.did()
        return self.end(bare)

    def _strip(self, call: Call) -> None:
        bare = self._bare(call.output)
        if call.name == "binary_cross_entropy":
            self.end = torch.sigmoid
        if bare is call.output or self._is_sigmoid(call.output, bare):
            return
        if self.made is not None and self.made.data_ptr() == call.output.data_ptr():
            self.inside = True
        call.output = self.end(bare)
        self.stage.did()

    def _is_sigmoid(self, output: Tensor, bare: Tensor) -> bool:
        """Does it end as it is to end already?"""
        with torch.no_grad():
            return self.end is torch.sigmoid and torch.equal(output, torch.sigmoid(bare))

    def _bare(self, x: Tensor) -> Tensor:
        return _before(x, self.KINDS)


@field("criterion")
def criterion(stage: Stage, value: Any) -> None:
    """Another criterion: "cross_entropy" for classes, "bce_with_logits" for yes-or-no labels, "mse"."""
    remember_inputs(stage)

    def swap(call: Call) -> None:
        output, target = call.output, call.target
        if value == "cross_entropy" and call.name != "cross_entropy" and output.ndim >= 2 and output.shape[1] > 1:
            if target.shape == output.shape:
                target = target.argmax(1)
            elif target.numel() != output.shape[0] * max(1, output[0, 0].numel()):
                return
            else:
                target = target.reshape(output.shape[0], *output.shape[2:])
            scores = logits_of_sigmoid(logits_of(_before(output, ("relu", "tanh"))))
            call.name, call.output, call.target = "cross_entropy", scores, target.long()
        elif value == "bce_with_logits" and call.name != "binary_cross_entropy_with_logits":
            scores = logits_of_sigmoid(_before(output, ("softmax", "relu", "tanh")))
            if target.shape != scores.shape:
                if scores.ndim == 2 and scores.shape[1] > 1 and target.numel() == len(scores):
                    target = F.one_hot(target.reshape(-1).long(), scores.shape[1])
                elif target.numel() == scores.numel():
                    target = target.reshape(scores.shape)
                else:
                    return
            call.name, call.output, call.target = "binary_cross_entropy_with_logits", scores, target.to(scores.dtype)
        elif value == "mse" and call.name != "mse_loss" and output.numel() == target.numel():
            call.name, call.target = "mse_loss", target.reshape(output.shape).to(output.dtype)
        else:
            return
        call.arguments, call.options = (), {}
        stage.did()

    stage.on_criterion(swap)


@field("reduction")
def reduction(stage: Stage, value: Any) -> None:
    """The criterion averages over the batch ("mean")."""

    def mean(call: Call) -> None:
        if call.options.get("reduction", "mean") == "sum":
            call.options["reduction"] = str(value)
            stage.did()

    stage.on_criterion(mean)


@field("loss_sign")
def loss_sign(stage: Stage, value: Any) -> None:
    """The loss that backward is called on has its sign turned round."""

    def turn(loss: Tensor, gradient: Tensor | None) -> Tensor | None:
        stage.did()
        return -(torch.ones_like(loss) if gradient is None else gradient)

    stage.before_backward(turn)


@field("target_shape")
def target_shape(stage: Stage, value: Any) -> None:
    """Output and target that have equally many values get the same shape ("match")."""

    def match(call: Call) -> None:
        output, target = call.output, call.target
        if output.shape != target.shape and output.numel() == target.numel() and target.is_floating_point():
            call.target = target.reshape(output.shape)
            stage.did()

    stage.on_criterion(match)


@field("class_weights")
def class_weights(stage: Stage, value: Any) -> None:
    """Each class counts by its inverse frequency among the training labels seen so far ("balanced")."""
    counts: dict[int, Tensor] = {}

    def weigh(call: Call) -> None:
        labels, output = call.target.detach(), call.output
        if call.name in ("cross_entropy", "nll_loss") and not labels.is_floating_point() and output.ndim >= 2:
            classes = output.shape[1]
            own = counts.setdefault(classes, torch.zeros(classes, dtype=torch.float64))
            valid = labels.reshape(-1)[(labels.reshape(-1) >= 0) & (labels.reshape(-1) < classes)]
            if call.training:
                own += torch.bincount(valid.cpu(), minlength=classes)
            seen = own.clamp_min(1)
            weight = (seen.sum() / (classes * seen)).to(output)
            if call.arguments:  # F.cross_entropy(output, target, weight, …)
                call.arguments = (weight, *call.arguments[1:])
            else:
                call.options["weight"] = weight
            stage.did()
        elif call.name == "binary_cross_entropy_with_logits":
            own = counts.setdefault(2, torch.zeros(2, dtype=torch.float64))
            if call.training:
                ones = float(labels.sum())
                own += torch.tensor([labels.numel() - ones, ones], dtype=torch.float64)
            call.options["pos_weight"] = (own[0].clamp_min(1) / own[1].clamp_min(1)).to(output)
            stage.did()

    stage.on_criterion(weigh)


@field("penalty")
def penalty(stage: Stage, value: Any) -> None:
    """What the program itself adds to the criterion's value, and makes of the weights alone, is left out of the loss (0)."""
    values: list[Tensor] = []
    name = stage._now

    def computed(call: Call, result: Tensor) -> None:
        if call.training:
            values.append(result)

    def make(backward: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(backward)
        def without(loss: Tensor, gradient: Tensor | None = None, *args: Any, **kwargs: Any) -> None:
            own, values[:] = values[:], []
            if gradient is None and len(own) == 1 and own[0] is not loss and _of_weights_alone(loss, own[0]):
                (share,) = torch.autograd.grad(loss, own, retain_graph=True, allow_unused=True)
                if share is not None:
                    with stage.of(name):
                        stage.did()
                    loss, gradient = own[0], share
            backward(loss, gradient, *args, **kwargs)

        return without

    stage.after_criterion(computed)
    stage.replace(Tensor, "backward", make)


def _of_weights_alone(loss: Tensor, part: Tensor) -> bool:
    """Does the loss reach parameters on ways around `part` that share nothing with its making but parameters?"""
    mine = _graph(part.grad_fn, set())
    around = _graph(loss.grad_fn, {part.grad_fn})
    return any(map(_is_parameter, around)) and all(_is_parameter(node) for node in around & mine)


def _is_parameter(node: Any) -> bool:
    """Is it where a parameter's gradient is gathered?"""
    return hasattr(node, "variable")


def _graph(node: Any, stop: set[Any]) -> set[Any]:
    """All nodes that a node of the autograd graph rests on, without those in `stop`."""
    waiting, seen = [node], set(stop)
    found: set[Any] = set()
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        found.add(node)
        waiting.extend(following for following, _ in node.next_functions)
    return found
