"""Measures on a generator what the farm is judged by: linear boundaries and the age shift.

    python -m recipe.probe --checkpoints DIR [--faces 20000] [--sheet edited.png]
"""
import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from .attributes import INDEX, NAMES
from .export import load_network
from .linear import boundary_accuracy
from .networks import LATENT, to_sphere
from .sheets import write_sheet

BATCH = 100
ALPHAS = (1.0, 2.0, 3.0)


@torch.no_grad()
def in_batches(network, values: Tensor) -> Tensor:
    return torch.cat([network(part) for part in values.split(BATCH)])


@torch.no_grad()
def label(networks: dict[str, nn.Module], z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Attribute logits and both estimators' ages of the faces that z gives."""
    parts = []
    for part in z.split(BATCH):
        image = networks["generator"](part).clamp(-1, 1)
        parts.append((networks["attributes"](image), networks["age_fit"](image), networks["age_judge"](image)))
    logits, fit, judge = (torch.cat(column) for column in zip(*parts))
    return logits, fit.squeeze(1), judge.squeeze(1)


def age_shifts(networks: dict[str, nn.Module], z: Tensor, normal: Tensor) -> dict[float, float]:
    """Mean change of the judged age after z' = z + alpha n."""
    before = label(networks, z)[2]
    return {alpha: float((label(networks, z + alpha * normal)[2] - before).mean()) for alpha in ALPHAS}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoints", type=Path, required=True)
    parser.add_argument("--faces", type=int, default=20_000)
    parser.add_argument("--moved", type=int, default=2_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--sheet", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    networks = {name: load_network(name, arguments.checkpoints).to(memory_format=torch.channels_last)
                for name in ("generator", "attributes", "age_fit", "age_judge")}
    z = to_sphere(torch.randn(arguments.faces, LATENT, generator=torch.Generator().manual_seed(77)))
    logits, fit, judge = label(networks, z)
    labels = (logits > 0).float()
    old = (fit > fit.median()).float().unsqueeze(1)
    accuracy, normals, _ = boundary_accuracy(z, torch.cat([labels, old], dim=1))
    for i, name in enumerate(NAMES):
        print(f"{name:22s} on {labels[:, i].mean():.3f}  balanced accuracy {accuracy[i]:.3f}")
    print(f"mean balanced accuracy {np.nanmean(accuracy[:-1]):.4f}  least {np.nanmin(accuracy[:-1]):.3f}  old {accuracy[-1]:.3f}")
    print(f"age by fit {fit.mean():.1f} +- {fit.std():.1f}, by judge {judge.mean():.1f} +- {judge.std():.1f}")
    moved = z[:arguments.moved]
    for title, normal in (("old (fit > median)", normals[-1]), ("not Young", -normals[INDEX["Young"]])):
        shifts = age_shifts(networks, moved, normal)
        print(f"{title}: " + "  ".join(f"alpha {a:g}: {s:+.1f}" for a, s in shifts.items()))
    if arguments.sheet:
        steps = torch.tensor([-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 5.0]).reshape(1, -1, 1)
        rows = z[:8].unsqueeze(1) + steps * normals[-1]
        write_sheet(in_batches(networks["generator"], rows.reshape(-1, LATENT)), 8, arguments.sheet, 3)


if __name__ == "__main__":
    main()
