"""Reads a pickle of plain values without the power to run code.

Not an unpickler with a filter: a small machine of its own, with no call, no import and no
attribute in it. The opcodes for numbers, bytes, text, lists, tuples and dicts do what they say. The
names that a pickled NumPy array of bytes needs are matched as words, and such an array becomes a
`numpy.frombuffer` view; any other name, and any other opcode, is refused.

The opcodes are those of Lib/pickletools.py, whose `genops` decodes their arguments.
"""

from __future__ import annotations

import pickletools
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import DataError

_RECONSTRUCT = ("numpy.core.multiarray _reconstruct", "numpy._core.multiarray _reconstruct")
_FROMBUFFER = ("numpy.core.numeric _frombuffer", "numpy._core.numeric _frombuffer")
_BYTES = ("__builtin__ bytes", "builtins bytes")
_NAMES = {*_RECONSTRUCT, *_FROMBUFFER, *_BYTES, "numpy ndarray", "numpy dtype", "_codecs encode"}
_MARK = object()


@dataclass(frozen=True)
class _Name:
    """A name that an array's pickle mentions; a word, not the thing."""

    text: str


@dataclass(eq=False)
class _Array:
    """An array to be: filled in by BUILD."""

    values: np.ndarray | None = None


@dataclass(frozen=True)
class _Dtype:
    text: str


def loads(data: bytes, where: str = "the pickle") -> Any:
    """The plain values in a pickle: dicts, lists, tuples, numbers, bytes, text, uint8 arrays.

    Text of Python 2 (`str`) comes as bytes.

    Raises:
        DataError: it holds anything else, or is damaged.

    Examples:
        >>> import pickle
        >>> loads(pickle.dumps({b"labels": [1, 2]}))
        {b'labels': [1, 2]}
        >>> loads(pickle.dumps(print))
        Traceback (most recent call last):
        babysit.errors.DataError: the pickle must hold plain values only, but it asks for builtins.print; not read
    """
    try:
        return _plain(_Machine(where).run(data), {})
    except DataError:
        raise
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise DataError(f"{where} must be a whole pickle, but it is truncated or damaged: {error}") from error


class _Machine:
    def __init__(self, where: str) -> None:
        self.where = where
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self, data: bytes) -> Any:
        for opcode, argument, _ in pickletools.genops(data):
            name = opcode.name
            if name == "STOP":
                return self.stack.pop()
            if name in _PUSH:
                self.stack.append(_PUSH[name](argument))
            elif name in _DO:
                _DO[name](self, argument)
            else:
                raise self.refuse(f"it uses the opcode {name}")
        raise ValueError("no end")

    def refuse(self, why: str) -> DataError:
        return DataError(f"{self.where} must hold plain values only, but {why}; not read")

    def marked(self) -> list[Any]:
        """What lies above the last mark; the mark goes too."""
        at = len(self.stack) - 1
        while self.stack[at] is not _MARK:
            at -= 1
            if at < 0:
                raise ValueError("no mark")
        above = self.stack[at + 1 :]
        del self.stack[at:]
        return above

    def take(self, count: int) -> tuple[Any, ...]:
        """The topmost `count` values, off the stack."""
        if len(self.stack) < count:
            raise ValueError("stack is empty")
        above = tuple(self.stack[len(self.stack) - count :])
        del self.stack[len(self.stack) - count :]
        return above

    def name(self, text: str) -> None:
        if text not in _NAMES:
            raise self.refuse(f"it asks for {text.replace(' ', '.')}")
        self.stack.append(_Name(text))

    def stack_name(self, _: Any) -> None:
        module, name = self.take(2)
        self.name(f"{_text(module)} {_text(name)}")

    def reduce(self, _: Any) -> None:
        function, arguments = self.take(2)
        text = function.text if isinstance(function, _Name) else repr(function)
        if text in _RECONSTRUCT:
            self.stack.append(_Array())
        elif text in _FROMBUFFER:
            data, dtype, shape, order = arguments
            self.stack.append(_Array(self.array(data, dtype, shape, order == "F")))
        elif text == "numpy dtype":
            self.stack.append(_Dtype(_text(arguments[0])))
        elif text in _BYTES and not arguments:
            self.stack.append(b"")
        elif text == "_codecs encode" and _text(arguments[1]) in ("latin1", "latin-1"):
            self.stack.append(arguments[0].encode("latin-1"))
        else:
            raise self.refuse(f"it calls {text}")

    def build(self, _: Any) -> None:
        state = self.take(1)[0]
        what = self.stack[-1]
        if isinstance(what, _Array):
            _version, shape, dtype, fortran, data = state
            what.values = self.array(data, dtype, shape, bool(fortran))
        elif not isinstance(what, _Dtype):
            raise self.refuse(f"it sets the state of {type(what).__name__}")

    def array(self, data: Any, dtype: Any, shape: Any, fortran: bool) -> np.ndarray:
        if not isinstance(dtype, _Dtype) or dtype.text not in ("u1", "|u1"):
            raise self.refuse(f"it has an array of {getattr(dtype, 'text', dtype)!r} and not of bytes (u1)")
        if not isinstance(data, bytes):
            raise self.refuse("it has an array without bytes")
        flat = np.frombuffer(data, np.uint8)
        return flat.reshape(tuple(int(size) for size in shape), order="F" if fortran else "C")

    def put(self, index: int) -> None:
        self.memo[index] = self.stack[-1]

    def set_items(self, _: Any) -> None:
        items = self.marked()
        self.into(dict).update(_dict(items))

    def set_item(self, _: Any) -> None:
        items = self.take(2)
        self.into(dict).update(_dict(list(items)))

    def into(self, kind: type) -> Any:
        if not isinstance(self.stack[-1], kind):
            raise ValueError(f"no {kind.__name__} to fill")
        return self.stack[-1]


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _latin(value: str | bytes) -> bytes:
    return value.encode("latin-1") if isinstance(value, str) else value


def _same(value: Any) -> Any:
    return value


_PUSH = {
    **dict.fromkeys(("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"), _same),
    **dict.fromkeys(("STRING", "BINSTRING", "SHORT_BINSTRING"), _latin),
    **dict.fromkeys(("BINBYTES", "SHORT_BINBYTES", "BINBYTES8"), _same),
    **dict.fromkeys(("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"), _same),
    "BYTEARRAY8": bytes,
    "NONE": lambda _: None,
    "NEWTRUE": lambda _: True,
    "NEWFALSE": lambda _: False,
    "EMPTY_DICT": lambda _: {},
    "EMPTY_LIST": lambda _: [],
    "EMPTY_TUPLE": lambda _: (),
    "MARK": lambda _: _MARK,
}
_DO = {
    "PROTO": lambda machine, _: None,
    "FRAME": lambda machine, _: None,
    "POP": lambda machine, _: machine.take(1),
    "DICT": lambda machine, _: machine.stack.append(_dict(machine.marked())),
    "LIST": lambda machine, _: machine.stack.append(machine.marked()),
    "TUPLE": lambda machine, _: machine.stack.append(tuple(machine.marked())),
    "TUPLE1": lambda machine, _: machine.stack.append(machine.take(1)),
    "TUPLE2": lambda machine, _: machine.stack.append(machine.take(2)),
    "TUPLE3": lambda machine, _: machine.stack.append(machine.take(3)),
    "APPEND": lambda machine, _: _append(machine, machine.take(1)),
    "APPENDS": lambda machine, _: _append(machine, machine.marked()),
    "SETITEM": _Machine.set_item,
    "SETITEMS": _Machine.set_items,
    "PUT": _Machine.put,
    "BINPUT": _Machine.put,
    "LONG_BINPUT": _Machine.put,
    "MEMOIZE": lambda machine, _: machine.put(len(machine.memo)),
    "GET": lambda machine, index: machine.stack.append(machine.memo[index]),
    "BINGET": lambda machine, index: machine.stack.append(machine.memo[index]),
    "LONG_BINGET": lambda machine, index: machine.stack.append(machine.memo[index]),
    "GLOBAL": _Machine.name,
    "STACK_GLOBAL": _Machine.stack_name,
    "REDUCE": _Machine.reduce,
    "BUILD": _Machine.build,
}


def _append(machine: _Machine, values: Any) -> None:
    machine.into(list).extend(values)


def _dict(items: list[Any]) -> dict[Any, Any]:
    """Pairs as a dict; keys are simple, since hashing nested tuples can be made to take for ever."""
    for key in items[::2]:
        if not isinstance(key, (str, bytes, int, float, type(None))):
            raise ValueError(f"a {type(key).__name__} as a key")
    return dict(zip(items[::2], items[1::2], strict=True))


def _plain(value: Any, done: dict[int, Any]) -> Any:
    """The values with arrays in place of `_Array`; anything unfinished is an error.

    What is there many times is done once, so that a small pickle can't become a large tree.
    """
    if id(value) in done:
        if done[id(value)] is _MARK:
            raise ValueError("it contains itself")
        return done[id(value)]
    if isinstance(value, (dict, list, tuple)):
        done[id(value)] = _MARK
        if isinstance(value, dict):
            made: Any = {key: _plain(one, done) for key, one in value.items()}
        else:
            made = type(value)(_plain(one, done) for one in value)
        done[id(value)] = made
        return made
    if isinstance(value, _Array) and value.values is not None:
        return value.values
    if value is _MARK or isinstance(value, (_Array, _Dtype, _Name)):
        raise ValueError("an unfinished array")
    return value
