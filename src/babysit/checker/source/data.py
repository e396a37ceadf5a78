"""Order, size and scale of the batches, written."""

from __future__ import annotations

import ast
from typing import Any

from .places import (
    Change,
    add_argument,
    blocks,
    calls_of,
    keyword,
    lines_after,
    literal,
    name_of,
    only,
    span,
    the_model,
)


def _loader(tree: ast.AST) -> ast.Call | None:
    """The one loader that training reads: by its name where there are several."""
    loaders = [call for call in calls_of(tree, "DataLoader") if call.args]
    return only([call for call in loaders if "train" in ast.unparse(call.args[0]).lower()] or loaders)


def _shuffle(tree: ast.AST, text: str, value: Any) -> list[Change]:
    call = _loader(tree)
    if call is None:
        return []
    given = keyword(call, "shuffle")
    return [span(given, "True")] if given is not None else add_argument(call, "shuffle=True")


def _batch(tree: ast.AST, text: str, value: Any) -> list[Change]:
    call = _loader(tree)
    given = (
        (keyword(call, "batch_size") or (call.args[1] if len(call.args) > 1 else None)) if call is not None else None
    )
    number = literal(tree, given)
    if number is None:
        return []
    told = str(value)
    size = float(number.value) * float(told[1:]) if told.startswith("*") else float(told)  # type: ignore[arg-type]
    return [span(number, str(max(2, round(size))))]


def _preprocess(tree: ast.AST, text: str, value: Any) -> list[Change]:
    """Right after the inputs are there: all of them standardized by the mean and deviation of the training ones."""
    train, others = _inputs(tree)
    names = {train, *others} - {""}
    made = _last_made(tree, names)
    if not train or made is None:
        return []
    block = ", ".join(sorted(names)), ", ".join(f"({one} - mean) / std" for one in sorted(names))
    return lines_after(
        text,
        made,
        f"mean, std = {train}.mean(0), {train}.std(0)",
        "std[std == 0] = 1  # a feature that never changes",
        f"{block[0]} = {block[1]}",
    )


def _inputs(tree: ast.AST) -> tuple[str, set[str]]:
    """(the training inputs' name, those of the others): what goes into data sets, or right into the model."""
    sets = [_root(call.args[0]) for call in calls_of(tree, "TensorDataset") if call.args]
    direct = [call for call in ast.walk(tree) if isinstance(call, ast.Call) and call.args and _is_model(tree, call)]
    if sets:
        train = next((name for name in sets if "tr" in name.lower()), sets[0])
        seen = {*sets} if "" not in sets else set()
    else:
        learned = [loop for loop in ast.walk(tree) if isinstance(loop, ast.For) and calls_of(loop, "backward")]
        inside = {id(node) for loop in learned for node in ast.walk(loop)}
        inside -= {id(node) for block in ast.walk(tree) if _evaluates(block) for node in ast.walk(block)}
        seen = {_root(call.args[0]) for call in direct if id(call) in inside}
        train = only([name for name in sorted(seen) if _last_made(tree, {name}) is not None]) or ""
    if train not in seen or _last_made(tree, {train}) is None:
        return "", set()
    others = {_root(call.args[0]) for call in direct}
    return train, {*(seen if sets else ()), *(name for name in others if _last_made(tree, {train, name}) is not None)}


def _evaluates(node: ast.AST) -> bool:
    return isinstance(node, ast.With) and "no_grad" in ast.unparse(node.items[0])


def _is_model(tree: ast.AST, call: ast.Call) -> bool:
    return ast.unparse(call.func) == (the_model(tree) or "-")


def _root(node: ast.expr) -> str:
    """The plain name that an input is cut or converted from: `x_train` of `torch.tensor(x_train[i:j])`."""
    while not isinstance(node, ast.Name):
        if isinstance(node, ast.Subscript):
            node = node.value
        elif isinstance(node, ast.Call) and name_of(node.func) in ("tensor", "from_numpy", "as_tensor") and node.args:
            node = node.args[0]
        elif (
            isinstance(node, ast.Call)
            and name_of(node.func) in ("float", "to", "astype")
            and isinstance(node.func, ast.Attribute)
        ):
            node = node.func.value
        else:
            return ""
    return node.id


def _last_made(tree: ast.AST, names: set[str]) -> ast.stmt | None:
    """The last of the assignments that make these names, where all stand in one block outside of loops."""
    looped = {id(one) for loop in ast.walk(tree) if isinstance(loop, ast.For | ast.While) for one in ast.walk(loop)}
    found = None
    for block in blocks(tree):
        made = [one for one in block if isinstance(one, ast.Assign) and _targets(one) & names and id(one) not in looped]
        if made and found is not None:
            return None
        if made:
            if {name for one in made for name in _targets(one)} < names:
                return None
            found = made[-1]
    return found


def _targets(statement: ast.Assign) -> set[str]:
    return {name.id for target in statement.targets for name in ast.walk(target) if isinstance(name, ast.Name)}


WRITERS = {"shuffle": _shuffle, "batch": _batch, "preprocess": _preprocess}
