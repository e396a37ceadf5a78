"""The loop's order of calls, its modes, its length, and what is trained, written."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from .places import (
    Change,
    blocks,
    calls_of,
    keyword,
    lines_after,
    lines_before,
    literal,
    name_of,
    only,
    span,
    statement_of,
    the_model,
    the_optimizer,
    without,
)


def _backward(tree: ast.AST) -> ast.Call | None:
    return only([c for c in calls_of(tree, "backward") if isinstance(c.func, ast.Attribute)])


def _holder(tree: ast.AST) -> str:
    """What the optimizer is called where it is made: "optimizer", "self.opt"; "" where it has no name."""
    call = the_optimizer(tree)
    statement = statement_of(tree, call) if call is not None else None
    plain = isinstance(statement, ast.Assign) and statement.value is call
    return ast.unparse(statement.targets[0]) if plain else ""  # type: ignore[union-attr]


def _zero_grad(tree: ast.AST, text: str, value: Any) -> list[Change]:
    """Before the one backward; where it steps, the optimizer's name there is taken."""
    backward = _backward(tree)
    step = only(_steps(tree))
    if backward is None or step is None:
        return []
    block = next((b for b in blocks(tree) if statement_of(tree, backward) in b), [])
    if any(statement_of(tree, clear) in block for clear in calls_of(tree, "zero_grad")):
        return []
    return lines_before(statement_of(tree, backward), f"{ast.unparse(step.func.value)}.zero_grad()")  # type: ignore[attr-defined]


def _steps(tree: ast.AST) -> list[ast.Call]:
    """Calls of an optimizer's step, by its name."""
    holder = _holder(tree).rpartition(".")[2]
    named = [c for c in calls_of(tree, "step") if isinstance(c.func, ast.Attribute)]
    return [c for c in named if name_of(c.func.value) == holder or "opt" in name_of(c.func.value)]  # type: ignore[attr-defined]


def _order(tree: ast.AST, text: str, value: Any) -> list[Change]:
    """zero_grad right before the one backward and step right after it; those that stand elsewhere are taken out."""
    backward, holder = _backward(tree), _holder(tree)
    statement = statement_of(tree, backward) if backward is not None else None
    if statement is None or not holder:
        return []
    steps, clears = _steps(tree), calls_of(tree, "zero_grad")
    name = ast.unparse(steps[0].func.value) if steps else holder  # type: ignore[attr-defined]
    there = [statement_of(tree, call) for call in (*steps, *clears)]
    if len(steps) > 1 or not all(isinstance(one, ast.Expr) for one in there):
        return []
    changes = [change for one in there if one is not None for change in without(tree, one)]
    return [
        *changes,
        *lines_before(statement, f"{name}.zero_grad()"),
        *lines_after(text, statement, f"{name}.step()"),
    ]


def _loops(tree: ast.AST) -> Iterator[ast.For]:
    yield from sorted((n for n in ast.walk(tree) if isinstance(n, ast.For)), key=lambda n: n.lineno)


def _train_mode(tree: ast.AST, text: str, value: Any) -> list[Change]:
    """`model.train()` first thing in the outermost loop that calls backward."""
    loops = [loop for loop in _loops(tree) if calls_of(loop, "backward")]
    model = the_model(tree)
    return lines_before(loops[0].body[0], f"{model}.train()") if loops and model else []


def _eval_mode(tree: ast.AST, text: str, value: Any) -> list[Change]:
    """`model.eval()` first thing where gradients are off, and train mode again before the next step."""
    place = only([*_without_gradients(tree)])
    model = the_model(tree)
    if place is None or not model:
        return []
    trains = any(isinstance(c.func, ast.Attribute) and not c.args for c in calls_of(tree, "train"))
    return [*lines_before(place, f"{model}.eval()"), *([] if trains else _train_mode(tree, text, value))]


def _without_gradients(tree: ast.AST) -> Iterator[ast.stmt]:
    """Where evaluation begins: a `with torch.no_grad()`, or the first line of a function that has no gradients."""
    off = ("no_grad", "inference_mode")
    for node in ast.walk(tree):
        if isinstance(node, ast.With) and any(
            name_of(getattr(i.context_expr, "func", None)) in off for i in node.items
        ):
            yield node
        elif isinstance(node, ast.FunctionDef) and any(
            name_of(getattr(d, "func", d)) in off for d in node.decorator_list
        ):
            text = isinstance(node.body[0], ast.Expr) and isinstance(node.body[0].value, ast.Constant)
            yield node.body[1 if text and len(node.body) > 1 else 0]


def _epochs(tree: ast.AST, text: str, value: Any) -> list[Change]:
    """The number that the loop over epochs counts to."""
    loops = [n for n in _loops(tree) if name_of(n.target).lower() in ("epoch", "ep", "e", "_epoch")]
    bounds = [n.iter.args for n in loops if isinstance(n.iter, ast.Call) and name_of(n.iter.func) == "range"]
    bound = only(bounds)
    number = literal(tree, bound[min(1, len(bound) - 1)]) if bound else None
    if number is None:
        return []
    new = float(number.value) * float(value[1:]) if str(value).startswith("*") else float(value)  # type: ignore[arg-type]
    return [span(number, str(round(new)))]


def _unfreeze(tree: ast.AST, text: str, value: Any) -> list[Change]:
    """`parameter.requires_grad = False` and `requires_grad_(False)` say True."""
    flags = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and name_of(node.targets[0]) == "requires_grad"
    ]
    flags += [
        (c.args or [keyword(c, "requires_grad")])[0] for c in calls_of(tree, "requires_grad_") if c.args or c.keywords
    ]  # type: ignore[list-item]
    off = only([one for one in flags if isinstance(one, ast.Constant) and one.value is False])
    return [span(off, "True")] if off is not None else []


def _undetach(tree: ast.AST, text: str, value: Any) -> list[Change]:
    """The one `.detach()` inside a forward is taken off."""
    inside = [
        c
        for f in ast.walk(tree)
        if isinstance(f, ast.FunctionDef) and f.name == "forward"
        for c in calls_of(f, "detach")
    ]
    call = only(inside)
    if call is None or not isinstance(call.func, ast.Attribute):
        return []
    return [span(call, ast.get_source_segment(text, call.func.value) or ast.unparse(call.func.value))]


WRITERS = {
    "zero_grad": _zero_grad,
    "order": _order,
    "train_mode": _train_mode,
    "val_mode": _eval_mode,
    "epochs": _epochs,
    "unfreeze": _unfreeze,
    "undetach": _undetach,
}
