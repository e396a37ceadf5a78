"""The one restrained design: Okabe and Ito's colour-blind-safe colours, in light and in dark.

A figure names its colours ("@blue", "@blue/0.15", "@heat3"); the page resolves them by its own scheme when it
draws, so that one figure serves both. `resolve` does the same for what is drawn without a page.
"""

from __future__ import annotations

from typing import Any

LIGHT = {
    "ink": "#1b1f23", "dim": "#5c6670", "grid": "#e9ebed", "paper": "#ffffff",
    "blue": "#0072b2", "orange": "#e69f00", "green": "#009e73", "purple": "#cc79a7", "sky": "#56b4e9",
    "vermillion": "#d55e00", "yellow": "#d9c400",
    "blue-ink": "#00619a", "orange-ink": "#8a5f00", "green-ink": "#00704f", "purple-ink": "#9a4673",
    "sky-ink": "#1c6ea4", "vermillion-ink": "#b04d00", "yellow-ink": "#6f6400", "dim-ink": "#5c6670", "ink-ink": "#1b1f23",
}  # fmt: skip
DARK = {
    "ink": "#e6e8ea", "dim": "#9aa4ae", "grid": "#2a2f35", "paper": "#15181b",
    "blue": "#56b4e9", "orange": "#e69f00", "green": "#1dbf91", "purple": "#d48fb5", "sky": "#8fcdf2",
    "vermillion": "#f0762b", "yellow": "#f0e442",
    "blue-ink": "#56b4e9", "orange-ink": "#e6a620", "green-ink": "#1dbf91", "purple-ink": "#d48fb5",
    "sky-ink": "#8fcdf2", "vermillion-ink": "#f58a49", "yellow-ink": "#f0e442", "dim-ink": "#9aa4ae", "ink-ink": "#e6e8ea",
}  # fmt: skip

CIVIDIS = ("#00224e", "#1f3866", "#434e6c", "#61646f", "#7d7c78", "#9c9474", "#bdae69", "#dfc958", "#fee838")
"""The colour map cividis (Nuñez, Anderton, Renslow 2018), made for colour-blind readers."""


def tones(dark: bool = False) -> dict[str, str]:
    """Colour for each name."""
    return DARK if dark else LIGHT


def resolve(value: Any, dark: bool = False) -> Any:
    """The same plain data with every colour name replaced.

    Examples:
        >>> resolve({"line": {"color": "@blue"}, "fill": "@blue/0.2"})
        {'line': {'color': '#0072b2'}, 'fill': 'rgba(0,114,178,0.2)'}
    """
    if isinstance(value, dict):
        return {name: resolve(one, dark) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [resolve(one, dark) for one in value]
    if isinstance(value, str) and value.startswith("@"):
        return colour(value, dark)
    return value


def colour(name: str, dark: bool = False) -> str:
    """`"@blue"` or `"@blue/0.2"` as CSS; text that names no colour is given back as it is."""
    tone, slash, alpha = name[1:].partition("/")
    found = tones(dark).get(tone)
    if found is None:
        return name
    if not slash:
        return found
    red, green, blue = (int(found[index : index + 2], 16) for index in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha})"
