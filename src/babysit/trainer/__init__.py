"""train: a recipe goes in, a run comes out.

`train` is the whole recipe: data, checks before learning, search, training, one test, saved in a folder.
`fit` trains in memory and writes nothing: what search, checks and claims are made of. `load_model` and
`predict` use what was saved; `export_onnx` takes it elsewhere.

What is where: `whole` the steps in order · `deciding` the checks, the search, the epochs · `folds` small sets ·
`loop` one training · `prepared` its data · `network` what is saved · `criterion` `optimizer` `schedule` what a recipe's
words mean · `brief` short trainings for the checks · `folder` `checkpoint` `saved` `onnx` what lies on disk · `final` the
one test · `stopping` `budget` `defaults` · `facts` what is recorded once · `show` `words` what is told.
"""

from .loop import Epoch, Training, fit
from .onnx import export_onnx
from .prepared import Prepared, device_of, prepare
from .saved import Predictions, load_model, predict
from .stopping import Interrupted
from .whole import train

__all__ = [
    "Epoch", "Interrupted", "Predictions", "Prepared", "Training", "device_of", "export_onnx", "fit", "load_model",
    "predict", "prepare", "train",
]  # fmt: skip
