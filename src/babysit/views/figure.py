"""A panel as a Plotly figure: plain JSON, drawn by plotly.js in the page, the report and the notebook.

Text from outside is written for Plotly's own small markup: `<`, `>` and `&` are escaped, so names stay names.
"""

from __future__ import annotations

import base64
import html
import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .palette import CIVIDIS, resolve
from .panel import ROLES, TONES, Area, Axis, Bars, Dots, Heat, Limit, Line, Mark, Panel, Spokes, StepHeat
from .thin import thin
from .words import clean, number, share

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif"
_PLOT_HEIGHT = 0.72  # of a panel's height, about: what axis labels leave


def figure(panel: Panel, *, width: int = 800, dark: bool | None = None, height: int | None = None) -> dict[str, Any]:
    """`{"data": […], "layout": {…}}`.

    Args:
        panel: thinned here where it isn't yet.
        width: pixels that there are.
        dark: colours of the light or the dark scheme; None leaves their names for the page to resolve.
        height: pixels; the panel's own by default.
    """
    if any(isinstance(mark, StepHeat) for mark in panel.marks):
        panel = thin(panel, width)
    tall = height or panel.height
    drawn: list[dict[str, Any]] = []
    labels: list[tuple[float, str, str]] = []
    for index, mark in enumerate(panel.marks):
        drawn += _traces(mark, tone(mark, index), panel)
        if isinstance(mark, Line) and mark.label and mark.style != "faint":
            labels += _label(mark, tone(mark, index))
    layout = _layout(panel, tall)
    layout["annotations"] += _placed(labels, panel, tall * _PLOT_HEIGHT)
    if labels:
        layout["margin"]["r"] = min(150, 18 + 7 * max(len(text) for _, text, _ in labels))
    whole = {"data": drawn, "layout": layout}
    return whole if dark is None else resolve(whole, dark)


def tone(mark: Mark, index: int) -> str:
    """A mark's colour: its role's, its own, or the next of the palette."""
    own = getattr(mark, "tone", "")
    return ROLES.get(own, own) or TONES[index % len(TONES)]


def text(value: object, limit: int = 200) -> str:
    """Text from outside for Plotly: it can't be markup."""
    return html.escape(clean(value, limit), quote=False)


def numbers(values: Any) -> Any:
    """An array as plotly.js reads it: base64 of float32 (int32 for whole numbers), short ones as a list."""
    values = np.asarray(values)
    if values.dtype.kind in "US":
        return [text(one) for one in values.tolist()]
    if values.size <= 16 and values.ndim == 1:
        return [one if isinstance(one, int) or math.isfinite(one) else None for one in values.tolist()]
    if values.dtype.kind in "iub" and (not values.size or np.abs(values).max() < 2**31):
        kind, values = "i4", values.astype("<i4")
    else:
        kind = "f4"
        with np.errstate(over="ignore"):
            values = np.where(np.isfinite(values), values, np.nan).astype("<f4")
    packed = {"dtype": kind, "bdata": base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()}
    return packed | ({"shape": f"{values.shape[0]}, {values.shape[1]}"} if values.ndim == 2 else {})


def _traces(mark: Mark, color: str, panel: Panel) -> list[dict[str, Any]]:
    if isinstance(mark, Line):
        return [_line(mark, color, panel)]
    if isinstance(mark, Area):
        edge = {"type": "scatter", "mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False, "x": numbers(mark.x)}  # fmt: skip
        return [edge | {"y": numbers(mark.low)},
                edge | {"y": numbers(mark.high), "fill": "tonexty", "fillcolor": f"@{color}/0.14", "name": text(mark.name)}]  # fmt: skip
    if isinstance(mark, Dots):
        return [_dots(mark, color)]
    if isinstance(mark, Bars):
        colors = [f"@{ROLES.get(one, one)}" for one in mark.tones] or f"@{color}"
        told = [share(one) if mark.share else number(one) for one in mark.values]
        return [{"type": "bar", "orientation": "h", "y": [text(one, 60) for one in mark.names], "x": list(mark.values),
                 "marker": {"color": colors}, "text": told, "textposition": "outside", "cliponaxis": False,
                 "hoverinfo": "skip", "textfont": {"color": "@ink"}}]  # fmt: skip
    if isinstance(mark, Heat):
        return [_heat(mark, panel.height)]
    if isinstance(mark, Spokes):
        return _spokes(mark)
    return []  # pictures and tables are drawn by the page itself


def _line(line: Line, color: str, panel: Panel) -> dict[str, Any]:
    trace: dict[str, Any] = {
        "type": "scatter", "name": text(line.name), "x": numbers(line.x), "y": numbers(line.y), "showlegend": False,
        "mode": "markers" if line.style == "dots" else "lines",
        "line": {"color": f"@{color}", "width": 1.8, "shape": "hv" if line.style == "step" else "linear"},
        "hovertemplate": "%{y:.1%}" if panel.y.share else "%{y:.4~g}",
    }  # fmt: skip
    if line.style == "faint":
        trace |= {"hoverinfo": "skip"}
        del trace["hovertemplate"]
        trace["line"] = {"color": f"@{color}/0.28", "width": 1}
    if line.style == "dash":
        trace["line"]["dash"] = "dot"
    if line.style == "dots":
        trace["marker"] = {"color": f"@{color}", "size": 6}
    if len(line.x) == 1:
        trace |= {"mode": "markers", "marker": {"color": f"@{color}", "size": 6}}
    if line.text:
        trace |= {"text": [text(one) for one in line.text], "hovertemplate": "%{text}<extra></extra>"}
    else:
        trace["hovertemplate"] = trace.get("hovertemplate", "") + f"<extra>{text(line.name, 60)}</extra>"
    return trace


def _dots(dots: Dots, color: str) -> dict[str, Any]:
    marker: dict[str, Any] = {"size": 9, "color": f"@{color}", "line": {"width": 0.5, "color": "@paper"}}
    if dots.values is not None:
        marker |= {"color": numbers(dots.values), "colorscale": _cividis(), "showscale": True, "colorbar": _bar(dots.label, dots.share)}  # fmt: skip
    trace = {"type": "scatter", "mode": "markers", "name": text(dots.name), "x": numbers(dots.x), "y": numbers(dots.y),
             "marker": marker, "showlegend": False}  # fmt: skip
    if dots.text:
        trace |= {"text": [text(one) for one in dots.text], "hovertemplate": "%{text}<extra></extra>"}
    return trace


def _heat(heat: Heat, height: int) -> dict[str, Any]:
    cells = np.asarray(heat.cells, float)
    trace: dict[str, Any] = {
        "type": "heatmap", "x": numbers(heat.columns), "y": [text(one, 60) for one in heat.rows],
        "colorbar": _bar(heat.label, heat.scale == "share"), "hoverongaps": False,
        "hovertemplate": "%{y}, %{x}: " + ("%{z:.1%}" if heat.scale == "share" else "%{z:.4~g}") + "<extra></extra>",
    }  # fmt: skip
    if len(heat.column_names):
        trace["x"] = [text(one, 60) for one in heat.column_names]
    if heat.scale == "share":
        trace |= {
            "zmin": 0,
            "zmax": 1,
            "colorscale": [[0, "@grid"], [1, "@vermillion"]],  # none is seen too, apart from what wasn't measured
        }
    elif heat.scale == "counts":
        trace |= {"colorscale": [[0, "@paper"], [1, "@blue"]], "showscale": False}
    else:
        trace["colorscale"] = _cividis()
    if heat.scale == "log":
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = np.log10(np.where(cells > 0, cells, np.nan))
        trace |= {"customdata": numbers(cells)} if cells.size < 50_000 else {}
        trace["hovertemplate"] = "%{y}, %{x}: " + ("%{customdata:.3~g}" if cells.size < 50_000 else "10^%{z:.2f}") + "<extra></extra>"  # fmt: skip
        trace["colorbar"] |= _decades(logs, max(2, (height - 80) // 20))
        cells = logs
    if heat.numbers:
        trace |= {"text": [[number(one) for one in row] for row in cells], "texttemplate": "%{text}"}
    return trace | {"z": numbers(cells)}


def _spokes(spokes: Spokes) -> list[dict[str, Any]]:
    """Lines over parallel axes, in ten classes of colour, the best drawn last."""
    values, colours = np.asarray(spokes.values, float), np.asarray(spokes.colours, float)
    known = colours[np.isfinite(colours)]
    if not len(known):
        return []
    low, high = float(known.min()), float(known.max())
    place = np.clip(((colours - low) / ((high - low) or 1.0) * 9).round(), 0, 9)
    traces = []
    for index in range(10):
        rows = values[np.isfinite(colours) & (place == index)]
        if not len(rows):
            continue
        width = rows.shape[1]
        x = np.tile(np.append(np.arange(width, dtype=float), np.nan), len(rows))
        y = np.column_stack([rows, np.full(len(rows), np.nan)]).ravel()
        traces.append({"type": "scatter", "mode": "lines", "x": numbers(x), "y": numbers(y), "hoverinfo": "skip",
                       "showlegend": False, "opacity": 0.35 + 0.06 * index,
                       "line": {"width": 1 + index / 7, "color": _between(index / 9)}})  # fmt: skip
    traces.append({"type": "scatter", "mode": "markers", "x": [None], "y": [None], "showlegend": False, "hoverinfo": "skip",
                   "marker": {"color": [low], "cmin": low, "cmax": high, "colorscale": _cividis(), "showscale": True,
                              "colorbar": _bar(spokes.label, spokes.share)}})  # fmt: skip
    return traces


def _label(line: Line, color: str) -> list[tuple[float, str, str]]:
    y = np.asarray(line.y, float)
    finite = np.flatnonzero(np.isfinite(y))
    return [(float(y[finite[-1]]), text(line.name, 28), color)] if len(finite) else []


def _placed(labels: list[tuple[float, str, str]], panel: Panel, height: float) -> list[dict[str, Any]]:
    """Each line's name at its right end, moved apart where they would lie on one another."""
    low, high = _extent(panel)
    places = [_scaled(value, panel.y.log) for value, _, _ in labels]
    pixels = [(place - low) / ((high - low) or 1.0) * height for place in places]
    order = sorted(range(len(labels)), key=lambda index: pixels[index])
    moved = list(pixels)
    for before, index in itertools.pairwise(order):
        moved[index] = max(moved[index], moved[before] + 14)
    if order:
        over = max(0.0, moved[order[-1]] - height)
        for index in reversed(order):  # push down again what would leave the figure
            moved[index] -= over
            below = [
                one for one in order if moved[one] < moved[index] + 14 and one != index and moved[one] >= moved[index]
            ]
            over = max(0.0, over - 2) if not below else over
    return [
        {"x": 1, "xref": "paper", "xanchor": "left", "xshift": 6, "y": place, "yref": "y", "yshift": round(moved[index] - pixels[index], 1),
         "showarrow": False, "text": name, "font": {"color": f"@{color}-ink", "size": 12}, "align": "left"}
        for index, (place, (_, name, color)) in enumerate(zip(places, labels))
    ]  # fmt: skip


def _extent(panel: Panel) -> tuple[float, float]:
    """The y range in the axis's own scale (decades where logarithmic)."""
    axis, values = panel.y, []
    for mark in panel.marks:
        for one in (getattr(mark, "y", ()), getattr(mark, "low", ()), getattr(mark, "high", ())):
            array = np.asarray(one, float)
            known = array[np.isfinite(array) & ((array > 0) | (not axis.log))]
            if known.size:
                values += [float(known.min()), float(known.max())]
    low = axis.low if axis.low is not None else min(values, default=0.0)
    high = axis.high if axis.high is not None else max(values, default=1.0)
    return _scaled(low, axis.log), _scaled(high, axis.log)


def _scaled(value: float, log: bool) -> float:
    return (math.log10(value) if value > 0 else -12.0) if log else value


def _layout(panel: Panel, height: int) -> dict[str, Any]:
    x, y = _axis(panel.x, vertical=False), _axis(panel.y, vertical=True)
    marks = panel.marks
    if any(isinstance(mark, Heat) for mark in marks):
        y |= {"autorange": "reversed", "showgrid": False, "type": "category", "tickfont": {"size": 11, "color": "@dim"}}
        rows = max(len(mark.rows) for mark in marks if isinstance(mark, Heat))
        y["nticks"] = rows + 1 if height / (rows + 2) >= 12 else max(4, height // 40)
        named = any(isinstance(mark, Heat) and len(mark.column_names) for mark in marks)
        x |= {"type": "category", "automargin": True} if named else {}
        if named and rows <= 16:
            x |= {"dtick": 1}
    if any(isinstance(mark, Bars) for mark in marks):
        y |= {"autorange": "reversed", "showgrid": False, "type": "category", "tickfont": {"color": "@ink"}, "ticks": "outside",
              "tickcolor": "rgba(0,0,0,0)"}  # fmt: skip
        x |= {"showgrid": False, "showticklabels": False, "zeroline": False, "range": _room(marks)}
    spokes = next((mark for mark in marks if isinstance(mark, Spokes)), None)
    _decade_ticks(y, panel)
    x |= _whole_ticks(panel)
    if "range" not in y and all(isinstance(mark, Line | Area) for mark in marks):
        y |= _constant(panel)
    annotations = _limit_words(panel)
    if spokes is not None:
        last = len(spokes.axes) - 1
        x |= {"tickvals": list(range(last + 1)), "ticktext": [text(one, 30) for one in spokes.axes], "range": [-0.25, last + 0.25],
              "showgrid": True, "side": "top", "ticks": ""}  # fmt: skip
        y |= {"visible": False, "range": [-0.12, 1.12], "fixedrange": True}
        x["fixedrange"] = True
        annotations += [
            _end(index, side, words) for index, ends in enumerate(spokes.ends) for side, words in enumerate(ends)
        ]
    return {
        "height": height,
        "margin": {"l": _room_left(panel), "r": 12, "t": _room_above(panel) if spokes is None else 40, "b": 8 if x["automargin"] or spokes is not None else 42 if panel.x.label else 24},
        "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT, "size": 12, "color": "@dim"},
        "showlegend": False, "hovermode": "closest" if any(isinstance(m, Heat | Dots | Bars) for m in marks) else "x unified",
        "hoverlabel": {"bgcolor": "@paper", "bordercolor": "@grid", "font": {"color": "@ink", "family": FONT}},
        "dragmode": "zoom", "xaxis": x, "yaxis": y,
        "shapes": [*(_band(one) for one in panel.bands), *(_limit(one) for one in panel.limits)],
        "annotations": annotations, "uirevision": panel.name or panel.title, "bargap": 0.35,
    }  # fmt: skip


def _room_left(panel: Panel) -> int:
    """Pixels for the labels of the y axis and its title.

    Told here: plotly.js would draw each figure two or three times over to find it out.
    """
    rows = [name for mark in panel.marks for name in (*getattr(mark, "rows", ()), *getattr(mark, "names", ()))]
    if any(isinstance(mark, Spokes) for mark in panel.marks):
        return 8
    longest = max((len(text(name, 60)) for name in [*rows, *panel.y.names]), default=5)
    return int(min(240, 12 + 6.9 * longest)) + (20 if panel.y.label else 0)


def _room_above(panel: Panel) -> int:
    told = [one for one in (*panel.limits, *panel.bands) if one.label and one.axis == "x"]
    return 10 if not told else 32 if len(panel.bands) > 2 else 20


def _axis(axis: Axis, *, vertical: bool) -> dict[str, Any]:
    made: dict[str, Any] = {
        "automargin": not vertical and bool(axis.names), "showgrid": vertical, "gridcolor": "@grid", "zeroline": False, "showline": not vertical,
        "linecolor": "@grid", "ticks": "" if vertical else "outside", "tickcolor": "@grid", "ticklen": 4, "nticks": 6,
        "title": {"text": text(axis.label), "standoff": 6, "font": {"size": 12, "color": "@dim"}},
    }  # fmt: skip
    if axis.log:
        made |= {"type": "log", "exponentformat": "e", "nticks": None}
    if axis.share:
        made["tickformat"] = ".0%"
    elif not vertical and axis.label == "step":
        made["tickformat"] = "~s"
    if axis.low is not None or axis.high is not None:
        low, high = axis.low, axis.high
        if axis.log:
            low, high = (None if one is None else _scaled(one, True) for one in (low, high))
        made["range"] = [low, high]
    if axis.names:
        made |= {"tickvals": list(range(len(axis.names))), "ticktext": [text(one, 40) for one in axis.names]}
    return {name: value for name, value in made.items() if value is not None}


def _decade_ticks(axis: dict[str, Any], panel: Panel) -> None:
    """On a logarithmic axis whole decades, or 1, 2, 5 where there are few of them."""
    if axis.get("type") == "log":
        low, high = _extent(panel)
        if low > -4.5 and high < 5:  # 0.001 and 1000 as people write them
            axis["exponentformat"] = "none"
        if high - low < 1.7:  # written out: plotly.js writes a bare 2 for 20, and for 0.2
            tall = panel.height * _PLOT_HEIGHT / max(high - low, 0.1)  # pixels of a decade
            factors = (1, 2, 5) if tall > 75 else (1, 3) if tall > 40 else (1,)
            decades = range(max(-300, math.floor(low)), min(300, math.ceil(high)) + 1)
            places = [factor * 10.0**decade for decade in decades for factor in factors]
            axis |= {"tickvals": places, "ticktext": [number(one) for one in places]}
        else:
            axis["dtick"] = max(1, math.ceil((high - low) / 6))


def _whole_ticks(panel: Panel) -> dict[str, Any]:
    """Of a few epochs or trials: there is no half one."""
    if panel.x.label not in ("epoch", "trial", "trials", "step") or panel.x.log:
        return {}
    places = [float(value) for mark in panel.marks for value in np.asarray(getattr(mark, "x", ()), float)[:100]]
    known = [one for one in places if math.isfinite(one)]
    return {"dtick": 1} if known and max(known) - min(known) <= 6 else {}


def _constant(panel: Panel) -> dict[str, Any]:
    """The axis of what never changes, so that its value can be read there; nothing for what does change.

    Left alone plotly.js shows from one below it to one above: 0.001 then lies at the 0.
    """
    drawn = [one.value for one in panel.limits if one.axis == "y"]
    drawn += [end for one in panel.bands if one.axis == "y" for end in (one.low, one.high)]
    values = [*(_scaled(one, panel.y.log) for one in drawn), *_extent(panel)]
    low, high = min(values), max(values)
    if not math.isfinite(high - low) or high - low > 1e-6 * max(abs(low), abs(high)):
        return {}
    if panel.y.log:
        return {"range": [low - 1, high + 1], "tickvals": [10**high], "ticktext": [number(10**high)]}
    if not high:
        return {"range": [-1, 1], "tickvals": [0], "ticktext": ["0"]}
    told, top = (share, 1.05) if panel.y.share and 0 < high <= 1 else (number, 2 * high)
    return {"range": sorted([0, top]), "tickvals": [0, high], "ticktext": ["0", told(high)]}


def _limit(limit: Any) -> dict[str, Any]:
    color = ROLES.get(limit.tone, limit.tone)
    along = {"yref": "paper", "y0": 0, "y1": 1, "x0": limit.value, "x1": limit.value, "xref": "x"}
    across = {"xref": "paper", "x0": 0, "x1": 1, "y0": limit.value, "y1": limit.value, "yref": "y"}
    return {"type": "line", "line": {"color": f"@{color}", "width": 1.2, "dash": "dash"}, **(along if limit.axis == "x" else across)}  # fmt: skip


def _band(band: Any) -> dict[str, Any]:
    color = ROLES.get(band.tone, band.tone)
    along = {"yref": "paper", "y0": 0, "y1": 1, "x0": band.low, "x1": band.high, "xref": "x"}
    across = {"xref": "paper", "x0": 0, "x1": 1, "y0": band.low, "y1": band.high, "yref": "y"}
    return {"type": "rect", "layer": "below", "line": {"width": 0}, "fillcolor": f"@{color}/0.12", **(along if band.axis == "x" else across)}  # fmt: skip


def _limit_words(panel: Panel) -> list[dict[str, Any]]:
    """The labels of limits and bands, each at its own line."""
    told = []
    for index, one in enumerate(each for each in (*panel.limits, *panel.bands) if each.label):
        color = ROLES.get(one.tone, one.tone)
        value = one.value if isinstance(one, Limit) else one.high if one.axis == "y" else one.low
        axis = panel.x if one.axis == "x" else panel.y
        place = _scaled(value, axis.log)
        words = {"showarrow": False, "text": text(one.label, 60), "font": {"color": f"@{color}-ink", "size": 11}}
        if one.axis == "x":  # above the plot, so that no curve runs through them
            told.append({"x": place, "xref": "x", "y": 1, "yref": "paper", "yanchor": "bottom", "xanchor": "left", "xshift": -2,
                         "yshift": 13 * (index % 2) if len(panel.bands) > 2 else 0, **words})  # fmt: skip
        else:
            told.append({"x": 1, "xref": "paper", "y": place, "yref": "y", "yanchor": "bottom", "xanchor": "right", "xshift": -4,
                         "bgcolor": "@paper/0.75", "borderpad": 0, **words})  # fmt: skip
    return told


def _end(index: int, side: int, words: str) -> dict[str, Any]:
    return {"x": index, "y": -0.02 if side == 0 else 1.02, "xref": "x", "yref": "y", "showarrow": False, "yanchor": "top" if side == 0 else "bottom",
            "text": text(words, 24), "font": {"size": 11, "color": "@dim"}}  # fmt: skip


def _bar(label: str, shares: bool) -> dict[str, Any]:
    bar: dict[str, Any] = {"thickness": 8, "outlinewidth": 0, "len": 1, "tickfont": {"size": 11, "color": "@dim"}, "nticks": 5,
                           "title": {"text": text(label, 40), "side": "right", "font": {"size": 11, "color": "@dim"}}}  # fmt: skip
    return bar | ({"tickformat": ".0%"} if shares else {})


def _decades(logs: np.ndarray, most: int) -> dict[str, Any]:
    """Ticks of a colour bar over decades, no more than it has room for."""
    known = logs[np.isfinite(logs)]
    if not known.size:
        return {}
    low, high = float(known.min()), float(known.max())
    whole = np.arange(math.ceil(low), math.floor(high) + 1)
    if len(whole) >= 2:
        at = whole[:: math.ceil(len(whole) / min(most, 6))].astype(float).tolist()
    else:
        at = np.linspace(low, high, min(most, 4)).tolist()
    return {"tickvals": at, "ticktext": [number(10**one, 2) for one in at]}


def _cividis() -> list[list[Any]]:
    return [[index / (len(CIVIDIS) - 1), color] for index, color in enumerate(CIVIDIS)]


def _between(place: float) -> str:
    return CIVIDIS[round(place * (len(CIVIDIS) - 1))]


def _room(marks: Sequence[Mark]) -> list[float]:
    values = [value for mark in marks if isinstance(mark, Bars) for value in mark.values if math.isfinite(value)]
    high, low = max([*values, 0.0]), min([*values, 0.0])
    return [low * 1.25, high * 1.25 or 1.0]
