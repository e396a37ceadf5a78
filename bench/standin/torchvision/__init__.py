"""A stand-in for torchvision where its data sets can't be downloaded: scikit-learn's digits in their shapes.

Only what the scripts of `bench/others.py` use of it.
"""

from . import datasets, models, transforms, utils

__all__ = ["datasets", "models", "transforms", "utils"]
