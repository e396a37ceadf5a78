"""All verdicts on one self-contained page, and as the documentation's gallery."""

from __future__ import annotations

import html
import os
import platform
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..views.page import palette_css, write
from ..views.panel import Table
from ._lecture import PARTS
from ._svg import strip, svg
from ._verdict import Setting, Verdict

TITLE = "The lecture, re-measured"
WORDS = {"holds": "holds here", "does-not-hold": "does not hold here", "depends": "depends"}
MARKS = {"holds": "✔", "does-not-hold": "✖", "depends": "◐"}
INTRODUCTION = (
    "What practitioners say of neural networks, each statement an experiment. What would make it hold was said "
    "beforehand, as a bound on a measured number; the verdict follows from that bound alone, and what fails is shown failing."
)


@dataclass(frozen=True)
class Occasion:
    """Where and when it was measured."""

    date: str
    machine: str
    versions: str
    seconds: float
    quick: bool

    @classmethod
    def now(cls, seconds: float, quick: bool) -> Occasion:
        """This machine, today."""
        import time
        from importlib.metadata import version

        versions = f"babysit {version('babysit')}, PyTorch {version('torch').partition('+')[0]}, Python {platform.python_version()}"
        return cls(time.strftime("%Y-%m-%d"), machine(), versions, seconds, quick)

    @property
    def told(self) -> str:
        """In one line."""
        minutes = f"{self.seconds / 60:.1f} minutes" if self.seconds >= 90 else f"{self.seconds:.0f} seconds"
        return f"{self.date} · {self.machine} · {self.versions} · {minutes}{' · quick' if self.quick else ''}"


def machine() -> str:
    """The processor and its cores, in words."""
    name = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                name = line.partition(":")[2].strip()
                break
    except OSError:
        pass  # not Linux
    cores = os.cpu_count() or 1
    return f"{' '.join(name.split())}, {cores} core{'s' * (cores > 1)}, {platform.system()}"


def page(verdicts: Sequence[Verdict], occasion: Occasion) -> str:
    """The whole HTML file: no script, nothing loaded from elsewhere."""
    counts = Counter(one.verdict for one in verdicts)
    summary = " · ".join(
        f'<b class="{kind}">{MARKS[kind]} {counts[kind]} {"hold" if kind == "holds" and counts[kind] != 1 else {"holds": "holds", "does-not-hold": "do not hold" if counts[kind] != 1 else "does not hold", "depends": "depend" if counts[kind] != 1 else "depends"}[kind]}</b>'
        for kind in WORDS
        if counts[kind]
    )
    data = " · ".join(dict.fromkeys(one.data for one in verdicts))
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">",
        f"<title>{TITLE} · babysit</title><style>{palette_css()}{_STYLE}</style></head><body><main>",
        f"<header><h1>{TITLE}</h1><p class=lead>{INTRODUCTION}</p><p class=counts>{summary}</p>",
        f"<p class=facts>{_e(occasion.told)}</p><p class=facts>Data: {_e(data)}; where a ConvNet or the lecture's pixels are called for, generated "
        "images of CIFAR's shape unless the data are images of that size.</p></header>",
        _contents(verdicts),
    ]
    for part, members in by_part(verdicts):
        parts.append(f"<section><h2>{_e(part)}</h2>{''.join(_article(one) for one in members)}</section>")
    parts.append(
        "<footer><p>How to read it: each dot of a strip is one seed, the black line the 95 % interval of the mean (Student's t; of the logarithms for "
        "ratios), the green field where the claim holds. It holds where the whole interval lies in the field, in every setting; it does not hold where all "
        "lie outside; else it depends, and on what is said. In figures a line is the median over seeds and the field around it reaches from the lowest "
        "to the highest. The lecture is CS231n, Training Neural Networks.</p></footer></main></body></html>"
    )
    return "".join(parts)


def write_page(path: str | Path, verdicts: Sequence[Verdict], occasion: Occasion) -> Path:
    """Write the page whole or not at all.

    Raises:
        OutputError: it can't be written.
    """
    return write(path, page(verdicts, occasion))


def by_part(verdicts: Sequence[Verdict]) -> Iterable[tuple[str, list[Verdict]]]:
    """The verdicts under the lecture's headings."""
    names = [*PARTS, *dict.fromkeys(one.section.part for one in verdicts if one.section.part not in PARTS)]
    for part in names:
        members = [one for one in verdicts if one.section.part == part]
        if members:
            yield part, members


def _contents(verdicts: Sequence[Verdict]) -> str:
    blocks = []
    for part, members in by_part(verdicts):
        rows = "".join(
            f'<li><a href="#{_e(one.id)}"><span class="mark {one.verdict}" title="{WORDS[one.verdict]}">{MARKS[one.verdict]}</span>{_e(one.id.replace("-", " "))}</a></li>'
            for one in members
        )
        blocks.append(f"<div><h2>{_e(part)}</h2><ul>{rows}</ul></div>")
    return f'<nav aria-label="All claims">{"".join(blocks)}</nav>'


def _article(one: Verdict) -> str:
    rows = "".join(_row(setting) for setting in one.settings)
    tables = "".join(_table(mark) for mark in one.figure.marks if isinstance(mark, Table))
    source = _link(one.section.title, one.section.url)
    paper = _link(one.paper.name, one.paper.url)
    depends = f"<p class=depends>{_e(one.depends_on[0].upper() + one.depends_on[1:])}.</p>" if one.depends_on else ""
    words = "".join(f"<span>{_e(value.name)} <b>{_e(value.text)}</b></span>" for value in one.figure.values)
    beside = f"<p class=beside>{_e(one.beside)}</p>" if one.beside else ""
    note = f"<p class=note>{_e(one.figure.note)}</p>" if one.figure.note else ""
    return (
        f'<article id="{_e(one.id)}"><header><h3>{_e(one.statement)}</h3><span class="badge {one.verdict}">{MARKS[one.verdict]} {WORDS[one.verdict]}</span></header>'
        f"<div class=both><div class=words><p class=why>{_e(one.why)}</p>{depends}<table class=settings><tbody>{rows}</tbody></table>{beside}"
        f"<p class=source>{source} · {paper}</p><p class=recipe><code>{_e(one.command)}</code><span>{one.seeds} seeds, {one.seconds:.1f} s</span></p></div>"
        f"<figure><figcaption><b>{_e(one.figure.title)}</b>{words}</figcaption>{svg(one.figure)}{note}{tables}</figure></div></article>"
    )


def _row(setting: Setting) -> str:
    name = f"<b>{_e(setting.name)}</b> " if setting.name else ""
    return (
        f'<tr><td><span class="mark {setting.verdict}" title="{WORDS[setting.verdict]}">{MARKS[setting.verdict]}</span></td><td>{name}<span class=asked>{_e(setting.criterion.words)}</span>'
        f"<span class=told>{_e(setting.told)}</span></td><td>{strip([setting])}</td></tr>"
    )


def _table(table: Table) -> str:
    head = "".join(f"<th>{_e(cell)}</th>" for cell in table.header)
    rows = "".join("<tr>" + "".join(f"<td>{_e(cell)}</td>" for cell in row) + "</tr>" for row in table.rows)
    return f"<details><summary>the numbers, layer by layer</summary><table class=numbers><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></details>"


def _link(name: str, url: str) -> str:
    return f'<a href="{_e(url)}">{_e(name)}</a>' if url else _e(name)


def _e(text: object) -> str:
    return html.escape(str(text), quote=True)


_STYLE = """
*{box-sizing:border-box}html{-webkit-text-size-adjust:100%;scroll-behavior:smooth}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,Helvetica,Arial,sans-serif;font-variant-numeric:tabular-nums}
main{max-width:1240px;margin:0 auto;padding:40px 24px 80px}p{margin:0}a{color:var(--blue-ink);text-decoration:none}a:hover{text-decoration:underline}
h1{font-size:34px;line-height:1.15;letter-spacing:-.02em;margin:0 0 10px;font-weight:680}.lead{max-width:64ch;font-size:17px}
.counts{margin:18px 0 12px;font-size:18px;color:var(--dim)}.counts b{font-weight:600}.facts{color:var(--dim);font-size:13px;max-width:110ch}
.holds{color:var(--green-ink)}.does-not-hold{color:var(--vermillion-ink)}.depends{color:var(--orange-ink)}
h2{font-size:23px;letter-spacing:-.01em;margin:46px 0 14px;font-weight:650}
nav{columns:3 300px;column-gap:28px;margin:30px 0 10px;padding:20px 22px;background:var(--paper);border:1px solid var(--edge);border-radius:12px}
nav div{break-inside:avoid;margin-bottom:14px}nav h2{font-size:13px;letter-spacing:0;margin:0 0 4px;color:var(--dim);font-weight:600}nav ul{list-style:none;margin:0;padding:0;font-size:13.5px;line-height:1.65}
nav a{color:var(--ink);display:flex;gap:8px}.mark{flex:none;width:1.1em;display:inline-block;text-align:center}
article{background:var(--paper);border:1px solid var(--edge);border-radius:12px;padding:20px 22px 16px;margin:0 0 16px;scroll-margin-top:12px}
article:target{border-color:var(--blue)}article>header{display:flex;gap:16px;align-items:baseline;justify-content:space-between;margin-bottom:10px}
article h3{font-size:17px;line-height:1.35;margin:0;font-weight:640;max-width:72ch}.badge{white-space:nowrap;font-weight:600;font-size:14px}
.both{display:grid;grid-template-columns:minmax(0,1fr) minmax(0,1.12fr);gap:26px;align-items:start}
.why{margin-bottom:10px}p.depends{font-size:14px;margin-bottom:8px}.settings{border-collapse:collapse;width:100%;font-size:13px;line-height:1.45}
.settings td{padding:7px 8px 7px 0;border-top:1px solid var(--grid);vertical-align:top}.settings td:last-child{width:34%;padding:4px 0;vertical-align:middle}.settings td:first-child{width:20px}
.asked{color:var(--dim)}.told{display:block}.strip{width:100%;display:block}
.beside{margin-top:10px;font-size:13px;padding-left:10px;border-left:2px solid var(--edge)}.source{margin-top:10px;font-size:13px;color:var(--dim)}
.recipe{display:flex;flex-wrap:wrap;gap:2px 14px;margin-top:6px;font-size:13px;color:var(--dim);align-items:baseline}code{font:12.5px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;background:var(--page);padding:2px 7px;border-radius:5px;color:var(--ink)}
figure{margin:0;min-width:0}figcaption{font-size:13.5px;margin-bottom:4px;display:flex;flex-wrap:wrap;gap:0 14px;color:var(--dim)}figcaption>b{color:var(--ink);font-weight:600}figcaption span b{color:var(--ink);font-weight:600}
figure>svg{width:100%;height:auto;display:block}.note{font-size:13px;color:var(--dim)}
details{font-size:13px;color:var(--dim);margin-top:6px}summary{cursor:pointer}.numbers{border-collapse:collapse;margin-top:6px}.numbers td,.numbers th{padding:2px 18px 2px 0;text-align:right;font-weight:400}.numbers td:first-child{text-align:left}
footer{color:var(--dim);font-size:13px;margin-top:36px;max-width:100ch}
@media(max-width:900px){.both{grid-template-columns:minmax(0,1fr)}article>header{flex-direction:column;gap:2px}main{padding:24px 14px 60px}nav{columns:1}}
@media print{article{break-inside:avoid}nav a{color:inherit}}
"""
