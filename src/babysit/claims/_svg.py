"""A panel as SVG: no script, sharp at any size, its colours those of the page around it (CSS variables of the palette)."""

from __future__ import annotations

import base64
import html
import io
import itertools
import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..views.palette import CIVIDIS, DARK, LIGHT
from ..views.panel import ROLES, TONES, Area, Axis, Bars, Dots, Heat, Images, Line, Panel

WIDTH = 660
FONT = "system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
CHARACTER = 6.3  # width of one at 12 px, about


@dataclass(frozen=True)
class Scale:
    """From values to pixels, linear or logarithmic."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: Any) -> Any:
        array = np.asarray(value, float)
        low, high = self.low, self.high
        if self.log:
            with np.errstate(divide="ignore", invalid="ignore"):
                array = np.log10(array)
            low, high = math.log10(low), math.log10(high)
        return self.start + (array - low) / ((high - low) or 1.0) * (self.end - self.start)


def svg(panel: Panel, *, standalone: bool = False) -> str:
    """The panel's marks (tables left out, they are the page's).

    Args:
        standalone: with its own colours, light and dark, background and title, for a file.
    """
    images = next((mark for mark in panel.marks if isinstance(mark, Images)), None)
    if images is not None:
        body, height = _pictures(images)
    else:
        body, height = _plot(panel), panel.height + 40
    head, top = "", 0
    if standalone:
        top = 52 if panel.values else 34
        words = " · ".join(f"{one.name} {one.text}".strip() for one in panel.values)
        head = f'<style>{_colours()}</style><rect width="100%" height="100%" rx="8" style="fill:var(--paper)"/>'
        head += (
            f'<text x="16" y="24" style="fill:var(--ink);font-weight:600;font-size:14px">{_text(panel.title)}</text>'
        )
        head += f'<text x="16" y="43" style="fill:var(--dim)">{_text(words)}</text>' if words else ""
        body = f'<g transform="translate(0 {top})">{body}</g>'
    height += top
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{_text(panel.spoken)}" '
        f'style="font:12px {FONT};font-variant-numeric:tabular-nums">{head}{body}</svg>'
    )


def _colours() -> str:
    def block(tones: dict[str, str]) -> str:
        return "".join(f"--{name}:{value};" for name, value in tones.items())

    return f"svg{{{block(LIGHT)}}}@media(prefers-color-scheme:dark){{svg{{{block(DARK)}}}}}"


def _tone(mark: Any, index: int) -> str:
    return ROLES.get(mark.tone, mark.tone) or TONES[index % len(TONES)]


def _text(words: object) -> str:
    return html.escape(str(words), quote=True)


def _n(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".")


def _plot(panel: Panel) -> str:
    bars = next((mark for mark in panel.marks if isinstance(mark, Bars)), None)
    if bars is not None:
        return _bars(bars, panel)
    heat = next((mark for mark in panel.marks if isinstance(mark, Heat)), None)
    labels = [one.name for one in panel.marks if isinstance(one, Line) and one.label and one.style != "faint"]
    right = 24 + (max((len(one) for one in labels), default=0) * 1.08 * CHARACTER + 10 if labels else 0)
    dots = next((mark for mark in panel.marks if isinstance(mark, Dots) and mark.values is not None), None)
    right = 84 if dots is not None else right
    names = panel.y.names or (tuple(heat.rows) if heat is not None else ())
    left = max(len(one) for one in names) * CHARACTER + 22 if names else 66
    bottom, top, height = 46, 16, panel.height + 40
    box = (left, WIDTH - right, height - bottom, top)
    if heat is not None:
        return _heat(heat, panel, box)
    x = Scale(*_extent(panel, "x"), box[0], box[1], panel.x.log)
    y = Scale(*_extent(panel, "y"), box[2], box[3], panel.y.log)
    parts = [_bands(panel, x, y, box), _grid(panel, x, y, box)]
    clip = f"c{zlib.crc32((panel.title + panel.note).encode())}"  # `hash` differs from process to process
    parts.append(
        f'<clipPath id="{clip}"><rect x="{_n(box[0] - 5)}" y="{_n(box[3] - 5)}" width="{_n(box[1] - box[0] + 10)}" height="{_n(box[2] - box[3] + 10)}"/></clipPath>'
    )
    parts.append(f'<g clip-path="url(#{clip})">')
    for index, mark in enumerate(panel.marks):
        if isinstance(mark, Area):
            parts.append(_area(mark, _tone(mark, index), x, y))
        elif isinstance(mark, Line):
            parts.append(_line(mark, _tone(mark, index), x, y))
        elif isinstance(mark, Dots):
            parts.append(_dots(mark, _tone(mark, index), x, y))
    parts.append("</g>")
    parts += [_limits(panel, x, y, box), _names(panel, y, box)]
    if dots is not None:
        parts.append(_key(dots, box))
    return "".join(parts)


def _extent(panel: Panel, which: str) -> tuple[float, float]:
    axis: Axis = getattr(panel, which)
    values = []
    for mark in panel.marks:
        for name in ("x",) if which == "x" else ("y", "low", "high"):
            array = np.asarray(getattr(mark, name, ()), float).ravel()
            values += array[np.isfinite(array) & ((array > 0) | (not axis.log))].tolist()
    values += [
        one.value
        for one in panel.limits
        if one.axis == which and math.isfinite(one.value) and (one.value > 0 or not axis.log)
    ]
    low = axis.low if axis.low is not None else min(values, default=0.0)
    high = axis.high if axis.high is not None else max(values, default=1.0)
    if axis.log:
        low, high = max(low, 1e-30), max(high, 1e-29)
        room = 0.03 * (math.log10(high / low) or 1.0)
        return (low if axis.low is not None else low / 10**room, high if axis.high is not None else high * 10**room)
    room = 0.04 * ((high - low) or 1.0)
    return (low if axis.low is not None else low - room, high if axis.high is not None else high + room)


def _ticks(scale: Scale, axis: Axis) -> list[tuple[float, str]]:
    if axis.names:
        return [(float(index), name) for index, name in enumerate(axis.names)]
    if scale.log:
        first, last = math.ceil(math.log10(scale.low) - 1e-9), math.floor(math.log10(scale.high) + 1e-9)
        if last - first >= 2:
            stride = max(1, math.ceil((last - first + 1) / 7))
            return [(10.0**one, _power(one, axis.share)) for one in range(first, last + 1, stride)]
        found = [
            m * 10.0**e for e in range(first - 1, last + 1) for m in (1, 2, 5) if scale.low <= m * 10.0**e <= scale.high
        ]
        return [(one, _plain(one, axis.share)) for one in found]
    span = (scale.high - scale.low) or 1.0
    step = 10 ** math.floor(math.log10(span / 5))
    step *= min((m for m in (1, 2, 5, 10) if span / (step * m) <= 6), default=10)
    first = math.ceil(scale.low / step - 1e-9)
    found = [index * step for index in range(first, int(scale.high / step + 1e-9) + 1)]
    return [(one, _plain(one, axis.share)) for one in found]


def _power(exponent: int, share: bool) -> str:
    if share:
        return _plain(10.0**exponent, True)
    if -3 <= exponent <= 3:
        return f"{10.0**exponent:,.10g}"
    return "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _plain(value: float, share: bool) -> str:
    return f"{100 * value:.4g} %" if share else f"{value:,.4g}".replace("-", "−") if abs(value) > 1e-12 else "0"


def _grid(panel: Panel, x: Scale, y: Scale, box: tuple[float, float, float, float]) -> str:
    left, right, bottom, _top = box
    parts = []
    for value, name in _ticks(y, panel.y):
        at = float(y(value))
        parts.append(f'<line x1="{_n(left)}" x2="{_n(right)}" y1="{_n(at)}" y2="{_n(at)}" style="stroke:var(--grid)"/>')
        tone = "ink" if panel.y.names else "dim"
        parts.append(
            f'<text x="{_n(left - 8)}" y="{_n(at + 4)}" text-anchor="end" style="fill:var(--{tone})">{_text(name)}</text>'
        )
    for value, name in _ticks(x, panel.x):
        at = float(x(value))
        parts.append(
            f'<line x1="{_n(at)}" x2="{_n(at)}" y1="{_n(bottom)}" y2="{_n(bottom + 4)}" style="stroke:var(--dim)"/>'
        )
        parts.append(
            f'<text x="{_n(at)}" y="{_n(bottom + 18)}" text-anchor="middle" style="fill:var(--dim)">{_text(name)}</text>'
        )
    parts.append(
        f'<line x1="{_n(left)}" x2="{_n(right)}" y1="{_n(bottom)}" y2="{_n(bottom)}" style="stroke:var(--dim)"/>'
    )
    parts.append(_titles(panel, box))
    return "".join(parts)


def _titles(panel: Panel, box: tuple[float, float, float, float]) -> str:
    left, right, bottom, top = box
    parts = (
        [
            f'<text x="{_n((left + right) / 2)}" y="{_n(bottom + 37)}" text-anchor="middle" style="fill:var(--dim)">{_text(panel.x.label)}</text>'
        ]
        if panel.x.label
        else []
    )
    if panel.y.label:
        parts.append(
            f'<text transform="translate(14 {_n((top + bottom) / 2)}) rotate(-90)" text-anchor="middle" style="fill:var(--dim);font-size:11.5px">{_text(panel.y.label)}</text>'
        )
    return "".join(parts)


def _points(x: Any, y: Any) -> list[list[tuple[float, float]]]:
    """Unbroken stretches of a series."""
    parts: list[list[tuple[float, float]]] = [[]]
    for one, other in zip(np.asarray(x, float), np.asarray(y, float)):
        if math.isfinite(one) and math.isfinite(other):
            parts[-1].append((float(one), float(other)))
        elif parts[-1]:
            parts.append([])
    return [part for part in parts if part]


def _thinned(mark: Any, *names: str) -> list[np.ndarray]:
    arrays = [np.asarray(getattr(mark, name), float) for name in names]
    count = len(arrays[0])
    if count <= 220:
        return arrays
    at = np.unique(np.linspace(0, count - 1, 220).astype(int))
    return [one[at] for one in arrays]


def _line(line: Line, tone: str, x: Scale, y: Scale) -> str:
    xs, ys = (
        _thinned(line, "x", "y") if line.style != "dots" else [np.asarray(line.x, float), np.asarray(line.y, float)]
    )
    stretches = _points(x(xs), y(ys))
    if line.style == "dots" or (line.style != "faint" and all(len(one) == 1 for one in stretches)):
        spots = "".join(f'<circle cx="{_n(a)}" cy="{_n(b)}" r="3.6"/>' for one in stretches for a, b in one)
        return f'<g style="fill:var(--{tone});fill-opacity:.75">{spots}</g>'
    path = "".join("M" + "L".join(f"{_n(a)} {_n(b)}" for a, b in one) for one in stretches)
    style = {"faint": "stroke-opacity:.3;stroke-width:1", "dash": "stroke-width:1.8;stroke-dasharray:3 4"}.get(
        line.style, "stroke-width:2"
    )
    return f'<path d="{path}" style="fill:none;stroke:var(--{tone});stroke-linejoin:round;{style}"/>'


def _area(area: Area, tone: str, x: Scale, y: Scale) -> str:
    xs, low, high = _thinned(area, "x", "low", "high")
    forth, back = list(zip(x(xs), y(high))), list(zip(x(xs), y(low)))[::-1]
    ring = [(a, b) for a, b in [*forth, *back] if math.isfinite(a) and math.isfinite(b)]
    return (
        f'<polygon points="{" ".join(f"{_n(a)},{_n(b)}" for a, b in ring)}" style="fill:var(--{tone});fill-opacity:.15"/>'
        if ring
        else ""
    )


def _dots(dots: Dots, tone: str, x: Scale, y: Scale) -> str:
    if dots.values is None:
        fills = [f"var(--{tone})"] * len(dots.x)
    else:
        values = np.asarray(dots.values, float)
        low, high = float(np.nanmin(values)), float(np.nanmax(values))
        fills = [CIVIDIS[round((one - low) / ((high - low) or 1) * (len(CIVIDIS) - 1))] for one in values]
    return "".join(
        f'<circle cx="{_n(a)}" cy="{_n(b)}" r="4.5" style="fill:{fill};stroke:var(--paper);stroke-width:.8"/>'
        for a, b, fill in zip(x(dots.x), y(dots.y), fills)
    )


def _key(dots: Dots, box: tuple[float, float, float, float]) -> str:
    _, right, bottom, top = box
    values = np.asarray(dots.values, float)
    tall = (bottom - top) / len(CIVIDIS)
    parts = [
        f'<rect x="{_n(right + 18)}" y="{_n(bottom - (k + 1) * tall)}" width="8" height="{_n(tall + 0.5)}" style="fill:{one}"/>'
        for k, one in enumerate(CIVIDIS)
    ]
    for value, at in ((values.min(), bottom), (values.max(), top + 8)):
        parts.append(
            f'<text x="{_n(right + 31)}" y="{_n(at)}" style="fill:var(--dim)">{_plain(round(float(value), 3), dots.share)}</text>'
        )
    middle = (top + bottom) / 2
    parts.append(
        f'<text transform="translate({_n(right + 42)} {_n(middle)}) rotate(-90)" text-anchor="middle" style="fill:var(--dim);font-size:11.5px">{_text(dots.label)}</text>'
    )
    return "".join(parts)


def _names(panel: Panel, y: Scale, box: tuple[float, float, float, float]) -> str:
    """Each line's name at its end, moved apart."""
    found = []
    for index, mark in enumerate(panel.marks):
        if isinstance(mark, Line) and mark.label and mark.style != "faint":
            stretches = _points(mark.x, y(mark.y))
            if stretches:
                at = min(max(stretches[-1][-1][1], box[3] + 4), box[2] - 2)
                found.append([at, mark.name, _tone(mark, index)])
    found.sort(key=lambda one: one[0])
    for before, one in itertools.pairwise(found):
        one[0] = max(one[0], before[0] + 15)
    over = found[-1][0] - box[2] if found else 0.0
    for after, one in zip([None, *found[::-1]], found[::-1]):
        if over > 0:
            one[0] = min(one[0], box[2] if after is None else after[0] - 15)
    return "".join(
        f'<text x="{_n(box[1] + 8)}" y="{_n(at + 4)}" style="fill:var(--{tone}-ink)">{_text(name)}</text>'
        for at, name, tone in found
    )


def _limits(panel: Panel, x: Scale, y: Scale, box: tuple[float, float, float, float]) -> str:
    left, right, bottom, top = box
    parts, used = [], []
    for one in panel.limits:
        tone = ROLES.get(one.tone, one.tone)
        at = float(x(one.value) if one.axis == "x" else y(one.value))
        if not math.isfinite(at):
            continue
        style = f"stroke:var(--{tone});stroke-width:1.2;stroke-dasharray:6 4"
        if one.axis == "x":
            parts.append(f'<line x1="{_n(at)}" x2="{_n(at)}" y1="{_n(top)}" y2="{_n(bottom)}" style="{style}"/>')
            level = top + 11
            while any(abs(level - b) < 13 and abs(at - a) < 150 for a, b in used):
                level += 14
            used.append((at, level))
            late = at > right - len(one.label) * CHARACTER
            parts.append(_words(at + (-5 if late else 5), level, one.label, tone, "end" if late else "start"))
        else:
            parts.append(f'<line x1="{_n(left)}" x2="{_n(right)}" y1="{_n(at)}" y2="{_n(at)}" style="{style}"/>')
            parts.append(_words(left + 6, at - 5 if at - 16 > top else at + 14, one.label, tone, "start"))
    return "".join(parts)


def _words(x: float, y: float, words: str, tone: str, anchor: str) -> str:
    halo = "paint-order:stroke;stroke:var(--paper);stroke-width:3px;stroke-linejoin:round"
    return f'<text x="{_n(x)}" y="{_n(y)}" text-anchor="{anchor}" style="fill:var(--{tone}-ink);font-size:11.5px;{halo}">{_text(words)}</text>'


def _bands(panel: Panel, x: Scale, y: Scale, box: tuple[float, float, float, float]) -> str:
    left, right, bottom, top = box
    parts = []
    for one in panel.bands:
        tone = ROLES.get(one.tone, one.tone)
        scale = x if one.axis == "x" else y
        a, b = sorted(
            float(np.clip(scale(end), min(scale.start, scale.end), max(scale.start, scale.end)))
            for end in (one.low, one.high)
        )
        shape = (a, top, b - a, bottom - top) if one.axis == "x" else (left, a, right - left, b - a)
        parts.append(
            '<rect x="{}" y="{}" width="{}" height="{}" '.format(*(_n(each) for each in shape))
            + f'style="fill:var(--{tone});fill-opacity:.12"/>'
        )
        parts.append(
            _words(
                a + 5 if one.axis == "x" else left + 6,
                top + 12 if one.axis == "x" else a + 14,
                one.label,
                tone,
                "start",
            )
        )
    return "".join(parts)


def _bars(bars: Bars, panel: Panel) -> str:
    left, right, top = max(len(one) for one in bars.names) * CHARACTER + 24, WIDTH - 80, 12
    tall = (panel.height + 40 - 2 * top) / len(bars.names)
    most = max([*(value for value in bars.values if math.isfinite(value)), 1e-12])
    parts = []
    for index, (name, value) in enumerate(zip(bars.names, bars.values)):
        tone = ROLES.get(bars.tones[index], bars.tones[index]) if bars.tones else TONES[0]
        at, long = top + index * tall, max(1.0, (right - left) * value / most)
        parts.append(
            f'<rect x="{_n(left)}" y="{_n(at + 0.18 * tall)}" width="{_n(long)}" height="{_n(0.64 * tall)}" rx="2" style="fill:var(--{tone})"/>'
        )
        middle = at + tall / 2 + 4
        parts.append(
            f'<text x="{_n(left - 10)}" y="{_n(middle)}" text-anchor="end" style="fill:var(--ink)">{_text(name)}</text>'
        )
        told = f"{100 * value:.3g} %" if bars.share else f"{value:.3g}"
        parts.append(f'<text x="{_n(left + long + 7)}" y="{_n(middle)}" style="fill:var(--dim)">{told}</text>')
    return "".join(parts)


def _heat(heat: Heat, panel: Panel, box: tuple[float, float, float, float]) -> str:
    left, right, bottom, top = box
    cells = np.asarray(heat.cells, float)
    wide, tall = (right - left) / cells.shape[1], (bottom - top) / cells.shape[0]
    most = float(np.nanmax(cells)) or 1.0
    parts = []
    for row in range(cells.shape[0]):
        y = top + row * tall
        parts.append(
            f'<text x="{_n(left - 8)}" y="{_n(y + tall / 2 + 4)}" text-anchor="end" style="fill:var(--ink)">{_text(heat.rows[row])}</text>'
        )
        base = y + tall - 1
        steps = [f"M{_n(left)} {_n(base)}"]
        for column in range(cells.shape[1]):
            level = base - (tall - 4) * cells[row, column] / most
            steps.append(f"V{_n(level)}H{_n(left + (column + 1) * wide)}")
        parts.append(f'<path d="{"".join(steps)}V{_n(base)}Z" style="fill:var(--blue);fill-opacity:.75"/>')
        parts.append(
            f'<line x1="{_n(left)}" x2="{_n(right)}" y1="{_n(base)}" y2="{_n(base)}" style="stroke:var(--grid)"/>'
        )
    for column, name in enumerate(heat.column_names):
        if name:
            parts.append(
                f'<text x="{_n(left + (column + 0.5) * wide)}" y="{_n(bottom + 18)}" text-anchor="middle" style="fill:var(--dim)">{_text(name)}</text>'
            )
    if heat.column_names:
        return "".join(parts) + _titles(panel, box)
    columns = np.asarray(heat.columns, float)
    half = (columns[1] - columns[0]) / 2
    x = Scale(columns[0] - half, columns[-1] + half, left, right)
    for value, name in _ticks(x, panel.x):
        parts.append(
            f'<text x="{_n(float(x(value)))}" y="{_n(bottom + 18)}" text-anchor="middle" style="fill:var(--dim)">{_text(name)}</text>'
        )
    return "".join(parts) + _titles(panel, box)


def _pictures(images: Images) -> tuple[str, int]:
    side, gap, across = 92, 14, 6
    parts = []
    for index, (caption, pixels) in enumerate(images.pictures):
        x, y = 20 + (index % across) * (side + gap), 10 + (index // across) * (side + 30)
        parts.append(
            f'<image x="{x}" y="{y}" width="{side}" height="{side}" style="image-rendering:pixelated" href="{_png(pixels)}"/>'
        )
        parts.append(
            f'<text x="{x + side / 2:g}" y="{y + side + 15}" text-anchor="middle" style="fill:var(--dim);font-size:11px">{_text(caption)}</text>'
        )
    return "".join(parts), 14 + math.ceil(len(images.pictures) / across) * (side + 30)


def _png(pixels: np.ndarray) -> str:
    from PIL import Image

    whole = (np.clip(np.nan_to_num(pixels), 0, 1) * 255).round().astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(whole).save(out, "PNG")
    return f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}"


def strip(settings: Sequence[Any]) -> str:
    """The values of every seed against the bounds, one row for each setting: what a verdict rests on, at a glance."""
    rows, tall = [], 22
    for index, one in enumerate(settings):
        rows.append(f'<g transform="translate(0 {index * tall})">{_strip(one)}</g>')
    return f'<svg class="strip" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 220 {tall * len(settings)}" aria-hidden="true">{"".join(rows)}</svg>'


def _strip(setting: Any) -> str:
    ratio = setting.criterion.ratio
    change = (lambda v: math.log10(max(v, 1e-12))) if ratio else (lambda v: v)
    values = [change(v) for v in setting.values if math.isfinite(v)]
    ends = [change(v) for v in setting.interval if math.isfinite(v) and (v > 0 or not ratio)]
    bounds = [
        change(v) for v in (setting.criterion.low, setting.criterion.high) if math.isfinite(v) and (v > 0 or not ratio)
    ]
    known = [*values, *ends, *bounds]
    if not known:
        return ""
    low, high = min(known), max(known)
    room = 0.08 * ((high - low) or 1.0)
    x = Scale(low - room, high + room, 4, 216)
    fair_low = (
        float(x(change(setting.criterion.low)))
        if math.isfinite(setting.criterion.low) and (setting.criterion.low > 0 or not ratio)
        else 0
    )
    fair_high = float(x(change(setting.criterion.high))) if math.isfinite(setting.criterion.high) else 220
    fair_low, fair_high = (min(max(one, 0), 220) for one in (fair_low, fair_high))
    parts = [
        f'<rect x="{_n(fair_low)}" y="3" width="{_n(max(fair_high - fair_low, 1.5))}" height="16" rx="2" style="fill:var(--green);fill-opacity:.16"/>'
    ]
    if len(ends) == 2:
        a, b = (float(x(one)) for one in ends)
        parts.append(f'<line x1="{_n(a)}" x2="{_n(b)}" y1="11" y2="11" style="stroke:var(--ink);stroke-width:1.6"/>')
    parts += [
        f'<circle cx="{_n(float(x(v)))}" cy="11" r="3" style="fill:var(--blue);fill-opacity:.7"/>' for v in values
    ]
    return "".join(parts)
