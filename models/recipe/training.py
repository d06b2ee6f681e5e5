"""What the trainings share: reproducible set-up, a learning rate that warms up and falls to nothing, averaged weights."""
import argparse
import copy
import json
import math
import time
from pathlib import Path

import torch
from torch import Tensor, nn

WARM_UP = 100


def set_up(seed: int, threads: int) -> None:
    torch.manual_seed(seed)
    torch.set_num_threads(threads)
    torch.set_float32_matmul_precision("high")


def training_parser(text: str, steps: int) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=text)
    parser.add_argument("--pool", type=Path, required=True, help="folder written by recipe.pool")
    parser.add_argument("--checkpoints", type=Path, required=True, help="folder for weights and training records")
    parser.add_argument("--steps", type=int, default=steps)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    return parser


def rate_at(step: int, steps: int) -> float:
    """Share of the full learning rate: a linear warm-up, then half a cosine."""
    return min(1.0, (step + 1) / WARM_UP) * 0.5 * (1 + math.cos(math.pi * step / steps))


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    for group in optimiser.param_groups:
        group["lr"] = rate


@torch.no_grad()
def follow(average: nn.Module, network: nn.Module, step: int, longest: float = 0.999) -> None:
    """Exponential moving average of the weights, short at first so that the beginning is forgotten."""
    decay = min(longest, (step + 1) / (step + 10))
    current = network.state_dict()
    for name, value in average.state_dict().items():
        if value.is_floating_point():
            value.lerp_(current[name], 1 - decay)
        else:
            value.copy_(current[name])


def averaged_copy(network: nn.Module) -> nn.Module:
    return copy.deepcopy(network).requires_grad_(False)


def noisy(image: Tensor) -> Tensor:
    """Noise of a random strength on each picture, so that a labeller leans on no single pixel."""
    strength = 0.10 * torch.rand(image.shape[0], 1, 1, 1)
    return image + strength * torch.randn_like(image)


def write_record(name: str, arguments: argparse.Namespace, steps: int, seconds: float,
                 batch: int | None = None) -> None:
    """What the model card says of a training."""
    batch = batch or arguments.batch
    record = {"steps": steps, "batch": batch, "seed": arguments.seed, "threads": arguments.threads,
              "faces": steps * batch, "seconds": round(seconds)}
    (arguments.checkpoints / f"{name}.json").write_text(json.dumps(record))


class Log:
    """A line every `every` steps: step, faces a second, and the mean of what was noted since the last line."""

    def __init__(self, every: int, batch: int):
        self.every, self.batch = every, batch
        self.sums: dict[str, float] = {}
        self.begin = time.monotonic()

    def note(self, step: int, **values: Tensor) -> None:
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + float(value.detach())
        if (step + 1) % self.every == 0:
            elapsed = time.monotonic() - self.begin
            means = "  ".join(f"{name} {total / self.every:.4f}" for name, total in self.sums.items())
            print(f"step {step + 1}  {self.every * self.batch / elapsed:.0f} faces/s  {means}", flush=True)
            self.sums, self.begin = {}, time.monotonic()
