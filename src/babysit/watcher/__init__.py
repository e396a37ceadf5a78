"""Watching a training, somebody's or ours: what it does is heard, measured on the device, and judged.

    watching    the context manager `watch`
    listening   which functions are replaced, which hooks are put on      patches  puts them back
      scoring axes clipping mixed_precision    the ears of one kind each
    observer    what happens between two steps: state writing passes forwards backwards steps, each on the one before
    layers parameters criteria targets batches validation order structure    what is measured, by kind
      confusion twins columns in_the_input comparisons standins kept frames    and of these, one question each
    written_out stretched addends blame    what the autograd graph tells            trials copies influence    what a copy of the model tells
    budget      how often and how much        transfer   one copy from the device for each observed step
    judging     when the doctor is asked      recording  the run and its store

Nothing here changes what it watches: no random number is drawn, no tensor of the training is kept or written to, and
an error of ours is caught, recorded, and what raised it switched off.
"""

from .judging import Stop
from .watching import watch

__all__ = ["Stop", "watch"]
