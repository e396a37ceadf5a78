"""Where a forward's own source lets go of the gradient: looked up only when a cut was found."""

from __future__ import annotations

import inspect
import re
from typing import Any

_SIGNS = (
    ("detach", re.compile(r"\.detach(_)?\(")),
    ("detach", re.compile(r"\.data\b(?!\.)")),
    ("no_grad", re.compile(r"no_grad\(|set_grad_enabled\(False|inference_mode\(")),
    ("numpy", re.compile(r"\.numpy\(|\.tolist\(|\.item\(|np\.\w+\(")),
    ("argmax", re.compile(r"argmax\(|\.round\(|\.sign\(|\.long\(\)|\.int\(\)|\.topk\(|torch\.tensor\(|as_tensor\(")),
)
_DRAW = re.compile(r"torch\.normal\(|\.sample\(|\bmultinomial\(|\bbernoulli\(")


def sampling_in(modules: list[Any]) -> str | None:
    """ "file:line" where a class draws from a distribution, and nowhere learns from the draw's probability; or None."""
    for module in modules:
        try:
            lines, first = inspect.getsourcelines(type(module))
            file = inspect.getsourcefile(type(module)) or ""
        except (OSError, TypeError):
            continue
        code = [line.partition("#")[0] for line in lines]
        if "site-packages" in file or any("log_prob" in line for line in code):
            continue
        for offset, line in enumerate(code):
            if _DRAW.search(line):
                return f"{file}:{first + offset}"
    return None


def cut_in(modules: list[Any]) -> tuple[str, str | None]:
    """(why, "file:line") by the first sign in the forwards of these modules; ("unknown", None) without one."""
    for module in modules:
        try:
            lines, first = inspect.getsourcelines(type(module).forward)
            file = inspect.getsourcefile(type(module)) or ""
        except (OSError, TypeError):
            continue
        if "site-packages" in file:
            continue
        code = [line.partition("#")[0] for line in lines]
        for why, sign in _SIGNS:
            for offset, line in enumerate(code):
                if sign.search(line):
                    return why, f"{file}:{first + offset}"
    return "unknown", None
