"""A trained network in its folder: saved, loaded, used on new examples."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..data import Split, encoding_from
from ..errors import RecordError
from ..nn import build
from ..nn.preprocess import preprocess
from ..record import Recipe, Run
from .checkpoint import load_tensors, save_tensors
from .criterion import name_of
from .network import Network

FILE = "model.safetensors"
AT_ONCE = 1024


@dataclass(frozen=True)
class About:
    """What stands beside the weights in a model's file: plain values, enough to use it with nothing else.

    Attributes:
        recipe: it was made by.
        task: "classification" or "regression".
        shape: of one raw example.
        classes: the class names, by id; empty for a regression.
        encoding: makes tensors of new examples; what `Split.encoding.to_dict()` gave, or None.
    """

    recipe: Recipe
    task: str
    shape: tuple[int, ...]
    classes: tuple[str, ...]
    encoding: dict[str, Any] | None

    @classmethod
    def of(cls, recipe: Recipe, split: Split) -> About:
        """What is to be said about a model of this recipe and data."""
        encoding = split.encoding.to_dict() if hasattr(split.encoding, "to_dict") else None
        return cls(recipe, split.task, tuple(split.shape), tuple(split.classes), encoding)

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "recipe": self.recipe.to_dict(),
            "task": self.task,
            "shape": list(self.shape),
            "classes": list(self.classes),
            "encoding": self.encoding,
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> About:
        """The inverse of `to_dict`."""
        return cls(
            Recipe.of(values["recipe"]),
            values["task"],
            tuple(values["shape"]),
            tuple(values["classes"]),
            values["encoding"],
        )


@dataclass(frozen=True)
class Predictions:
    """What a model says about N new examples.

    Attributes:
        names: of the examples: row numbers, file names.
        values: (N,) class ids, or the predicted numbers.
        classes: the class names; empty for a regression.
        probabilities: (N, K) of each class; None for a regression, and for hinge scores.
    """

    names: list[str]
    values: np.ndarray
    classes: tuple[str, ...]
    probabilities: np.ndarray | None

    def rows(self) -> list[dict[str, Any]]:
        """One plain row an example: example, prediction, and the probability of each class."""
        found = []
        for index, name in enumerate(self.names):
            value = self.values[index]
            row: dict[str, Any] = {"example": name}
            row["prediction"] = self.classes[int(value)] if self.classes else float(value)
            if self.probabilities is not None:
                row["probabilities"] = {
                    label: float(share) for label, share in zip(self.classes, self.probabilities[index], strict=True)
                }
            found.append(row)
        return found

    def to_csv(self) -> str:
        """The rows as CSV with a header: example, prediction, probability of each class."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        shares = [f"p({label})" for label in self.classes] if self.probabilities is not None else []
        writer.writerow(["example", "prediction", *shares])
        for row in self.rows():
            values = [f"{share:.6g}" for share in row.get("probabilities", {}).values()]
            prediction = row["prediction"]
            writer.writerow([row["example"], prediction if self.classes else f"{prediction:.9g}", *values])
        return text.getvalue()


def save_model(folder: Path, network: Network, about: About) -> None:
    """Write `model.safetensors`: weights, the statistics of preprocessing, and what they mean."""
    save_tensors(folder / FILE, network.state_dict(), about.to_dict())


def load_saved(run: Run | str | Path) -> tuple[Network, About]:
    """The network of a run's folder, on the CPU in eval mode, and what it is about.

    Raises:
        RecordError: no model there, damaged, or not one of ours.
    """
    folder = _folder(run)
    tensors, plain = load_tensors(folder / FILE)
    try:
        about = About.from_dict(plain)
        outputs = len(about.classes) if about.task == "classification" else None
        first = preprocess(about.recipe.preprocess, about.shape, about.recipe.components)
        network = Network(
            first,
            build(about.recipe, about.shape, outputs, first).network,  # type: ignore[arg-type]
            regression=about.task == "regression",
        )
        network.load_state_dict(tensors)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise RecordError(f"{folder / FILE} must fit its own recipe, but: {error}") from error
    return network.eval(), about


def load_model(run: Run | str | Path) -> Network:
    """The trained network of a run, preprocessing included: raw examples (N, …) to scores (N, K) or values (N,).

    Raises:
        RecordError: no model there, damaged, or not one of ours.
    """
    return load_saved(run)[0]


def predict(run: Run | str | Path, place: Any) -> Predictions:
    """What a run's model says about new examples.

    Args:
        run: a Run, or its folder.
        place: a file, a folder of images, or an array (N, …), encoded as the training examples were.

    Raises:
        RecordError: no model there, or damaged.
        DataError: examples that can't be read or don't fit the model.
    """
    network, about = load_saved(run)
    if about.encoding is None:
        raise RecordError(
            f"the model of {_folder(run)} must know how its examples are read, but it learned from Python objects; "
            "give it tensors: babysit.load_model(run)(x)"
        )
    examples = encoding_from(about.encoding).read(place)
    outputs = forward(network, examples.x)
    if about.task == "regression":
        return Predictions(examples.names, outputs.numpy(), (), None)
    sure = name_of(about.recipe, about.task) == "cross_entropy"
    shares = outputs.double().softmax(1).numpy() if sure else None
    return Predictions(examples.names, outputs.argmax(1).numpy(), about.classes, shares)


@torch.inference_mode()
def forward(network: Network, x: Tensor) -> Tensor:
    """Outputs of raw examples, a thousand at a time."""
    network.eval()
    return torch.cat([network(part) for part in x.split(AT_ONCE)])


def _folder(run: Run | str | Path) -> Path:
    folder = run.folder if isinstance(run, Run) else Path(run)
    if folder is None or not folder.is_dir():
        raise RecordError(f"a run's folder must be there, but there is no folder {folder}")
    return folder
