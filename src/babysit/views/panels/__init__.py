"""The figures: one file = one panel, described once as data and drawn by every surface.

`babysit.views.panel` says how to add one.
"""
