"""A pool of drawings on disk, so that the trainings share the painting: images, attributes, ages, latents (.npy).

    python -m recipe.pool --folder DIR --faces 190000 --seed 1

The renderer is compiled, which makes it six times as fast on cores.
"""
import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .attributes import NAMES
from .faces import SIZE, draw_faces, paint
from .networks import LATENT, to_sphere
from .sheets import to_pixels

CHUNK = 64
# Attributes below this frequency are rare; each that a face has makes it likelier by this much (and one).
RARE, RARE_WEIGHT = 0.1, 1.5
# What all focused attributes together get in addition, in units of the whole pool.
FOCUS = 1.8


@dataclass
class Pool:
    """Images are bytes, height x width x channel; ages are years, latents what each face was drawn from."""
    images: np.ndarray
    attributes: Tensor
    ages: Tensor
    latents: Tensor

    def __len__(self) -> int:
        return len(self.ages)

    def picture(self, index: Tensor | slice) -> Tensor:
        """Images in [-1, 1], (N, 3, 64, 64) in channels-last memory order."""
        at = index if isinstance(index, slice) else index.numpy()
        pixels = torch.from_numpy(np.array(self.images[at]))
        return (pixels.float() / 127.5 - 1).permute(0, 3, 1, 2)

    def rare_batches(self, size: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
        """As batches(), but drawn with replacement, faces with rare attributes more often than they are."""
        random = torch.Generator().manual_seed(seed)
        rare = self.attributes[:, self.attributes.mean(dim=0) < RARE]
        weights = (1 + RARE_WEIGHT * rare).prod(dim=1)
        while True:
            for index in torch.multinomial(weights, 1000 * size, replacement=True, generator=random).split(size):
                yield self.picture(index), index

    def focused_batches(self, size: int, seed: int, focus: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Drawn with replacement; each attribute of the mask `focus` gets the same additional share of the faces."""
        random = torch.Generator().manual_seed(seed)
        chosen = self.attributes[:, focus]
        weights = 1 + FOCUS * (chosen / chosen.mean(dim=0)).mean(dim=1)
        while True:
            for index in torch.multinomial(weights, 1000 * size, replacement=True, generator=random).split(size):
                yield self.picture(index), index

    def batches(self, size: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Without end: pictures and their indices, reshuffled each time round."""
        random = torch.Generator().manual_seed(seed)
        while True:
            order = torch.randperm(len(self), generator=random)
            for start in range(0, len(self) - size + 1, size):
                index = order[start:start + size]
                yield self.picture(index), index


def load_pool(folder: Path) -> Pool:
    attributes, ages, latents = (
        torch.from_numpy(np.load(folder / f"{name}.npy")) for name in ("attributes", "ages", "latents"))
    return Pool(np.load(folder / "images.npy"), attributes.float(), ages, latents)


def write_pool(folder: Path, faces: int, seed: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    images = np.lib.format.open_memmap(
        folder / "images.npy", mode="w+", dtype=np.uint8, shape=(faces, SIZE, SIZE, 3))
    attributes, ages = np.empty((faces, len(NAMES)), np.uint8), np.empty(faces, np.float32)
    z = to_sphere(torch.randn(faces, LATENT, generator=torch.Generator().manual_seed(seed)))
    painter = torch.compile(paint, dynamic=False)
    for part in torch.arange(faces).split(CHUNK):
        # The compiled painter takes whole chunks only: the last one is filled up with its own last face.
        whole = torch.cat([part, part[-1:].expand(CHUNK - len(part))])
        drawn, people = draw_faces(z[whole], painter)
        rows, count = part.numpy(), len(part)
        images[rows] = to_pixels(drawn)[:count]
        attributes[rows] = people.attributes.byte().numpy()[:count]
        ages[rows] = people.age.numpy()[:count]
    images.flush()
    for name, array in (("attributes", attributes), ("ages", ages), ("latents", z.numpy())):
        np.save(folder / f"{name}.npy", array)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--faces", type=int, default=190_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    write_pool(arguments.folder, arguments.faces, arguments.seed)


if __name__ == "__main__":
    main()
