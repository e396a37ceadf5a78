"""train: a recipe goes in, a run comes out.

`train` is the whole recipe: data, gates before learning, search, training, one test, saved in a
folder. `fit` trains in memory and writes nothing: what search, checks and claims are made of.
"""

from .loop import Epoch, Training, fit
from .prepared import Prepared, device_of, prepare

__all__ = ["Epoch", "Prepared", "Training", "device_of", "fit", "prepare"]
