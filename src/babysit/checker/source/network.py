"""Layers, activations and starting weights, written."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Any

from .places import (
    Change,
    add_argument,
    after,
    calls_of,
    keyword,
    lines_before,
    literal,
    name_of,
    span,
    statement_of,
    the_model,
    the_optimizer,
)

_MODULES = {
    "relu": "ReLU", "leaky_relu": "LeakyReLU", "sigmoid": "Sigmoid", "tanh": "Tanh", "elu": "ELU", "gelu": "GELU",
}  # fmt: skip
_WEIGHTED = ("Linear", "Conv1d", "Conv2d")
_NORM = {"Linear": "BatchNorm1d", "Conv1d": "BatchNorm1d", "Conv2d": "BatchNorm2d"}


def _activation(tree: ast.AST, text: str, value: Any) -> list[Change]:
    if not isinstance(value, Mapping):
        return []
    if "none" in value:
        return _between(tree, _MODULES[value["none"]])
    changes: list[Change] = []
    for old, new in value.items():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Attribute | ast.Name):
                continue
            name = name_of(node)
            called = isinstance(node, ast.Attribute) and name_of(node.value) in ("F", "torch", "functional")
            fresh = _MODULES[new] if name == _MODULES.get(old) else new if name == old and called else None
            if fresh is not None:
                end = (node.end_lineno or 0, node.end_col_offset or 0)
                changes.append((end[0], end[1] - len(name), *end, fresh))
    return changes


def _weighted(call: ast.AST) -> bool:
    return isinstance(call, ast.Call) and name_of(call.func) in _WEIGHTED and len(call.args) >= 2


def _prefix(call: ast.Call) -> str:
    """`nn.` of `nn.Linear`."""
    return f"{ast.unparse(call.func.value)}." if isinstance(call.func, ast.Attribute) else ""


def _between(tree: ast.AST, name: str) -> list[Change]:
    """An activation between two layers that follow each other in a Sequential."""
    return [
        after(one, f", {_prefix(one)}{name}()")
        for outer in calls_of(tree, "Sequential")
        for one, other in zip(outer.args, outer.args[1:], strict=False)
        if _weighted(one) and _weighted(other) and isinstance(one, ast.Call)
    ]


def _norm(tree: ast.AST, text: str, value: Any) -> list[Change]:
    """Batch normalization after each layer but the last of the one Sequential that holds them all."""
    layers = [node for node in ast.walk(tree) if _weighted(node)]
    outer = [one for one in calls_of(tree, "Sequential") if any(_weighted(arg) for arg in one.args)]
    if value != "batch" or len(outer) != 1 or len(layers) < 2:
        return []
    inside = [arg for arg in outer[0].args if _weighted(arg)]
    if len(inside) != len(layers):
        return []
    return [
        after(one, f", {_prefix(one)}{_NORM[name_of(one.func)]}({ast.unparse(one.args[1])})")
        for one in inside[:-1]
        if isinstance(one, ast.Call)
    ]


def _norm_momentum(tree: ast.AST, text: str, value: Any) -> list[Change]:
    changes: list[Change] = []
    for call in calls_of(tree, "BatchNorm1d", "BatchNorm2d", "BatchNorm3d"):
        given = keyword(call, "momentum")
        number = literal(tree, given)
        if given is None:
            changes += add_argument(call, f"momentum={value:g}")
        elif number is not None:
            changes.append(span(number, f"{value:g}"))
    return sorted(set(changes))


def _dropout(tree: ast.AST, text: str, value: Any) -> list[Change]:
    changes: list[Change] = []
    for call in calls_of(tree, "Dropout", "Dropout1d", "Dropout2d"):
        number = literal(tree, keyword(call, "p") or (call.args[0] if call.args else None))
        if number is None:
            return []
        changes.append(span(number, f"{float(value):g}"))
    return sorted(set(changes))


def _init(tree: ast.AST, text: str, value: Any) -> list[Change]:
    """After the optimizer's construction nothing may replace parameters, so start them right before it."""
    rule = {
        "he": "nn.init.kaiming_normal_(module.weight, nonlinearity='relu')",
        "xavier": "nn.init.xavier_normal_(module.weight)",
        "orthogonal": "nn.init.orthogonal_(module.weight)",
        "lecun": "nn.init.kaiming_normal_(module.weight, nonlinearity='linear')",
    }.get(str(value))
    model, call = the_model(tree), the_optimizer(tree)
    if rule is None or not model or call is None:
        return []
    nn = "nn" if "nn" in set(_imported(tree)) else "torch.nn"
    return lines_before(
        statement_of(tree, call),
        f"for module in {model}.modules():",
        f"    if isinstance(module, ({nn}.Linear, {nn}.Conv2d)):",
        f"        {rule.replace('nn.', f'{nn}.', 1)}",
        "        if module.bias is not None:",
        f"            {nn}.init.zeros_(module.bias)",
    )


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from (one.asname or one.name for one in node.names)


WRITERS = {
    "activation": _activation,
    "norm": _norm,
    "norm_momentum": _norm_momentum,
    "dropout": _dropout,
    "init": _init,
}
