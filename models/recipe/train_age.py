"""Trains one age estimator on drawings: python -m recipe.train_age --role fit|judge --pool DIR --checkpoints DIR

The target is a narrow normal distribution over the ages around the true one; the expectation gets its own loss.
"""
import time

import torch
from torch import Tensor
from torch.nn import functional as F

from .networks import FIRST_AGE, LAST_AGE, AgeEstimatorPlain, AgeEstimatorResidual
from .pool import load_pool
from .training import Log, averaged_copy, follow, noisy, rate_at, set_rate, set_up, training_parser, write_record

RATE = 2e-3
TARGET_WIDTH = 2.0
NETWORKS = {"fit": AgeEstimatorPlain, "judge": AgeEstimatorResidual}


def age_distribution(age: Tensor) -> Tensor:
    years = torch.arange(FIRST_AGE, LAST_AGE + 1, dtype=torch.float32)
    return torch.softmax(-0.5 * ((years - age.unsqueeze(1)) / TARGET_WIDTH) ** 2, dim=1)


def main() -> None:
    parser = training_parser(__doc__, steps=1500)
    parser.add_argument("--role", choices=sorted(NETWORKS), required=True)
    arguments = parser.parse_args()
    # The two estimators see different orders and noises, so that their errors have less in common.
    seed = arguments.seed + 1 + sorted(NETWORKS).index(arguments.role)
    set_up(seed, arguments.threads)
    pool = load_pool(arguments.pool)
    network = NETWORKS[arguments.role]().to(memory_format=torch.channels_last)
    average = averaged_copy(network)
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=1e-3)
    begin = time.monotonic()
    log = Log(100, arguments.batch)
    batches = pool.batches(arguments.batch, seed)
    years = network.age.ages.squeeze(1)
    for step in range(arguments.steps):
        set_rate(optimiser, RATE * rate_at(step, arguments.steps))
        image, index = next(batches)
        with torch.autocast("cpu", torch.bfloat16):
            logits = network.age.logits(network.embed(noisy(image))).float()
        age = pool.ages[index]
        expectation = torch.softmax(logits, dim=1) @ years
        error = (expectation - age).abs().mean()
        loss = F.cross_entropy(logits, age_distribution(age)) + 0.1 * error
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        follow(average, network, step)
        log.note(step, loss=loss, error=error)
    torch.save(average.state_dict(), arguments.checkpoints / f"age_{arguments.role}.pt")
    write_record(f"age_{arguments.role}", arguments, arguments.steps, time.monotonic() - begin)


if __name__ == "__main__":
    main()
