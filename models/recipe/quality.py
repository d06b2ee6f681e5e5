"""Measures the exported bundle and writes its model card and contact sheets.

    python -m recipe.quality --bundle models/default --held-out DIR --checkpoints DIR

--held-out is a pool of drawings from a seed that no training used. The networks are run as exported, through
onnxruntime; the records of the trainings are read from --checkpoints.
"""
import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import Tensor

from .attributes import CELEBA, INDEX, NAMES
from .card import Figures, write_card
from .export import NETWORKS
from .flops import count_flop
from .linear import boundary_accuracy
from .networks import LATENT, to_sphere
from .pool import Pool, load_pool
from .sheets import write_sheet
from .swd import distances

FACES = 10_000
BOUNDARY_FACES = 20_000
BATCH = 100
ALPHAS = (1.0, 2.0)
SEEDS = {"faces": 101, "boundaries": 102}


@dataclass
class Network:
    """An ONNX file with one input and one output, run in batches."""
    session: onnxruntime.InferenceSession

    def __call__(self, values: Tensor) -> Tensor:
        name = self.session.get_inputs()[0].name
        parts = [self.session.run(None, {name: part.contiguous().numpy()})[0] for part in values.split(BATCH)]
        return torch.from_numpy(np.concatenate(parts))


def open_networks(bundle: Path, threads: int) -> dict[str, Network]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return {name: Network(onnxruntime.InferenceSession(str(bundle / f"{name}.onnx"), options)) for name in NETWORKS}


def latents(count: int, seed: int) -> Tensor:
    return to_sphere(torch.randn(count, LATENT, generator=torch.Generator().manual_seed(seed)))


def count_all_flop() -> dict[str, int]:
    examples = {name: torch.zeros(1, LATENT) if name == "generator" else torch.zeros(1, 3, 64, 64) for name in NETWORKS}
    return {name: count_flop(network(), examples[name]) for name, network in NETWORKS.items()}


def labeller_figures(networks: dict[str, Network], held: Pool) -> dict:
    """Accuracy, F1 and balanced accuracy of the classifier; errors of the age estimators; on held-out drawings."""
    image = held.picture(slice(0, FACES))
    truth = held.attributes[:FACES] > 0
    found = networks["attributes"](image) > 0
    hits = (found & truth).sum(0).float()
    recall, negative_recall = hits / truth.sum(0), (~found & ~truth).sum(0) / (~truth).sum(0)
    age = held.ages[:FACES]
    errors = {role: networks[f"age_{role}"](image).squeeze(1) - age for role in ("fit", "judge")}
    return {
        "accuracy": (found == truth).float().mean(0), "f1": 2 * hits / (found.sum(0) + truth.sum(0)),
        "balanced": 0.5 * (recall + negative_recall), "drawn": truth.float().mean(0),
        "age_error": {role: float(error.abs().mean()) for role, error in errors.items()},
        "age_correlation": float(torch.corrcoef(torch.stack(list(errors.values())))[0, 1]),
    }


def generated_figures(networks: dict[str, Network], held: Pool) -> dict:
    """Frequencies, ages and sliced Wasserstein distances of generated faces beside the drawings'."""
    made = networks["generator"](latents(FACES, SEEDS["faces"])).clamp(-1, 1)
    half = FACES // 2
    drawn = held.picture(slice(0, FACES)).contiguous()
    age = networks["age_judge"](made)
    return {
        "frequency": (networks["attributes"](made) > 0).float().mean(0),
        "drawings_frequency": (networks["attributes"](drawn) > 0).float().mean(0),
        "age": (float(age.mean()), float(age.std())),
        "drawn_age": (float(held.ages[:FACES].mean()), float(held.ages[:FACES].std())),
        "swd_generated": distances(made[:half], drawn[:half]),
        "swd_drawings": distances(drawn[half:], drawn[:half]),
        "images": made[:32], "drawings": drawn[:32],
    }


def boundary_figures(networks: dict[str, Network]) -> dict:
    """Linear boundaries in the latent space and the age shift along two of them."""
    z = latents(BOUNDARY_FACES, SEEDS["boundaries"])
    logits, fit, judge = [], [], []
    for part in z.split(1000):
        image = networks["generator"](part).clamp(-1, 1)
        logits.append(networks["attributes"](image))
        fit.append(networks["age_fit"](image))
        judge.append(networks["age_judge"](image))
    labels = (torch.cat(logits) > 0).float()
    ages = torch.cat(fit)
    accuracy, normals, _ = boundary_accuracy(z, torch.cat([labels, (ages > ages.median()).float()], dim=1))
    before = torch.cat(judge)[:FACES]

    def shift(normal: Tensor, alpha: float) -> float:
        moved = networks["generator"](z[:FACES] + alpha * normal).clamp(-1, 1)
        return float((networks["age_judge"](moved) - before).mean())

    directions = {"older than the median": normals[-1], "not Young": -normals[INDEX["Young"]]}
    return {
        "boundary": accuracy[:-1], "positives": labels.sum(0), "age_boundary": float(accuracy[-1]),
        "shift": {title: {alpha: shift(normal, alpha) for alpha in ALPHAS} for title, normal in directions.items()},
    }


def read_records(checkpoints: Path) -> dict[str, dict]:
    return {path.stem: json.loads(path.read_text()) for path in sorted(checkpoints.glob("*.json"))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--held-out", type=Path, required=True)
    parser.add_argument("--checkpoints", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    networks = open_networks(arguments.bundle, arguments.threads)
    held = load_pool(arguments.held_out)
    labellers, generated = labeller_figures(networks, held), generated_figures(networks, held)
    write_sheet(generated["drawings"], 8, arguments.bundle / "drawings.png")
    write_sheet(generated["images"], 8, arguments.bundle / "generated.png")
    figures = Figures(
        labellers=labellers, generated=generated, boundaries=boundary_figures(networks), flop=count_all_flop(),
        records=read_records(arguments.checkpoints), published=torch.tensor([CELEBA[name] / 100 for name in NAMES]),
        faces=FACES, boundary_faces=BOUNDARY_FACES,
        bytes=sum(path.stat().st_size for path in arguments.bundle.glob("*.onnx")))
    write_card(figures, arguments.bundle / "MODEL_CARD.md")


if __name__ == "__main__":
    main()
