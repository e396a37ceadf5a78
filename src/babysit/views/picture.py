"""A panel as a picture for papers, READMEs and untrusted notebooks: PNG, SVG or PDF, by matplotlib.

No browser is needed, letters stay letters in SVG and PDF, and a picture takes about a tenth of a second.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ..errors import MissingExtra, OutputError
from .figure import tone
from .palette import CIVIDIS, tones
from .panel import ROLES, Area, Axis, Bars, Dots, Heat, Images, Line, Panel, Spokes, Table
from .thin import thin
from .words import clean, count, number, share

Kind = Literal["png", "svg", "pdf"]


def picture(panel: Panel, kind: Kind = "png", *, width: float = 7.0, dark: bool = False, dpi: int = 144) -> bytes:
    """One panel as a file's bytes.

    Args:
        width: inches; the height follows the panel's own shape.
        dark: the dark scheme.

    Raises:
        MissingExtra: matplotlib isn't installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtra("matplotlib", "pictures", "a picture") from None
    import matplotlib as mpl

    panel = thin(panel, int(width * 100))
    colours = tones(dark)
    own: Any = {"font.family": "sans-serif", "font.size": 9, "svg.fonttype": "none", "pdf.fonttype": 42, "svg.hashsalt": "babysit",
           "text.parse_math": False, "text.usetex": False, "axes.unicode_minus": False}  # fmt: skip
    with mpl.rc_context(own):
        figure = Figure(figsize=(width, max(1.8, panel.height / 100)), facecolor=colours["paper"], layout="constrained")
        FigureCanvasAgg(figure)
        pictures = next((mark for mark in panel.marks if isinstance(mark, Images)), None)
        if pictures is not None:
            _pictures(figure, pictures, colours)
            figure.suptitle(
                _words(panel.title), x=0.01, ha="left", color=colours["ink"], fontsize=11, fontweight="bold"
            )
        else:
            _panel(figure.add_subplot(), panel, colours, dark)
        out = io.BytesIO()
        metadata: dict[str, Any] = (
            {"Software": None} if kind == "png" else {"Date": None} if kind == "svg" else {"CreationDate": None}
        )
        figure.savefig(out, format=kind, dpi=dpi, facecolor=colours["paper"], metadata=metadata)
    return out.getvalue()


def pictures(panels: Iterable[Panel], folder: str | Path, kind: Kind = "png", *, dark: bool = False) -> list[Path]:
    """One file for each panel that is a figure, named after it.

    Raises:
        OutputError: the folder can't be written.
    """
    written = []
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        for panel in panels:
            if not panel.marks or any(isinstance(mark, Table) for mark in panel.marks):
                continue
            path = Path(folder) / f"{panel.name or 'panel'}.{kind}"
            half = path.with_name(f".{path.name}.half")
            half.write_bytes(picture(panel, kind, width=9.0 if panel.wide else 6.0, dark=dark))
            half.replace(path)
            written.append(path)
    except OSError as error:
        raise OutputError(f"the folder {folder} must be writable, but: {error.strerror or error}") from error
    return written


def _panel(axes: Any, panel: Panel, colours: dict[str, str], dark: bool) -> None:
    _frame(axes, panel, colours)
    for band in panel.bands:
        span = axes.axhspan if band.axis == "y" else axes.axvspan
        span(band.low, band.high, color=colours[ROLES.get(band.tone, band.tone)], alpha=0.12, lw=0, zorder=0)
    for index, mark in enumerate(panel.marks):
        color = colours.get(tone(mark, index), colours["blue"])
        if isinstance(mark, Line):
            _line(axes, mark, color)
        elif isinstance(mark, Area):
            axes.fill_between(np.asarray(mark.x), mark.low, mark.high, color=color, alpha=0.14, lw=0)
        elif isinstance(mark, Dots):
            shown = axes.scatter(mark.x, mark.y, c=color if mark.values is None else mark.values, cmap=None if mark.values is None else _cividis(),
                                 s=26, linewidths=0.4, edgecolors=colours["paper"], zorder=3)  # fmt: skip
            if mark.values is not None:
                _bar(axes, shown, mark.label, mark.share, colours)
        elif isinstance(mark, Bars):
            _bars(axes, mark, color, colours)
        elif isinstance(mark, Heat):
            _heat(axes, mark, colours, dark)
        elif isinstance(mark, Spokes):
            _spokes(axes, mark, colours)
    _limits(axes, panel, colours)
    if panel.y.low is not None or panel.y.high is not None:
        axes.set_ylim(panel.y.low, panel.y.high)
    _labels(axes, panel, colours)


def _frame(axes: Any, panel: Panel, colours: dict[str, str]) -> None:
    axes.set_facecolor(colours["paper"])
    axes.set_title(_words(panel.title), loc="left", color=colours["ink"], fontsize=11, fontweight="bold", pad=10)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(colours["grid"])
    axes.tick_params(which="both", colors=colours["dim"], length=0, labelsize=8.5)
    axes.grid(axis="y", color=colours["grid"], lw=0.8)
    axes.set_axisbelow(True)
    for axis, one, label in ((panel.x, axes.xaxis, axes.set_xlabel), (panel.y, axes.yaxis, axes.set_ylabel)):
        label(_words(axis.label), color=colours["dim"], fontsize=9)
        if axis.log:
            (axes.set_xscale if one is axes.xaxis else axes.set_yscale)("log")
        _ticks(one, axis)


def _ticks(one: Any, axis: Axis) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

    if axis.names:
        one.set_ticks(range(len(axis.names)), [_words(name, 18) for name in axis.names])
        if len(axis.names) > 6:
            one.set_tick_params(rotation=40)
    elif axis.share:
        one.set_major_formatter(FuncFormatter(lambda value, _: share(value)))
    elif axis.log:
        one.set_major_formatter(FuncFormatter(lambda value, _: number(value, 2)))
        one.set_minor_formatter(NullFormatter())
    else:
        one.set_major_locator(MaxNLocator(6))
        one.set_major_formatter(
            FuncFormatter(lambda value, _: count(value) if abs(value) >= 10_000 else number(value, 4))
        )


def _line(axes: Any, line: Line, color: str) -> None:
    x, y = np.asarray(line.x), np.asarray(line.y, float)
    y = np.where(np.isfinite(y), y, np.nan)
    styles: dict[str, Any] = {"color": color, "lw": 1.6, "solid_joinstyle": "round"}
    if line.style == "faint":
        styles |= {"lw": 0.7, "alpha": 0.35}
    elif line.style == "dash":
        styles |= {"ls": ":"}
    elif line.style == "step":
        styles |= {"drawstyle": "steps-post"}
    if line.style == "dots" or len(x) == 1:
        styles |= {"ls": "", "marker": "o", "ms": 4}
    axes.plot(x, y, **styles)


def _labels(axes: Any, panel: Panel, colours: dict[str, str]) -> None:
    """Names at the lines' right ends, moved apart."""
    ends = []
    for index, mark in enumerate(panel.marks):
        if isinstance(mark, Line) and mark.label and mark.style != "faint":
            y = np.asarray(mark.y, float)
            known = np.flatnonzero(np.isfinite(y))
            if len(known):
                ends.append(
                    (
                        float(y[known[-1]]),
                        _words(mark.name, 28),
                        colours.get(tone(mark, index) + "-ink", colours["ink"]),
                    )
                )
    if not ends:
        return
    places = [axes.transData.transform((0, y))[1] for y, _, _ in ends]
    base = axes.transAxes.transform((0, 0))[1]
    last = -math.inf
    for index in sorted(range(len(ends)), key=lambda one: places[one]):
        y, name, color = ends[index]
        moved = max(places[index], last + 13 * axes.figure.dpi / 72)
        last = moved
        up = (moved - places[index]) * 72 / axes.figure.dpi
        if math.isfinite(up) and math.isfinite(base):
            axes.annotate(
                name,
                (1, y),
                xycoords=("axes fraction", "data"),
                xytext=(5, up),
                textcoords="offset points",
                color=color,
                va="center",
                fontsize=9,
            )


def _limits(axes: Any, panel: Panel, colours: dict[str, str]) -> None:
    for one in panel.limits:
        color = colours[ROLES.get(one.tone, one.tone)]
        ink = colours.get(ROLES.get(one.tone, one.tone) + "-ink", color)
        if one.axis == "y":
            axes.axhline(one.value, color=color, lw=1, ls="--")
            axes.annotate(_words(one.label, 60), (1, one.value), xycoords=("axes fraction", "data"), xytext=(-3, 3), textcoords="offset points", ha="right", color=ink, fontsize=8)  # fmt: skip
        else:
            axes.axvline(one.value, color=color, lw=1, ls="--")
            axes.annotate(_words(one.label, 60), (one.value, 1), xycoords=("data", "axes fraction"), xytext=(3, -8), textcoords="offset points", color=ink, fontsize=8)  # fmt: skip
    for index, one in enumerate(panel.bands):
        ink = colours[ROLES.get(one.tone, one.tone) + "-ink"]
        if one.axis == "y":
            axes.annotate(_words(one.label, 60), (1, one.high), xycoords=("axes fraction", "data"), xytext=(-3, 3), textcoords="offset points", ha="right", color=ink, fontsize=8)  # fmt: skip
        else:
            axes.annotate(_words(one.label, 60), (one.low, 1), xycoords=("data", "axes fraction"), xytext=(3, -9 - 10 * (index % 2)), textcoords="offset points", color=ink, fontsize=8)  # fmt: skip


def _bars(axes: Any, bars: Bars, color: str, colours: dict[str, str]) -> None:
    at = np.arange(len(bars.names))
    own = [colours[ROLES.get(one, one)] for one in bars.tones] or color
    axes.barh(at, bars.values, color=own, height=0.62)
    axes.set_yticks(at, [_words(one, 40) for one in bars.names])
    axes.invert_yaxis()
    axes.grid(False)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    for place, value in zip(at, bars.values, strict=True):
        axes.annotate(share(value) if bars.share else number(value), (value, place), xytext=(4, 0), textcoords="offset points", va="center", color=colours["ink"], fontsize=9)  # fmt: skip


def _heat(axes: Any, heat: Heat, colours: dict[str, str], dark: bool) -> None:
    from matplotlib.colors import LinearSegmentedColormap, LogNorm

    cells = np.ma.masked_invalid(np.asarray(heat.cells, float))
    rows, columns = cells.shape
    kind: dict[str, Any] = {"cmap": _cividis()}
    if heat.scale in ("share", "counts"):
        strong = colours["vermillion" if heat.scale == "share" else "blue"]
        kind["cmap"] = LinearSegmentedColormap.from_list(
            "own", [colours["grid" if heat.scale == "share" else "paper"], strong]
        )
        kind |= {"vmin": 0, "vmax": 1} if heat.scale == "share" else {}
    if heat.scale == "log" and (cells > 0).any():
        cells = np.ma.masked_less_equal(cells, 0)
        kind["norm"] = LogNorm(cells.min(), cells.max()) if cells.max() > cells.min() else None
    if heat.column_names:
        edges = np.arange(columns + 1) - 0.5
        axes.set_xticks(range(columns), [_words(one, 14) for one in heat.column_names])
    else:
        middles = np.asarray(heat.columns, float)
        half = (middles[1] - middles[0]) / 2 if columns > 1 else 0.5
        edges = np.append(middles - half, middles[-1] + half)
    shown = axes.pcolormesh(edges, np.arange(rows + 1) - 0.5, cells, rasterized=True, **kind)
    every = max(1, math.ceil(rows / 24))
    axes.set_yticks(range(0, rows, every), [_words(one, 28) for one in heat.rows[::every]])
    axes.invert_yaxis()
    axes.grid(False)
    if heat.numbers:
        top = float(cells.max() or 1)
        for row in range(rows):
            for column in range(columns):
                axes.text(column, row, number(float(cells[row, column])), ha="center", va="center", fontsize=8, color=colours["paper"] if cells[row, column] > top / 2 else colours["ink"])  # fmt: skip
    elif heat.scale != "counts":
        _bar(axes, shown, heat.label, heat.scale == "share", colours)


def _spokes(axes: Any, spokes: Spokes, colours: dict[str, str]) -> None:
    values, scores = np.asarray(spokes.values, float), np.asarray(spokes.colours, float)
    order = np.argsort(scores)
    low, high = np.nanmin(scores), np.nanmax(scores)
    cmap = _cividis()
    for row in order:
        place = (scores[row] - low) / ((high - low) or 1.0)
        axes.plot(values[row], color=cmap(place), alpha=0.35 + 0.55 * place, lw=0.8 + place)
    axes.set_xticks(range(len(spokes.axes)), [_words(one, 20) for one in spokes.axes])
    axes.set_yticks([])
    axes.grid(axis="x", color=colours["grid"])
    axes.set_ylim(-0.12, 1.12)
    for index, ends in enumerate(spokes.ends):
        for side, words in enumerate(ends):
            axes.annotate(
                _words(words, 24),
                (index, 1.03 if side else -0.03),
                ha="center",
                va="bottom" if side else "top",
                fontsize=8,
                color=colours["dim"],
            )
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    _bar(axes, ScalarMappable(Normalize(low, high), cmap), spokes.label, spokes.share, colours)


def _pictures(figure: Any, images: Images, colours: dict[str, str]) -> None:
    many = len(images.pictures)
    columns = min(12, max(1, many))
    rows = math.ceil(many / columns)
    figure.set_size_inches(figure.get_size_inches()[0], 0.5 + rows * 0.75)
    for index, (caption, pixels) in enumerate(images.pictures):
        axes = figure.add_subplot(rows, columns, index + 1)
        axes.imshow(pixels, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axes.set_axis_off()
        if caption:
            axes.set_title(_words(caption, 24), fontsize=5, color=colours["dim"])


def _bar(axes: Any, shown: Any, label: str, shares: bool, colours: dict[str, str]) -> None:
    from matplotlib.ticker import FuncFormatter

    bar = axes.figure.colorbar(shown, ax=axes, fraction=0.03, pad=0.02, aspect=28)
    bar.outline.set_visible(False)
    bar.set_label(_words(label, 40), color=colours["dim"], fontsize=8)
    bar.ax.tick_params(colors=colours["dim"], length=0, labelsize=8)
    bar.ax.minorticks_off()
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: share(value) if shares else number(value, 2)))


def _cividis() -> Any:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("cividis", CIVIDIS)


def _words(value: object, limit: int = 120) -> str:
    """Text that matplotlib can't read as mathematics or markup (`parse_math` is off as well)."""
    return clean(value, limit)
