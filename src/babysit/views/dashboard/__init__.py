"""The live page: a local server of a folder of runs, read while they are written.

It only reads. Nothing in it knows a training: what a run's file says is shown, and what changed is sent again.
"""

from .serving import Beside, Served, serve, serve_in_background

__all__ = ["Beside", "Served", "serve", "serve_in_background"]
