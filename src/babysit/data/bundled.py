"""The sets bundled with scikit-learn, by name: digits, wine, breast_cancer, iris, diabetes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..record import Recipe
from . import source
from .dense import dense
from .encoding import DenseEncoding
from .split import Split
from .target import Target

_WHAT = {
    "breast_cancer": "569 breast tumours described by 30 measures of their cell nuclei (Wisconsin, 1995)",
    "diabetes": "442 patients described by 10 measures, the disease's progress a year later (Efron et al., 2004)",
    "digits": "1,797 handwritten digits of 8 x 8 pixels with values 0..16 (UCI, 1998)",
    "iris": "150 iris flowers described by 4 lengths (Fisher, 1936)",
    "wine": "178 wines of three growers described by 13 chemical measures (UCI, 1991)",
}
NAMES = tuple(_WHAT)


@source(
    recognizes=lambda place: isinstance(place, str) and place in _WHAT,
    reads=", ".join(NAMES),
    names=NAMES,
    encoding=DenseEncoding,
)
def bundled(place: Any, recipe: Recipe, *, memory: int) -> Split:
    """The sets bundled with scikit-learn: nothing is downloaded.

    digits comes as images (1, 8, 8) with its own values 0..16, the others as tables.

    Examples:
        >>> from babysit.data import load
        >>> load(Recipe(data="digits"))
        Split(train 1168, val 270, test 359; shape (1, 8, 8), 10 classes)
    """
    from sklearn import datasets

    bunch: Any = getattr(datasets, f"load_{place}")()
    if place == "diabetes":
        target = Target(bunch.target.astype(np.float32), "regression")
    else:
        target = Target.of_ids(bunch.target, tuple(str(name) for name in bunch.target_names))
    images = place == "digits"
    return dense(
        bunch.images if images else bunch.data,
        target,
        recipe,
        name="bundled",
        source=f"{place}: {_WHAT[place]}; bundled with scikit-learn",
        memory=memory,
        features=() if images else tuple(str(name) for name in bunch.feature_names),
    )
