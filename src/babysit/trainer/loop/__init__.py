"""The loop: one training in memory, an epoch at a time, that can stop anywhere and go on bit-equal.

Small data live on the device as tensors; a pass gathers them in a seeded order by blocks and cuts
batches as views. The numbers that decide nothing stay on the device until `LOOK` steps are over, so
that a step costs what a step by hand costs (`bench/training.py` holds it to that).

`training` the training · `fitting` to its end or to a rung · `inner` its innermost loop · `epoch` what a pass came to · `randomness` its own random
states · `state` how it is stopped and put back.
"""

from .epoch import Epoch, Record
from .fitting import fit
from .inner import LOOK, NEWEST
from .training import Training

__all__ = ["LOOK", "NEWEST", "Epoch", "Record", "Training", "fit"]
