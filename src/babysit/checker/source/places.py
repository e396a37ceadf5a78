"""Where in a program's text something stands: calls, statements, the literal that a name comes from."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

Change = tuple[int, int, int, int, str]
"""(line, column, end line, end column, new text); lines from 1, columns in bytes of UTF-8."""

BLOCKS = ast.For | ast.While | ast.If | ast.With | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Try
OPTIMIZERS = (
    "SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "NAdam", "RAdam", "Adadelta", "Adamax", "LBFGS", "ASGD", "Rprop",
)  # fmt: skip
FAR = 10**6
"""A column behind any line's end."""


def name_of(node: ast.AST | None) -> str:
    """The last part of a dotted name, or the key of `config["lr"]`; "" where it is neither."""
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        return str(node.slice.value)
    return node.id if isinstance(node, ast.Name) else ""


def calls_of(tree: ast.AST, *names: str) -> list[ast.Call]:
    """All calls of functions or classes of these names."""
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call) and name_of(node.func) in names]


def only(found: list[Any]) -> Any | None:
    """The one there is; None of none or several."""
    return found[0] if len(found) == 1 else None


def the_optimizer(tree: ast.AST) -> ast.Call | None:
    """The one place where an optimizer is made, its parameters its first argument."""
    call = only(calls_of(tree, *OPTIMIZERS))
    return call if call is not None and call.args else None


def the_model(tree: ast.AST) -> str:
    """How the model is called where the optimizer is made: "model", "self.model"; "" where that isn't plain."""
    call = the_optimizer(tree)
    given = call.args[0] if call is not None else None
    if isinstance(given, ast.Call) and name_of(given.func) == "parameters" and isinstance(given.func, ast.Attribute):
        model = ast.unparse(given.func.value)
        return model if model.replace(".", "").isidentifier() else ""
    return ""


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    """The value of a call's keyword argument."""
    return next((one.value for one in call.keywords if one.arg == name), None)


def span(node: ast.expr | ast.stmt, new: str) -> Change:
    """Another text in a node's place."""
    return (node.lineno, node.col_offset, node.end_lineno or node.lineno, node.end_col_offset or 0, new)


def after(node: ast.expr, new: str) -> Change:
    """A text right behind a node."""
    line, column = node.end_lineno or node.lineno, node.end_col_offset or 0
    return (line, column, line, column, new)


def add_argument(call: ast.Call, new: str) -> list[Change]:
    """`new` as a call's last argument."""
    last = [*call.args, *(one.value for one in call.keywords)][-1:]
    return [after(last[0], f", {new}")] if last else []


def blocks(tree: ast.AST) -> Iterator[list[ast.stmt]]:
    """Every list of statements that stand one under the other."""
    for node in ast.walk(tree):
        for name in ("body", "orelse", "finalbody"):
            found = getattr(node, name, None)
            if isinstance(found, list) and found and isinstance(found[0], ast.stmt):
                yield found


def statement_of(tree: ast.AST, node: ast.AST) -> ast.stmt | None:
    """The simple statement that a node stands in."""
    for statement in ast.walk(tree):
        simple = isinstance(statement, ast.stmt) and not isinstance(statement, BLOCKS)
        if simple and any(child is node for child in ast.walk(statement)):
            return statement  # type: ignore[return-value]
    return None


def without(tree: ast.AST, statement: ast.stmt) -> list[Change]:
    """Take a whole statement out; `pass` where nothing else stands in its block."""
    block = next((one for one in blocks(tree) if any(statement is other for other in one)), [])
    if len(block) == 1:
        return [span(statement, "pass")]
    return [(statement.lineno, 0, statement.end_lineno or statement.lineno, FAR, "")]


def lines_before(statement: ast.stmt | None, *new: str) -> list[Change]:
    """Lines right before a statement, as deep as it."""
    if statement is None:
        return []
    indent = " " * statement.col_offset
    return [(statement.lineno, 0, statement.lineno, 0, "".join(f"{indent}{line}\n" for line in new))]


def lines_after(text: str, statement: ast.stmt | None, *new: str) -> list[Change]:
    """Lines right after a statement, as deep as it."""
    if statement is None:
        return []
    end = statement.end_lineno or statement.lineno
    line = text.encode().splitlines(True)[end - 1]
    indent = " " * statement.col_offset
    added = "".join(f"{indent}{one}\n" for one in new)
    return [(end, len(line), end, len(line), added if line.endswith(b"\n") else f"\n{added}")]


def literal(tree: ast.AST, node: ast.expr | None) -> ast.Constant | None:
    """The literal number that an expression comes from: itself, or the only one that its name stands for.

    A name may be bound by an assignment, a class's field, a parameter (its default and what its calls give),
    a keyword, a dict's entry, or an option of the command line (its default).

    Examples:
        >>> tree = ast.parse('p.add_argument("--lr", default=0.5)\\nSGD(w, lr=args.lr)')
        >>> literal(tree, ast.parse("args.lr", mode="eval").body).value
        0.5
    """
    if _is_number(node):
        return node  # type: ignore[return-value]
    name = name_of(node)
    if not name:
        return None
    sources = [one for one in _bindings(tree, name) if name_of(one) != name]  # handed on under the same name
    found = only(sources)
    return found if _is_number(found) else None


def _is_number(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool)


def _bindings(tree: ast.AST, name: str) -> Iterator[ast.AST]:
    """Everything that may be what a name stands for; a statement itself where that isn't a plain value."""
    own = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and _place(node, name) is not None]
    for function in own:
        yield from _given(tree, function, name)
    mine = {_called(tree, function) for function in own}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if name_of(target) == name:
                    yield node.value
                elif isinstance(target, ast.Tuple) and any(name_of(one) == name for one in target.elts):
                    yield _paired(target, node, name)
        elif isinstance(node, ast.AnnAssign) and name_of(node.target) == name and node.value is not None:
            yield node.value
        elif isinstance(node, ast.AugAssign | ast.For) and name_of(node.target) == name:
            yield node
        elif isinstance(node, ast.Dict):
            yield from (v for k, v in zip(node.keys, node.values, strict=True) if _is_text(k, name))
        elif isinstance(node, ast.Call) and name_of(node.func) == "add_argument" and name in _options(node):
            yield keyword(node, "default") or node
        elif isinstance(node, ast.Call) and name_of(node.func) not in mine and keyword(node, name) is not None:
            yield keyword(node, name)  # type: ignore[misc]


def _paired(target: ast.Tuple, node: ast.Assign, name: str) -> ast.AST:
    """`a, lr = 1, 0.1`: the value at the name's place."""
    if not isinstance(node.value, ast.Tuple) or len(node.value.elts) != len(target.elts):
        return node
    return node.value.elts[[name_of(one) for one in target.elts].index(name)]


def _is_text(node: ast.AST | None, text: str) -> bool:
    return isinstance(node, ast.Constant) and node.value == text


def _options(call: ast.Call) -> list[str]:
    """The names that an option of the command line can be read under."""
    dest = keyword(call, "dest")
    if isinstance(dest, ast.Constant):
        return [str(dest.value)]
    flags = [str(one.value) for one in call.args if isinstance(one, ast.Constant)]
    return [flag.lstrip("-").replace("-", "_") for flag in flags if flag.startswith("--") or len(flags) == 1][:1]


def _place(function: ast.FunctionDef, name: str) -> int | None:
    names = [one.arg for one in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)]
    return names.index(name) if name in names else None


def _called(tree: ast.AST, function: ast.FunctionDef) -> str:
    """What a call of a function is called: the class's name for its `__init__`."""
    if function.name != "__init__":
        return function.name
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and function in node.body]
    return classes[0].name if classes else function.name


def _given(tree: ast.AST, function: ast.FunctionDef, name: str) -> Iterator[ast.AST]:
    """What calls of a function give as its parameter, and its default where a call (or every one) leaves it out."""
    place = _place(function, name) or 0
    positional = [*function.args.posonlyargs, *function.args.args]
    method = bool(positional) and positional[0].arg == "self"
    calls = calls_of(tree, _called(tree, function))
    left_out = not calls
    for call in calls:
        value = keyword(call, name)
        if value is None and place - method < len(call.args):
            value = call.args[place - method]
        left_out = left_out or value is None
        if value is not None:
            yield value
    defaults = dict(zip([one.arg for one in reversed(positional)], reversed(function.args.defaults), strict=False))
    defaults |= {
        one.arg: value
        for one, value in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True)
        if value is not None
    }
    if left_out:
        yield defaults.get(name, function)
