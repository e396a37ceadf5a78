"""plotly.js, of the installed package plotly, cut down to what our figures need.

The whole file is 4.8 MB, of which a page draws with a sixth; a browser takes 0.9 s of processor time to read all of it
and 0.1 s for that sixth. The file is a list of modules in a row, each a variable that holds a function; which modules
a module uses is which of those names stand in it. So the modules that lines, bars and heat maps reach are kept, in
their order, byte for byte, and the others left out. A file that is not built like that is used whole.
"""

from __future__ import annotations

import functools
import importlib.util
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..errors import BabysitError

TRACES = ("bar", "heatmap")
"""What figures are made of beside lines, which plotly.js always has."""

_NAME = r"[A-Za-z_$][\w$]*"
_WORD = re.compile(_NAME)
_HELPERS = re.compile(rf"[,\s]({_NAME})=\(\w+,\w+(?:,\w+)?\)=>\(\)=>(?=.{{0,80}}?(?:exports:\{{\}}|=\w+\(\w+=0\)))")
_REGISTER = re.compile(rf"\.register\(\[((?:{_NAME}\(\),?)+)\]\)")


def plotly_js() -> Path:
    """The file plotly.min.js of the installed package plotly, found without importing it.

    Raises:
        BabysitError: plotly isn't installed.
    """
    found = importlib.util.find_spec("plotly")
    folders = [Path(one) for one in (found.submodule_search_locations or ())] if found else []
    for folder in folders:
        path = folder / "package_data" / "plotly.min.js"
        if path.is_file():
            return path
    raise BabysitError("a page needs plotly.js, which the package plotly brings: pip install plotly")


@functools.lru_cache(maxsize=1)
def drawing_code() -> str:
    """As much of plotly.js as our figures need; all of it where the file isn't built as it is known to be.

    Raises:
        BabysitError: plotly isn't installed.
    """
    whole = plotly_js().read_text(encoding="utf-8")
    return cut(whole) or whole


def cut(whole: str, traces: Iterable[str] = TRACES) -> str | None:
    """The file with the modules that `traces` need; None where it can't be cut with certainty.

    Examples:
        >>> cut("a file that is built in another way") is None
        True
    """
    helpers = _HELPERS.findall(whole[:20_000])
    if not helpers:
        return None
    found = _modules(whole, helpers)
    register = list(_REGISTER.finditer(whole, found[-1][0])) if found else []
    if len(found) < 100 or len(register) != 1:
        return None
    units = list(_units(whole, found))
    by_name = {name: text for text, names in units for name in names}
    wanted = [name for name in register[0][1].replace("()", "").split(",") if _trace(by_name, name) in traces]
    if len(wanted) != len(set(traces)):
        return None
    last, names = units[-1]
    units[-1] = (last.replace(register[0][1], ",".join(f"{name}()" for name in wanted)), names)
    return _joined(whole[: found[0][0]], units)


def _modules(whole: str, helpers: list[str]) -> list[tuple[int, str]]:
    """Where each module's statement begins, and the module's name: `var a,b,name=helper(…`."""
    found = []
    for helper in helpers:
        at = whole.find(f"={helper}(")
        while at >= 0:
            start = whole.rfind("var ", 0, at)
            names = whole[start + 4 : at].split(",") if at - start < 50_000 else []
            if names and all(map(_WORD.fullmatch, names)):
                found.append((start, names[-1]))
            at = whole.find(f"={helper}(", at + 1)
    return sorted(found)


Unit = tuple[str, list[str]]  # a text, and the names of the modules in it


def _units(whole: str, modules: list[tuple[int, str]]) -> Iterator[Unit]:
    """Modules with what stands between them: it belongs to one of its neighbours, so that they stay together.

    Whoever uses what a module declares calls the module first, by its name: no other names need be looked for.
    """
    begin, names = modules[0][0], []
    for (_, name), (end, _) in zip(modules, [*modules[1:], (len(whole), "")], strict=True):
        names.append(name)
        if whole.startswith("});", end - 3) or end == len(whole):
            yield whole[begin:end], names
            begin, names = end, []


def _trace(by_name: dict[str, str], name: str) -> str:
    """What kind of trace a registered module is: it hands on another one, which says so."""
    reached = re.search(rf"=({_NAME})\(\)\}}\);$", by_name.get(name, ""))
    told = re.search(r'moduleType:"trace",name:"(\w+)"', by_name.get(reached[1], "")) if reached else None
    return told[1] if told else ""


def _joined(head: str, units: list[Unit]) -> str:
    """The last unit and what it reaches, in the order of the file."""
    owner = {name: index for index, (_, names) in enumerate(units) for name in names}
    kept: set[int] = set()
    waiting = {len(units) - 1, *(owner[word] for word in set(_WORD.findall(head)) if word in owner)}
    while waiting:
        index = waiting.pop()
        kept.add(index)
        waiting |= {owner[word] for word in set(_WORD.findall(units[index][0])) if word in owner} - kept
    return head + "".join(units[index][0] for index in sorted(kept))
