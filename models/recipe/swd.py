"""Sliced Wasserstein distance between two sets of pictures, as in the progressive-GAN paper.

Laplacian pyramid; from every level 7x7 patches at random places, normalised by colour channel; the Wasserstein
distance along random directions, averaged, times 1000. The smallest resolution is 16.
"""
import torch
from torch import Tensor
from torch.nn import functional as F

PATCH = 7
PATCHES_PER_IMAGE = 16
DIRECTIONS = 64
LEVELS = (64, 32, 16)


def pyramid(images: Tensor) -> list[Tensor]:
    """The differences between a level and the blurred level below, from fine to coarse."""
    taps = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
    kernel = (taps.unsqueeze(0) * taps.unsqueeze(1)).expand(3, 1, 5, 5)

    def blur(x: Tensor) -> Tensor:
        return F.conv2d(F.pad(x, (2, 2, 2, 2), mode="reflect"), kernel, groups=3)

    levels = []
    for _ in LEVELS[1:]:
        below = blur(images)[:, :, ::2, ::2]
        levels.append(images - blur(F.interpolate(below, scale_factor=2.0, mode="nearest")))
        images = below
    return [*levels, images]


def descriptors(level: Tensor, random: torch.Generator) -> Tensor:
    """Normalised patches as rows."""
    count, _, height, width = level.shape
    total = count * PATCHES_PER_IMAGE
    image = torch.arange(count).repeat_interleave(PATCHES_PER_IMAGE).reshape(-1, 1, 1)
    steps = torch.arange(PATCH)
    y = torch.randint(height - PATCH + 1, (total, 1, 1), generator=random) + steps.reshape(1, -1, 1)
    x = torch.randint(width - PATCH + 1, (total, 1, 1), generator=random) + steps.reshape(1, 1, -1)
    patches = level.permute(0, 2, 3, 1)[image, y, x]
    patches = patches - patches.mean(dim=(0, 1, 2))
    return (patches / patches.std(dim=(0, 1, 2))).reshape(total, -1)


def sliced_distance(a: Tensor, b: Tensor, random: torch.Generator) -> float:
    directions = F.normalize(torch.randn(a.shape[1], DIRECTIONS, generator=random), dim=0)
    total = 0.0
    for part in directions.split(16, dim=1):
        first, second = (a @ part).sort(dim=0).values, (b @ part).sort(dim=0).values
        total += float((first - second).abs().mean(dim=0).sum())
    return 1000 * total / DIRECTIONS


def distances(first: Tensor, second: Tensor, seed: int = 5) -> dict[int, float]:
    """Distance by level for two equally large sets of pictures."""
    random = torch.Generator().manual_seed(seed)
    result = {}
    for resolution, a, b in zip(LEVELS, pyramid(first), pyramid(second)):
        result[resolution] = sliced_distance(descriptors(a, random), descriptors(b, random), random)
    return result
