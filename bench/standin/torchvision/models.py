"""A small network where a script asks for a ResNet."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from torch import nn


def resnet18(*args: Any, **more: Any) -> nn.Sequential:
    """512 features and a linear head, with ResNet-18's names at both ends."""
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(1, 64, 7, 2, 3),
            bn1=nn.BatchNorm2d(64),
            relu=nn.ReLU(),
            conv2=nn.Conv2d(64, 512, 3, 2, 1),
            relu2=nn.ReLU(),
            avgpool=nn.AdaptiveAvgPool2d(1),
            flatten=nn.Flatten(),
            fc=nn.Linear(512, 10),
        )
    )
