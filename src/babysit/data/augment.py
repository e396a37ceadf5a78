"""Changes to training images that keep their class: flip and crop, for a whole batch at once.

On training batches only, on the device the images are on, and drawn from an explicit generator, so
that a resumed run changes the same images in the same way.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

from ..errors import RecipeError


def augment(x: Tensor, how: str, generator: torch.Generator) -> Tensor:
    """A changed copy of a batch of images; `x` itself for "none".

    Args:
        x: (N, C, H, W), any type.
        how: a recipe's `augment`: "none", "flip", "crop", "flip+crop".
        generator: of any device; one of the CPU gives the same changes on every device.

    Examples:
        >>> x = torch.arange(4.0).reshape(1, 1, 2, 2)
        >>> augment(x, "flip", torch.Generator().manual_seed(1)).shape
        torch.Size([1, 1, 2, 2])
    """
    if how == "none":
        return x
    if x.ndim != 4:
        raise RecipeError(f"augment={how} needs images (N, C, H, W), but the examples are {tuple(x.shape[1:])}")
    if "flip" in how:
        x = flip(x, generator)
    if "crop" in how:
        x = crop(x, generator)
    return x


def flip(x: Tensor, generator: torch.Generator) -> Tensor:
    """Each image mirrored left to right with probability 1/2."""
    mirrored = (torch.rand(len(x), generator=generator, device=generator.device) < 0.5).to(x.device)
    return torch.where(mirrored[:, None, None, None], x.flip(3), x)


def crop(x: Tensor, generator: torch.Generator, padding: int | None = None) -> Tensor:
    """Each image moved by up to `padding` pixels each way (an eighth of its height), zeros moved in.

    The same as padding all sides with zeros and cutting out (H, W) at a random place
    (He et al., Deep Residual Learning, 2015, section 4.2: 4 pixels for 32).
    """
    count, channels, height, width = x.shape
    by = max(1, height // 8) if padding is None else padding
    moves = torch.randint(0, 2 * by + 1, (2, count), generator=generator, device=generator.device).to(x.device)
    rows = moves[0, :, None] + torch.arange(height, device=x.device)
    columns = moves[1, :, None] + torch.arange(width, device=x.device)
    wide = pad(x, (by, by, by, by))
    which = torch.arange(count, device=x.device)[:, None, None, None]
    channel = torch.arange(channels, device=x.device)[None, :, None, None]
    return wide[which, channel, rows[:, None, :, None], columns[:, None, None, :]]
