"""A saved network as ONNX, preprocessing included, checked against the original."""

from __future__ import annotations

import contextlib
import importlib
import io
import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..errors import MissingExtra, TrainingError
from ..record import Run
from .checkpoint import make
from .saved import load_saved

TOLERANCE = 1e-4
"""The largest difference to the original, relative to the size of its outputs."""


def export_onnx(run: Run | str | Path, out: str | Path | None = None) -> tuple[Path, float]:
    """Write the network of a run as ONNX: raw examples in, scores (N, K) or values (N,) out, N free.

    Args:
        out: the file; by default `model.onnx` in the run's folder.

    Returns:
        The file, and the largest difference of its outputs (by onnxruntime, on batches of 1 and 7) to the original's.

    Raises:
        MissingExtra: onnx, onnxscript or onnxruntime isn't installed.
        RecordError: no model there, or damaged.
        TrainingError: the written file gives other outputs than the original; it isn't kept.
        OutputError: the file can't be written.
    """
    for package in ("onnx", "onnxscript", "onnxruntime"):
        try:
            importlib.import_module(package)
        except ImportError:
            raise MissingExtra(package, "onnx", "export --onnx") from None
    network, about = load_saved(run)
    folder = run.folder if isinstance(run, Run) else Path(run)
    assert folder is not None
    path = Path(out) if out is not None else folder / "model.onnx"
    dtype = (about.encoding or {}).get("dtype", "float32")
    examples = _examples(about.shape, getattr(torch, str(dtype)))
    gap = [0.0]

    def write(temporary: Path) -> None:
        _export(network, examples, temporary)
        gap[0] = _gap(network, examples, temporary)

    make(path, write)
    return path, gap[0]


def _examples(shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    """Seven made-up raw examples."""
    generator = torch.Generator().manual_seed(0)
    if dtype == torch.uint8:
        return torch.randint(0, 256, (7, *shape), generator=generator, dtype=torch.uint8)
    return torch.randn(7, *shape, generator=generator)


def _export(network: torch.nn.Module, examples: torch.Tensor, path: Path) -> None:
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), _quiet():
        warnings.simplefilter("ignore")
        program: Any = torch.onnx.export(
            network.eval(),
            (examples,),
            input_names=["examples"],
            output_names=["outputs"],
            dynamic_shapes=({0: torch.export.Dim("N", min=1)},),
            dynamo=True,
            verbose=False,
        )
        program.save(str(path))


def _gap(network: torch.nn.Module, examples: torch.Tensor, path: Path) -> float:
    """The largest difference between the file's outputs and the network's."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    largest = 0.0
    for count in (1, len(examples)):
        with torch.inference_mode():
            wanted = network(examples[:count]).numpy()
        got = np.asarray(session.run(None, {name: examples[:count].numpy()})[0])
        if got.shape != wanted.shape:
            raise TrainingError(f"the ONNX file must give outputs {wanted.shape}, but gives {got.shape}")
        largest = max(largest, float(np.abs(got - wanted).max()))
        if largest > TOLERANCE * max(1.0, float(np.abs(wanted).max())):
            raise TrainingError(f"the ONNX file must give the original's outputs, but they differ by {largest:.2g}")
    return largest


@contextlib.contextmanager
def _quiet() -> Any:
    """PyTorch's exporter talks a lot."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
