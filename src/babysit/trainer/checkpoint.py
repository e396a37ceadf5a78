"""Files that are whole or not there: checkpoints and models as safetensors with JSON in their header.

One file holds tensors and plain values together, so what belongs together is replaced in one move.
Nothing is pickled, so reading a file never runs code.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from ..errors import OutputError, RecordError

SCHEMA = 1


def write(path: Path, content: bytes | str) -> None:
    """Write a file so that it is there as a whole or not at all, even when the machine stops.

    Raises:
        OutputError: the folder can't be written, or the disk is full; an older file is left as it was.
    """
    data = content.encode() if isinstance(content, str) else content
    temporary = None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            temporary = file.name
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except OSError as error:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
        raise OutputError(f"{path} must be writable, but: {error.strerror or error}") from error


def make(path: Path, writer: Callable[[Path], object]) -> None:
    """Let `writer` make a file under a temporary name beside `path`, then move it there."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        writer(temporary)
        os.replace(temporary, path)
    except OSError as error:
        raise OutputError(f"{path} must be writable, but: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def save_tensors(path: Path, tensors: Mapping[str, Tensor], plain: Mapping[str, Any]) -> None:
    """Tensors and plain JSON values as one safetensors file."""
    whole = {name: one.detach().cpu().contiguous() for name, one in tensors.items()}
    header = {"babysit": json.dumps({"schema": SCHEMA, **plain})}
    write(path, save(_unshared(whole), metadata=header))


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """What `save_tensors` wrote.

    Raises:
        RecordError: no such file, damaged, or not one of ours.
    """
    try:
        with safe_open(path, framework="pt") as file:
            header = (file.metadata() or {}).get("babysit")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except FileNotFoundError:
        raise RecordError(f"{path.parent} must hold {path.name}, but it has none") from None
    except (SafetensorError, OSError, ValueError) as error:
        raise RecordError(f"{path} must be a whole safetensors file, but: {error}") from error
    if header is None:
        raise RecordError(f"{path} must be written by babysit, but its header has no recipe")
    try:
        plain = json.loads(header)
        schema = int(plain["schema"])
    except (ValueError, KeyError, TypeError) as error:
        raise RecordError(f"the header of {path} must be babysit's JSON, but: {error}") from error
    if schema > SCHEMA:
        raise RecordError(f"{path} has schema {schema}, this babysit reads {SCHEMA} and older: update babysit")
    return tensors, plain


def _unshared(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """A copy of each tensor that shares memory with one before it (safetensors stores no sharing)."""
    seen: set[int] = set()
    found = {}
    for name, one in tensors.items():
        place = one.untyped_storage().data_ptr()
        found[name] = one.clone() if place in seen or one.untyped_storage().nbytes() != one.nbytes else one
        seen.add(place)
    return found


def _umask() -> int:
    now = os.umask(0)
    os.umask(now)
    return now
