"""The optimizer's options, written: rate, decay, epsilon, the update rule, the schedule, clipping."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from .places import (
    Change,
    add_argument,
    calls_of,
    keyword,
    lines_after,
    literal,
    name_of,
    only,
    span,
    statement_of,
    the_optimizer,
    without,
)


def _number(value: Any, old: float) -> str:
    new = old * float(value[1:]) if isinstance(value, str) and value.startswith("*") else float(value)
    return f"{new:.3g}"


def _option(option: str, place: int | None = None) -> Callable[[ast.AST, str, Any], list[Change]]:
    def write(tree: ast.AST, text: str, value: Any) -> list[Change]:
        call = the_optimizer(tree)
        if call is None:
            return []
        given = keyword(call, option) or (call.args[place] if place is not None and len(call.args) > place else None)
        if given is None:
            relative = isinstance(value, str) and value.startswith("*")
            return [] if relative else add_argument(call, f"{option}={value}")
        number = literal(tree, given)
        return [span(number, _number(value, float(number.value)))] if number is not None else []  # type: ignore[arg-type]

    return write


def _betas(tree: ast.AST, text: str, value: Any) -> list[Change]:
    call = the_optimizer(tree)
    given = keyword(call, "betas") if call is not None else None
    return [span(given, f"({', '.join(f'{one:g}' for one in value)})")] if isinstance(given, ast.Tuple) else []


def _optimizer(tree: ast.AST, text: str, value: Any) -> list[Change]:
    call = the_optimizer(tree)
    rule, rate = value
    name = {"adam": "Adam", "adamw": "AdamW", "sgd": "SGD", "rmsprop": "RMSprop"}.get(str(rule))
    if call is None or name is None or (isinstance(rate, str) and rate.startswith("*")):
        return []
    given = keyword(call, "lr") or (call.args[1] if len(call.args) > 1 else None)
    named = literal(tree, given) if given is not None and not isinstance(given, ast.Constant) else None
    kept = given is not None and (rate is None or named is not None)
    lr = ast.unparse(given) if kept else f"{rate:g}" if rate is not None else None  # type: ignore[arg-type]
    options = [ast.unparse(call.args[0]), *([f"lr={lr}"] if lr else [])]
    decay = keyword(call, "weight_decay")
    options += [f"weight_decay={ast.unparse(decay)}"] if decay is not None else []
    head = f"{ast.unparse(call.func.value)}.{name}" if isinstance(call.func, ast.Attribute) else _bare(tree, name)
    if not head:
        return []
    elsewhere = [span(named, f"{rate:g}")] if named is not None and rate is not None else []
    return [span(call, f"{head}({', '.join(options)})"), *elsewhere]


def _bare(tree: ast.AST, name: str) -> str:
    """The rule by a name that the program knows."""
    imported = {one.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for one in node.names}
    return name if name in imported else "torch.optim." + name if _imports_torch(tree) else ""


def _imports_torch(tree: ast.AST) -> bool:
    names = {one.asname or one.name for node in ast.walk(tree) if isinstance(node, ast.Import) for one in node.names}
    return "torch" in names


def _schedule(tree: ast.AST, text: str, value: Any) -> list[Change]:
    """The one call of a scheduler's step is taken out, and the scheduler with it where it is made in a line of its own."""
    if value != "constant":
        return []
    steps = [
        c for c in calls_of(tree, "step") if isinstance(c.func, ast.Attribute) and "sched" in name_of(c.func.value)
    ]
    step = only(steps)
    if step is None:
        return []
    name = name_of(step.func.value)
    made = only([n for n in ast.walk(tree) if isinstance(n, ast.Assign) and name_of(n.targets[0]) == name])
    uses = [n for n in ast.walk(tree) if isinstance(n, ast.Name | ast.Attribute) and name_of(n) == name]
    stepped = statement_of(tree, step)
    if not isinstance(stepped, ast.Expr):
        return []
    plain = made is not None and isinstance(made.targets[0], ast.Name) and len(uses) == 2
    return [*(without(tree, made) if plain else []), *without(tree, stepped)]


def _clip_norm(tree: ast.AST, text: str, value: Any) -> list[Change]:
    calls = calls_of(tree, "clip_grad_norm_", "clip_grad_value_")
    if value is None:
        call = only(calls)
        statement = statement_of(tree, call) if call else None
        return without(tree, statement) if isinstance(statement, ast.Expr) else []
    backward = only(calls_of(tree, "backward"))
    call = the_optimizer(tree)
    if calls or backward is None or call is None or not isinstance(value, int | float):
        return []
    parameters = ast.unparse(call.args[0])
    clip = f"torch.nn.utils.clip_grad_norm_({parameters}, {value:.3g})"
    return lines_after(text, statement_of(tree, backward), clip)


def _all_parameters(tree: ast.AST, text: str, value: Any) -> list[Change]:
    """`model.head.parameters()` becomes `model.parameters()`."""
    call = the_optimizer(tree)
    given = call.args[0] if call is not None else None
    if (
        not isinstance(given, ast.Call)
        or name_of(given.func) != "parameters"
        or not isinstance(given.func, ast.Attribute)
    ):
        return []
    part = given.func.value
    while isinstance(part, ast.Attribute | ast.Subscript) and not (
        isinstance(part.value, ast.Name) and part.value.id == "self"
    ):
        part = part.value
    whole = f"{ast.unparse(part)}.parameters()"
    return [span(given, whole)] if whole != ast.unparse(given) else []


WRITERS = {
    "lr": _option("lr", 1),
    "weight_decay": _option("weight_decay"),
    "eps": _option("eps"),
    "momentum": _option("momentum"),
    "betas": _betas,
    "optimizer": _optimizer,
    "schedule": _schedule,
    "clip_norm": _clip_norm,
    "optimize": _all_parameters,
}
