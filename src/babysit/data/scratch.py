"""Room for arrays that may be larger than memory."""

from __future__ import annotations

import math
import os
import tempfile
from typing import Any

import numpy as np

from ..errors import DataError

Array = np.ndarray[Any, Any]


def room(shape: tuple[int, ...], dtype: Any, memory: int) -> Array:
    """An array to fill: in memory up to `memory` bytes, otherwise mapped onto a file without a name.

    The file lies in the temporary folder (TMPDIR) and is gone with the array, even when the
    process is killed. Its blocks are claimed first: a full disk is an error here, and not a
    SIGBUS when the array is filled.

    Raises:
        DataError: the temporary folder has not enough room.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size <= memory or size == 0:
        return np.empty(shape, dtype)
    with tempfile.TemporaryFile(prefix="babysit-") as file:
        try:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
            return np.memmap(file, dtype, "r+" if hasattr(os, "posix_fallocate") else "w+", shape=shape)
        except OSError as error:
            where = tempfile.gettempdir()
            need = f"{size / 1e9:.1f} GB of free disk in {where}"
            raise DataError(f"{need} must be there to hold the examples, but: {error.strerror}; set TMPDIR") from error
