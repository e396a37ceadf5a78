"""In the terminal: the live block of `watch`, findings, the verdict, and a whole run (`babysit show`)."""

from .judgement import finding_text, verdict_text
from .live import LiveBlock, line

__all__ = ["LiveBlock", "finding_text", "line", "verdict_text"]
