"""The report: one self-contained HTML file with the same figures as the live page.

No request leaves it: style, drawing code, plotly.js (compressed) and the record are inside, under a content
security policy that allows nothing else. Whatever came from outside lies in it as JSON and is put in as text.
"""

from __future__ import annotations

import base64
import functools
import gzip
import html
import json
import os
import re
import secrets
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ..errors import OutputError
from ..record import Run
from .bundle import drawing_code
from .cards import cards, heading, verdict_card
from .palette import tones
from .panel import Panel

STATIC = Path(__file__).parent / "static"


def report(
    record: Any,
    path: str | Path = "report.html",
    *,
    verdict: Any = None,
    study: Any = None,
    panels: Iterable[Callable[..., Panel | None]] = (),
) -> Path:
    """Write a run or a study as one HTML file, whole or not at all.

    Args:
        record: a `Run`, or a `Study`.
        path: where to; an existing file is replaced.
        verdict: what the doctor says of the run (`status`, `findings`, `reason`).
        study: the search that led to the run, shown below it.
        panels: figures of your own, functions of the run that give a Panel.

    Raises:
        OutputError: the file can't be written.

    Examples:
        >>> report(Run.of({"loss.train": [2.3, 1.2, 0.7]}), "report.html").name
        'report.html'
    """
    from .study import is_study, study_heading

    if is_study(record):
        content = {"heading": study_heading(record), "cards": cards(record, "study", panels)}
    else:
        content = {
            "heading": {**heading(record), "verdict": verdict_card(verdict, record)},
            "cards": cards(record, "run", panels),
        }
        study = study if study is not None else _study_of(record)
        if study is not None:
            content["cards"] += cards(study, "study")
    return write(path, document(content))


def document(content: dict[str, Any]) -> str:
    """The whole file: `content` is {"heading": …, "cards": […]}."""
    nonce = secrets.token_urlsafe(12)
    name = html.escape(content["heading"]["name"])
    words = (
        html.escape(content["heading"].get("verdict", {}).get("words", "")) if content["heading"].get("verdict") else ""
    )
    policy = (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; style-src-attr 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{name} · babysit</title>
<style nonce="{nonce}">{palette_css()}{_static("style.css")}</style>
<style id="plotly.js-style-global" class="no-inline-styles" nonce="{nonce}"></style>
</head><body>
<header></header>
<main></main>
<noscript>{name}. {words} The figures need JavaScript, which this page has inside; nothing is loaded from elsewhere.</noscript>
<script type="application/json" id="record">{embedded(content)}</script>
<script type="application/octet-stream" id="plotly">{_packed_plotly()}</script>
<script type="module" nonce="{nonce}">
{_UNPACK}
{_without_modules(_static("draw.js"))}
{_without_modules(_static("report.js"))}
</script>
</body></html>
"""


_UNPACK = """
const packed = Uint8Array.from(atob(document.getElementById("plotly").textContent), (one) => one.charCodeAt(0));
const source = await new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
const script = document.createElement("script");
script.nonce = document.querySelector("script[nonce]").nonce;
script.textContent = source;
const make = document.createElement;
document.createElement = function (tag, ...more) { return make.call(this, tag === "style" ? "template" : tag, ...more); };
document.head.append(script); // its styles for maps aren't needed, and the policy would refuse them
document.createElement = make;
"""


def embedded(value: Any) -> str:
    """JSON that can stand inside a script element: nothing in it can end it or open another."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False, default=_plain)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def palette_css() -> str:
    """The colours as CSS variables, light and dark, by the system's wish or the reader's choice."""

    def block(dark: bool) -> str:
        own = {"page": "#0f1214", "edge": "#2a2f35"} if dark else {"page": "#f6f7f8", "edge": "#e2e5e8"}
        body = "".join(f"--{name}:{value};" for name, value in {**tones(dark), **own}.items())
        return f"color-scheme:{'dark' if dark else 'light'};{body}"

    return (
        f":root{{{block(False)}}}@media (prefers-color-scheme:dark){{:root:not([data-theme=light]){{{block(True)}}}}}"
        f":root[data-theme=dark]{{{block(True)}}}\n"
    )


def write(path: str | Path, text: str) -> Path:
    """Write a file whole or not at all.

    Raises:
        OutputError: it can't be written.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            os.chmod(name, 0o666 & ~_umask())
            os.replace(name, path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise OutputError(f"the report {path} must be writable, but: {error.strerror or error}") from error
    return path


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _study_of(run: Run) -> Any:
    """The search recorded with a run, where there is one."""
    from .study import study_from

    return study_from(run.fact("study"))


@functools.lru_cache(maxsize=1)
def _packed_plotly() -> str:
    return base64.b64encode(gzip.compress(drawing_code().encode(), 9, mtime=0)).decode()


def _static(name: str) -> str:
    return (STATIC / name).read_text(encoding="utf-8")


def _without_modules(code: str) -> str:
    """One file's code to stand beside another's in one script."""
    return re.sub(r"^import .*;$", "", re.sub(r"^export ", "", code, flags=re.M), flags=re.M)


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else str(value)
