"""Room for arrays that may be larger than memory."""

from __future__ import annotations

import math
import os
import tempfile
from typing import IO, Any

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
            raise _full(size, error) from error


class Growing:
    """Bytes gathered block by block: in memory up to `memory` bytes, beyond that in a file without a name.

    Room is taken only for what has come, so a header that lies about its size costs nothing.
    """

    def __init__(self, memory: int) -> None:
        self.size = 0
        self._memory = memory
        self._blocks: list[bytes] = []
        self._file: IO[bytes] | None = None

    def __del__(self) -> None:
        if self._file is not None:  # left behind by an error half-way
            self._file.close()

    def add(self, block: bytes) -> None:
        """Put a block at the end. Raises DataError when the temporary folder is full."""
        self.size += len(block)
        self._blocks.append(block)
        if self._file is None and self.size <= self._memory:
            return
        try:
            self._file = self._file or tempfile.TemporaryFile(prefix="babysit-")  # noqa: SIM115 (lives as long as this)
            self._file.writelines(self._blocks)
        except OSError as error:
            raise _full(self.size, error) from error
        self._blocks = []

    def array(self) -> Array:
        """All bytes, (size,) uint8; the file goes when the array goes."""
        if self._file is None or not self.size:
            return np.frombuffer(bytearray(b"".join(self._blocks)), np.uint8)
        try:
            self._file.flush()
        except OSError as error:
            raise _full(self.size, error) from error
        with self._file as file:
            return np.memmap(file, np.uint8, "r+", shape=(self.size,))


def _full(size: int, error: OSError) -> DataError:
    need = f"{size / 1e9:.1f} GB of free disk in {tempfile.gettempdir()}"
    return DataError(f"{need} must be there to hold the examples, but: {error.strerror}; set TMPDIR")
