"""What the criterion is and gets, written."""

from __future__ import annotations

import ast
from typing import Any

from .places import Change, calls_of, name_of, only, span

_LAST = {"criterion_input": ("Softmax", "Sigmoid", "LogSoftmax"), "last_activation": ("ReLU", "Tanh", "Sigmoid", "Softmax", "LeakyReLU", "GELU")}  # fmt: skip
_CALLED = {"criterion_input": ("softmax", "sigmoid"), "last_activation": ("softmax", "sigmoid")}
_NUMBERS = ("MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss", "BCEWithLogitsLoss")
_FUNCTIONS = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "binary_cross_entropy_with_logits")


def _taken_off(field: str) -> Any:
    """Take the one activation before the loss out: the last layer of a Sequential, or a call around the scores."""

    def write(tree: ast.AST, text: str, value: Any) -> list[Change]:
        if value not in ("logits", "none"):
            return []
        layers = [
            outer
            for outer in calls_of(tree, "Sequential")
            if len(outer.args) > 1 and isinstance(outer.args[-1], ast.Call) and name_of(outer.args[-1].func) in _LAST[field]
        ]  # fmt: skip
        calls = [c for c in calls_of(tree, *_CALLED[field]) if c.args or isinstance(c.func, ast.Attribute)]
        if len(layers) == 1 and not calls:
            before, last = layers[0].args[-2:]
            start = (before.end_lineno or 0, before.end_col_offset or 0)
            return [(*start, last.end_lineno or 0, last.end_col_offset or 0, "")]
        call = only(calls)
        if call is None or layers:
            return []
        functional = isinstance(call.func, ast.Name) or name_of(call.func.value) in ("F", "torch", "functional")
        inside = call.args[0] if functional else call.func.value
        return [span(call, ast.get_source_segment(text, inside) or ast.unparse(inside))]

    return write


def _reduction(tree: ast.AST, text: str, value: Any) -> list[Change]:
    given = [
        one.value
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        for one in call.keywords
        if one.arg == "reduction" and isinstance(one.value, ast.Constant) and one.value.value == "sum"
    ]
    found = only(given)
    return [span(found, f'"{value}"')] if found is not None else []


def _loss_sign(tree: ast.AST, text: str, value: Any) -> list[Change]:
    """`loss = -criterion(…)`: take the minus away."""
    found = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Call)
        and any(word in ast.unparse(node.operand.func).lower() for word in ("loss", "criterion", "entropy"))
    ]  # fmt: skip
    one = only(found)
    return [span(one, ast.get_source_segment(text, one.operand) or "")] if one is not None else []


def _target_shape(tree: ast.AST, text: str, value: Any) -> list[Change]:
    """Every call of a criterion of numbers gets its output in the target's shape."""
    names = {
        name_of(node.targets[0])
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and name_of(node.value.func) in _NUMBERS
    }
    calls = [call for call in calls_of(tree, *names, *_FUNCTIONS) if len(call.args) >= 2]
    if not calls or not all(isinstance(call.args[1], ast.Name | ast.Attribute | ast.Subscript) for call in calls):
        return []
    return [
        span(call.args[0], f"{ast.get_source_segment(text, call.args[0])}.view_as({ast.unparse(call.args[1])})")
        for call in calls
        if isinstance(call.args[0], ast.Name | ast.Call | ast.Attribute | ast.Subscript)
    ]


WRITERS = {
    "criterion_input": _taken_off("criterion_input"),
    "last_activation": _taken_off("last_activation"),
    "reduction": _reduction,
    "loss_sign": _loss_sign,
    "target_shape": _target_shape,
}
