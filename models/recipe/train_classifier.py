"""Trains the attribute classifier on drawings: python -m recipe.train_classifier --pool DIR --checkpoints DIR"""
import time

import torch
from torch.nn import functional as F

from .networks import AttributeClassifier
from .pool import load_pool
from .training import Log, averaged_copy, follow, noisy, rate_at, set_rate, set_up, training_parser, write_record

RATE = 2e-3


def main() -> None:
    arguments = training_parser(__doc__, steps=1500).parse_args()
    set_up(arguments.seed, arguments.threads)
    pool = load_pool(arguments.pool)
    network = AttributeClassifier().to(memory_format=torch.channels_last)
    average = averaged_copy(network)
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=1e-3)
    begin = time.monotonic()
    log = Log(100, arguments.batch)
    batches = pool.batches(arguments.batch, arguments.seed)
    for step in range(arguments.steps):
        set_rate(optimiser, RATE * rate_at(step, arguments.steps))
        image, index = next(batches)
        with torch.autocast("cpu", torch.bfloat16):
            logits = network(noisy(image)).float()
        truth = pool.attributes[index]
        loss = F.binary_cross_entropy_with_logits(logits, truth)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        follow(average, network, step)
        log.note(step, loss=loss, accuracy=((logits > 0) == (truth > 0)).float().mean())
    torch.save(average.state_dict(), arguments.checkpoints / "attributes.pt")
    write_record("attributes", arguments, arguments.steps, time.monotonic() - begin)


if __name__ == "__main__":
    main()
