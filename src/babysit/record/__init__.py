"""What is written down: plain data, no torch. The middle of the house.

`recipe` decides a training, `run` is the record of one, `store` keeps it in one SQLite file,
`finding` is something wrong with it, `study` is many of them over one space.
"""

from .finding import Evidence, Finding, Remedy
from .recipe import Recipe
from .run import Event, Run, Series
from .store import Store

__all__ = ["Event", "Evidence", "Finding", "Recipe", "Remedy", "Run", "Series", "Store"]
