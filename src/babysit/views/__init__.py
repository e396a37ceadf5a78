"""How a record is shown: live page, report, notebook, terminal, picture, from one description of each figure.

A figure is described once, as data (`panel.Panel`), by one file in `panels/`; `figure` draws it with Plotly
(page, report, notebook), `picture` with matplotlib (PNG, SVG, PDF), `terminal` in text. Nothing here imports
torch, and whatever came from outside (names, exception texts, values) stays text on every surface.
"""
