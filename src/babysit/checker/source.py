"""A proven edit as a change of the user's own file, where the line is known and there is one way to write it.

Nothing is guessed: an edit that has no such line, or several, stays advice in words.
"""

from __future__ import annotations

import ast
import difflib
import itertools
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..errors import OutputError

Change = tuple[int, int, int, int, str]
"""(line, column, end line, end column, new text); lines from 1, columns in characters."""


def rewritten(text: str, edit: Mapping[str, Any]) -> str | None:
    """The program's text with the edit written into it; None where that can't be done without guessing.

    Examples:
        >>> print(rewritten("opt = torch.optim.SGD(model.parameters(), lr=1.0)", {"lr": "*0.1"}))
        opt = torch.optim.SGD(model.parameters(), lr=0.1)
    """
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return None
    changes: list[Change] = []
    if "optimizer" in edit:  # one call is written anew, its rate included
        edit = {**edit, "optimizer": (edit["optimizer"], edit.get("lr"))}
        edit.pop("lr", None)
    for name, value in edit.items():
        found = _WRITERS[name](tree, text, value) if name in _WRITERS else None
        if not found:
            return None
        changes += found
    return None if _overlap(changes) else _apply(text, changes)


def diff(path: Path, edit: Mapping[str, Any]) -> str | None:
    """The change as a unified diff of the file, or None."""
    try:
        old = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    new = rewritten(old, edit)
    if new is None or new == old:
        return None
    lines = difflib.unified_diff(old.splitlines(True), new.splitlines(True), str(path), str(path), n=2)
    return "".join(line if line.endswith("\n") else line + "\n" for line in lines)


def apply(path: Path, edit: Mapping[str, Any]) -> Path:
    """Write the change into the file and keep the old one beside it; gives the backup's path.

    Raises:
        OutputError: the file can't be written, or the change can't be written without guessing.
    """
    old = path.read_text(encoding="utf-8")
    new = rewritten(old, edit)
    if new is None:
        raise OutputError(f"this change has no single place in {path}; make it by hand")
    backup = path.with_name(path.name + ".before-cure")
    try:
        shutil.copy2(path, backup)
        fresh = path.with_name(path.name + ".cure")
        fresh.write_text(new, encoding="utf-8")
        shutil.copymode(path, fresh)
        os.replace(fresh, path)
    except OSError as error:
        raise OutputError(f"{path} must be writable, but: {error}") from error
    return backup


def _overlap(changes: list[Change]) -> bool:
    ordered = sorted(changes)
    return any(one[2:4] > other[:2] for one, other in itertools.pairwise(ordered))


def _apply(text: str, changes: list[Change]) -> str:
    lines = text.splitlines(True)
    for line, column, end_line, end_column, new in sorted(changes, reverse=True):
        head, tail = lines[line - 1][:column], lines[end_line - 1][end_column:]
        lines[line - 1 : end_line] = [head + new + tail]
    return "".join(lines)


# finding the one place


def _calls(tree: ast.AST, names: tuple[str, ...]) -> list[ast.Call]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _name(node.func) in names]


def _name(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _one(found: list[Any]) -> Any | None:
    return found[0] if len(found) == 1 else None


def _span(node: ast.expr | ast.stmt, new: str) -> Change:
    return (node.lineno, node.col_offset, node.end_lineno or node.lineno, node.end_col_offset or 0, new)


_BLOCKS = ast.For | ast.While | ast.If | ast.With | ast.FunctionDef | ast.ClassDef | ast.Try


def _statement_of(tree: ast.AST, node: ast.AST) -> ast.stmt | None:
    """The simple statement that a node stands in."""
    for statement in ast.walk(tree):
        simple = isinstance(statement, ast.stmt) and not isinstance(statement, _BLOCKS)
        if simple and any(child is node for child in ast.walk(statement)):
            return statement  # type: ignore[return-value]
    return None


def _line_before(tree: ast.AST, text: str, node: ast.AST, new: str) -> list[Change]:
    statement = _statement_of(tree, node)
    if statement is None:
        return []
    indent = " " * statement.col_offset
    return [(statement.lineno, 0, statement.lineno, 0, f"{indent}{new}\n")]


def _line_after(tree: ast.AST, text: str, node: ast.AST, new: str) -> list[Change]:
    statement = _statement_of(tree, node)
    if statement is None:
        return []
    lines = text.splitlines(True)
    end = statement.end_lineno or statement.lineno
    width = len(lines[end - 1])
    newline = "" if lines[end - 1].endswith("\n") else "\n"
    return [(end, width, end, width, f"{newline}{' ' * statement.col_offset}{new}\n")]


_OPTIMIZERS = (
    "SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "NAdam", "RAdam", "Adadelta", "Adamax", "LBFGS", "ASGD", "Rprop",
)  # fmt: skip


def _keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((one.value for one in call.keywords if one.arg == name), None)


def _constant(tree: ast.AST, node: ast.expr | None) -> ast.Constant | None:
    """A literal number, or the one literal that a name stands for."""
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return node
    if isinstance(node, ast.Name):
        values = [
            one.value
            for one in ast.walk(tree)
            if isinstance(one, ast.Assign) and any(_name(target) == node.id for target in one.targets)
        ]
        only = _one(values)
        if isinstance(only, ast.Constant) and isinstance(only.value, int | float):
            return only
    return None


def _number(value: Any, old: float) -> str:
    new = old * float(value[1:]) if isinstance(value, str) and value.startswith("*") else float(value)
    return f"{new:.3g}"


def _optimizer_option(option: str, place: int | None = None) -> Callable[[ast.AST, str, Any], list[Change]]:
    def write(tree: ast.AST, text: str, value: Any) -> list[Change]:
        call = _one(_calls(tree, _OPTIMIZERS))
        if call is None:
            return []
        given = _keyword(call, option) or (call.args[place] if place is not None and len(call.args) > place else None)
        if given is None:
            if isinstance(value, str) and value.startswith("*"):
                return []
            last = (call.keywords[-1].value if call.keywords else call.args[-1]) if call.keywords or call.args else None
            if last is None or last.end_lineno is None or last.end_col_offset is None:
                return []
            return [(last.end_lineno, last.end_col_offset, last.end_lineno, last.end_col_offset, f", {option}={value}")]
        literal = _constant(tree, given)
        return [_span(literal, _number(value, float(literal.value)))] if literal is not None else []

    return write


def _zero_grad(tree: ast.AST, text: str, value: Any) -> list[Change]:
    backward = _one([c for c in _calls(tree, ("backward",)) if isinstance(c.func, ast.Attribute)])
    step = _one(
        [c for c in _calls(tree, ("step",)) if isinstance(c.func, ast.Attribute) and "opt" in _name(c.func.value)]
    )
    if backward is None or step is None or _calls(tree, ("zero_grad",)):
        return []
    return _line_before(tree, text, backward, f"{ast.unparse(step.func.value)}.zero_grad()")


def _clip_norm(tree: ast.AST, text: str, value: Any) -> list[Change]:
    calls = _calls(tree, ("clip_grad_norm_", "clip_grad_value_"))
    if value is None:
        call = _one(calls)
        statement = _statement_of(tree, call) if call else None
        if isinstance(statement, ast.Expr):
            return [(statement.lineno, 0, statement.end_lineno or statement.lineno, 10**6, "")]
        return []
    backward = _one(_calls(tree, ("backward",)))
    call = _one(_calls(tree, _OPTIMIZERS))
    if calls or backward is None or call is None or not call.args or not isinstance(value, int | float):
        return []
    parameters = ast.unparse(call.args[0])
    return _line_after(tree, text, backward, f"torch.nn.utils.clip_grad_norm_({parameters}, {value:.3g})")


def _criterion_input(tree: ast.AST, text: str, value: Any) -> list[Change]:
    """Take the one softmax or sigmoid out: a layer of a Sequential, or a call around the scores."""
    layers = [
        (outer, index)
        for outer in _calls(tree, ("Sequential",))
        for index, inner in enumerate(outer.args)
        if isinstance(inner, ast.Call) and _name(inner.func) in ("Softmax", "Sigmoid", "LogSoftmax")
        and index == len(outer.args) - 1
    ]  # fmt: skip
    calls = [c for c in _calls(tree, ("softmax", "sigmoid")) if c.args or isinstance(c.func, ast.Attribute)]
    if len(layers) == 1 and not calls:
        outer, index = layers[0]
        before, last = outer.args[index - 1], outer.args[index]
        start = (before.end_lineno or 0, before.end_col_offset or 0)
        return [(*start, last.end_lineno or 0, last.end_col_offset or 0, "")]
    call = _one(calls)
    if call is None or layers:
        return []
    functional = isinstance(call.func, ast.Name) or _name(call.func.value) in ("F", "torch", "functional")  # type: ignore[union-attr]
    inside = call.args[0] if functional else call.func.value  # type: ignore[union-attr]
    return [_span(call, ast.get_source_segment(text, inside) or ast.unparse(inside))]


def _activation(tree: ast.AST, text: str, value: Any) -> list[Change]:
    if not isinstance(value, Mapping) or "none" in value:
        return []
    modules = {
        "relu": "ReLU",
        "leaky_relu": "LeakyReLU",
        "sigmoid": "Sigmoid",
        "tanh": "Tanh",
        "elu": "ELU",
        "gelu": "GELU",
    }
    changes: list[Change] = []
    for old, new in value.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute | ast.Name):
                name = _name(node)
                if name == modules.get(old):
                    fresh = modules[new]
                elif (
                    isinstance(node, ast.Attribute)
                    and name == old
                    and _name(node.value) in ("F", "torch", "functional")
                ):
                    fresh = new
                else:
                    continue
                end = (node.end_lineno or 0, node.end_col_offset or 0)
                changes.append((end[0], end[1] - len(name), *end, fresh))
    return changes


def _reduction(tree: ast.AST, text: str, value: Any) -> list[Change]:
    given = [
        one.value
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        for one in call.keywords
        if one.arg == "reduction" and isinstance(one.value, ast.Constant) and one.value.value == "sum"
    ]
    only = _one(given)
    return [_span(only, f'"{value}"')] if only is not None else []


def _dropout(tree: ast.AST, text: str, value: Any) -> list[Change]:
    changes: list[Change] = []
    for call in _calls(tree, ("Dropout", "Dropout2d", "Dropout1d")):
        given = _keyword(call, "p") or (call.args[0] if call.args else None)
        literal = _constant(tree, given)
        if literal is None:
            return []
        changes.append(_span(literal, f"{float(value):g}"))
    return changes


def _shuffle(tree: ast.AST, text: str, value: Any) -> list[Change]:
    loaders = _calls(tree, ("DataLoader",))
    train = [c for c in loaders if c.args and "train" in ast.unparse(c.args[0]).lower()] or loaders
    call = _one(train)
    if call is None or not call.args:
        return []
    given = _keyword(call, "shuffle")
    if given is not None:
        return [_span(given, "True")]
    last = call.keywords[-1].value if call.keywords else call.args[-1]
    end = (last.end_lineno or 0, last.end_col_offset or 0)
    return [(*end, *end, ", shuffle=True")]


def _loss_sign(tree: ast.AST, text: str, value: Any) -> list[Change]:
    """`loss = -criterion(…)`: take the minus away."""
    found = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Call)
        and ("loss" in ast.unparse(node.operand.func).lower() or "criterion" in ast.unparse(node.operand.func).lower()
             or "entropy" in ast.unparse(node.operand.func).lower())
    ]  # fmt: skip
    only = _one(found)
    return [_span(only, ast.get_source_segment(text, only.operand) or "")] if only is not None else []


def _init(tree: ast.AST, text: str, value: Any) -> list[Change]:
    """After the optimizer's construction nothing may replace parameters, so start them right before it."""
    call = _one(_calls(tree, _OPTIMIZERS))
    if call is None or not call.args:
        return []
    first = ast.unparse(call.args[0])
    model = first.removesuffix(".parameters()")
    if model == first or not model.isidentifier():
        return []
    rule = {
        "he": "nn.init.kaiming_normal_({0}.weight, nonlinearity='relu')",
        "xavier": "nn.init.xavier_normal_({0}.weight)",
        "orthogonal": "nn.init.orthogonal_({0}.weight)",
        "lecun": "nn.init.kaiming_normal_({0}.weight, nonlinearity='linear')",
    }.get(str(value))
    if rule is None or not any(isinstance(n, ast.Name) and n.id == "nn" for n in ast.walk(tree)):
        return []
    lines = [
        f"for module in {model}.modules():",
        "    if isinstance(module, (nn.Linear, nn.Conv2d)):",
        f"        {rule.format('module')}",
        "        if module.bias is not None:",
        "            nn.init.zeros_(module.bias)",
    ]
    statement = _statement_of(tree, call)
    indent = " " * statement.col_offset if statement else ""
    return _line_before(tree, text, call, f"\n{indent}".join(lines))


def _mode(word: str) -> Callable[[ast.AST, str, Any], list[Change]]:
    """`model.eval()` first thing under the one `with torch.no_grad()`, `model.train()` before the one backward's loop."""

    def write(tree: ast.AST, text: str, value: Any) -> list[Change]:
        call = _one(_calls(tree, _OPTIMIZERS))
        model = ast.unparse(call.args[0]).removesuffix(".parameters()") if call and call.args else ""
        if not model.isidentifier():
            return []
        if word == "eval":
            blocks = [n for n in ast.walk(tree) if isinstance(n, ast.With) and "no_grad" in ast.unparse(n.items[0])]
            block = _one(blocks)
            return [(block.lineno, 0, block.lineno, 0, f"{' ' * block.col_offset}{model}.eval()\n")] if block else []
        loops = [n for n in _loops(tree) if _calls(n, ("backward",))]
        if not loops:
            return []
        first = loops[0].body[0]
        return [(first.lineno, 0, first.lineno, 0, f"{' ' * first.col_offset}{model}.train()\n")]

    def both(tree: ast.AST, text: str, value: Any) -> list[Change]:
        found = write(tree, text, value)
        if word == "eval" and found:  # and back again before the next training step
            found += _mode("train")(tree, text, value) if not _calls(tree, ("train",)) else []
        return found

    return both


def _loops(tree: ast.AST) -> Iterator[ast.For]:
    yield from sorted((n for n in ast.walk(tree) if isinstance(n, ast.For)), key=lambda n: n.lineno)


def _optimizer(tree: ast.AST, text: str, value: Any) -> list[Change]:
    call = _one(_calls(tree, _OPTIMIZERS))
    rule, rate = value
    name = {"adam": "Adam", "adamw": "AdamW", "sgd": "SGD", "rmsprop": "RMSprop"}.get(str(rule))
    if call is None or name is None or not call.args or (isinstance(rate, str) and rate.startswith("*")):
        return []
    given = _keyword(call, "lr") or (call.args[1] if len(call.args) > 1 else None)
    lr = f"{rate:g}" if rate is not None else ast.unparse(given) if given is not None else None
    start = ast.unparse(call.func).rsplit(".", 1)
    head = f"{start[0]}.{name}" if len(start) == 2 else name
    return [_span(call, f"{head}({ast.unparse(call.args[0])}{f', lr={lr}' if lr else ''})")]


_WRITERS: dict[str, Callable[[ast.AST, str, Any], list[Change]]] = {
    "lr": _optimizer_option("lr", 1),
    "weight_decay": _optimizer_option("weight_decay"),
    "eps": _optimizer_option("eps"),
    "momentum": _optimizer_option("momentum"),
    "optimizer": _optimizer,
    "zero_grad": _zero_grad,
    "clip_norm": _clip_norm,
    "criterion_input": _criterion_input,
    "activation": _activation,
    "reduction": _reduction,
    "dropout": _dropout,
    "shuffle": _shuffle,
    "loss_sign": _loss_sign,
    "init": _init,
    "val_mode": _mode("eval"),
    "train_mode": _mode("train"),
}
