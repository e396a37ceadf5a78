"""MNIST- and CIFAR-shaped sets made of scikit-learn's handwritten digits."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_digits
from torch.utils.data import Dataset

TRAIN = 1400


class _Digits(Dataset):
    side, color = 28, False

    def __init__(self, root: Any = None, train: bool = True, transform: Any = None, **more: Any) -> None:
        digits = load_digits()
        part = slice(0, TRAIN) if train else slice(TRAIN, None)
        size = (self.side, self.side)
        pictures = [Image.fromarray((image * 15.9).astype("uint8")).resize(size) for image in digits.images[part]]
        self.data = torch.tensor(np.stack([np.asarray(picture) for picture in pictures]))
        self.targets: Any = torch.tensor(digits.target[part])
        self.transform, self.train = transform, train
        self.classes = [str(number) for number in range(10)]
        self.train_data = self.test_data = self.data
        self.train_labels = self.test_labels = self.targets

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        picture: Any = Image.fromarray(self.data[index].numpy())
        if self.color:
            picture = picture.convert("RGB")
        return (self.transform(picture) if self.transform else picture), int(self.targets[index])


class MNIST(_Digits):
    """28 x 28 grey digits."""


class FashionMNIST(_Digits):
    """The same, under another name."""


class CIFAR10(_Digits):
    """32 x 32 coloured digits."""

    side, color = 32, True


class ImageFolder(CIFAR10):
    """The same, under another name."""


class FakeData(_Digits):
    """A few hundred pictures of a wanted size."""

    def __init__(self, size: int = 0, image_size: tuple[int, int, int] = (3, 32, 32), **more: Any) -> None:
        self.side, self.color = image_size[1], image_size[0] == 3
        super().__init__(transform=more.get("transform"))
        self.data, self.targets = self.data[:512], self.targets[:512]
