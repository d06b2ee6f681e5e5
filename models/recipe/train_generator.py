"""Trains the generator: its coarse layers to know what is to be drawn, all of it to repeat the drawings of its latents,
then adversarially on new latents as well (--adversarial-steps 0 leaves that out).

    python -m recipe.train_generator --pool DIR --checkpoints DIR [--resume]

--checkpoints must hold the trained attributes.pt, whose features the perceptual loss compares. No age estimator is
used here. With --resume, phases whose weights (regression.pt, refinement.pt, …) are there are not trained again.
"""
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .attributes import NAMES
from .faces import plan_faces
from .networks import (GENERATOR_CHANNELS, LATENT, Activation, AttributeClassifier, Critic, EqualisedConv2d, Generator,
                       to_sphere)
from .perception import Perception
from .pool import Pool, load_pool
from .training import (WARM_UP, Log, averaged_copy, follow, rate_at, set_rate, set_up, training_parser,
                       write_record)

RATE = 1e-2
COARSE_SHARE = 0.1
REFINEMENT_RATE = 5e-3
ADVERSARIAL_RATE, CRITIC_RATE = 1.5e-3, 3e-3
# Weights of the losses against the drawing; in the second phase the adversarial game counts 1.
PIXEL, PERCEPTION, REFINED_PERCEPTION = 10.0, 0.15, 0.3
KEPT = 1.0
R1, R1_EVERY = 0.5, 16
SAVE_EVERY = 250
# The result lies half way between the weights before and after phase six: the game makes faces sharper and clothes
# more varied, but moves some attributes' frequencies too far.
ADVERSARIAL_SHARE = 0.5
# The rate of phase two falls over this many steps; the bundle's run was ended earlier, for lack of time.
REFINEMENT_SCHEDULE = 5_000
MEASURED, MEASURED_BATCH = 2048, 32
CHANNELS_LAST = torch.channels_last


def autocast() -> torch.autocast:
    return torch.autocast("cpu", torch.bfloat16)


def compile_activations(generator: Generator) -> None:
    """Fuse activation and pixel norm; on cores this makes the generator three times as fast to train."""
    torch._dynamo.config.recompile_limit = 64
    for module in generator.modules():
        if isinstance(module, Activation):
            module.compile(dynamic=False)


def drawing_loss(made: Tensor, drawing: Tensor, perception: Perception, share: float) -> tuple[Tensor, dict[str, Tensor]]:
    """How far made faces are from the drawings of the same latents; half of them are looked at perceptually."""
    some = slice(0, len(made) // 2)
    with autocast():
        perceived = perception(made[some], drawing[some])
    pixel = F.mse_loss(made.float(), drawing)
    return PIXEL * pixel + share * perceived, {"pixel": pixel, "perceived": perceived}


def train_plan(generator: Generator, arguments) -> None:
    """Phase zero: the layers up to 8x8 learn, at every place, what the drawing of a latent shows. Nothing is painted
    for this, so it costs little and spares the dearer layers above a long time of guessing."""
    attributes, measures = plan_faces(prior(8))
    readout = EqualisedConv2d(GENERATOR_CHANNELS[8], attributes.shape[1] + measures.shape[1], 1, gain=1.0)
    optimiser = torch.optim.Adam([*generator.coarse_parameters(), *readout.parameters()], lr=RATE, betas=(0.9, 0.99))
    log = Log(100, arguments.plan_batch)
    begin = time.monotonic()
    for step in range(arguments.plan_steps):
        set_rate(optimiser, RATE * rate_at(step, arguments.plan_steps))
        z = prior(arguments.plan_batch)
        attributes, measures = plan_faces(z)
        with autocast():
            read = readout(generator.coarse(z)).float()
        logits, values = read.split([attributes.shape[1], measures.shape[1]], dim=1)
        entropy = F.binary_cross_entropy_with_logits(logits, attributes[:, :, None, None].expand_as(logits))
        error = F.mse_loss(values, measures[:, :, None, None].expand_as(values))
        optimiser.zero_grad()
        (entropy + 0.2 * error).backward()
        optimiser.step()
        right = ((logits > 0) == (attributes[:, :, None, None] > 0)).float().mean()
        log.note(step, entropy=entropy, error=error, accuracy=right)
    write_record("plan", arguments, arguments.plan_steps, time.monotonic() - begin, arguments.plan_batch)


def train_regression(generator: Generator, perception: Perception, pool: Pool, arguments) -> None:
    """Phase one, at a constant rate, so that any of the saved averages may end it: phase two lets the rate fall."""
    average = averaged_copy(generator)
    # The layers that already know what to draw move slowly, while those above find out how.
    coarse = set(generator.coarse_parameters())
    fine = [parameter for parameter in generator.parameters() if parameter not in coarse]
    optimisers = [torch.optim.Adam(fine, betas=(0.9, 0.99)), torch.optim.Adam(list(coarse), betas=(0.9, 0.99))]
    log = Log(200, arguments.batch)
    batches = pool.batches(arguments.batch, arguments.seed)
    begin = time.monotonic()
    for step in range(arguments.steps):
        rate = RATE * min(1.0, (step + 1) / WARM_UP)
        set_rate(optimisers[0], rate)
        set_rate(optimisers[1], rate * COARSE_SHARE)
        drawing, index = next(batches)
        with autocast():
            made = generator(pool.latents[index])
        loss, parts = drawing_loss(made, drawing, perception, PERCEPTION)
        generator.zero_grad()
        loss.backward()
        for optimiser in optimisers:
            optimiser.step()
        follow(average, generator, step)
        log.note(step, **parts)
        if (step + 1) % SAVE_EVERY == 0 or step + 1 == arguments.steps:
            torch.save(average.state_dict(), arguments.checkpoints / "regression.pt")
            write_record("regression", arguments, step + 1, time.monotonic() - begin)


@torch.no_grad()
def missing_attributes(generator: Generator, perception: Perception, pool: Pool, share: float) -> Tensor:
    """Mask of the attributes seen by the classifier in made faces less often than `share` of how often they were drawn."""
    latents = pool.latents[:MEASURED]
    with autocast():
        logits = torch.cat([perception.classifier(generator(z)) for z in latents.split(MEASURED_BATCH)])
    missing = (logits > 0).float().mean(dim=0) < share * pool.attributes[:MEASURED].mean(dim=0)
    print("missing:", *(name for name, gone in zip(NAMES, missing) if gone), flush=True)
    return missing


def refine(generator: Generator, perception: Perception, pool: Pool, batches: Iterator, steps: int, schedule: int,
           name: str, arguments) -> None:
    """As phase one, the rate falling over `schedule` steps, but all layers at one falling rate and with more weight on perception."""
    average = averaged_copy(generator)
    optimiser = torch.optim.Adam(generator.parameters(), betas=(0.9, 0.99))
    log = Log(200, arguments.batch)
    begin = time.monotonic()
    for step in range(steps):
        set_rate(optimiser, REFINEMENT_RATE * (0.1 + 0.9 * rate_at(step, schedule)))
        drawing, index = next(batches)
        with autocast():
            made = generator(pool.latents[index])
        loss, parts = drawing_loss(made, drawing, perception, REFINED_PERCEPTION)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        follow(average, generator, step)
        log.note(step, **parts)
        if (step + 1) % SAVE_EVERY == 0 or step + 1 == steps:
            torch.save(average.state_dict(), arguments.checkpoints / f"{name}.pt")
            write_record(name, arguments, step + 1, time.monotonic() - begin)


def train_refinement(generator: Generator, perception: Perception, pool: Pool, arguments) -> None:
    """Phase two: rare attributes are shown more often."""
    batches = pool.rare_batches(arguments.batch, arguments.seed + 50)
    refine(generator, perception, pool, batches, arguments.refinement_steps, REFINEMENT_SCHEDULE, "refinement",
           arguments)


def train_focus(generator: Generator, perception: Perception, pool: Pool, arguments) -> None:
    """Phase three: what is shown less than half as often as it should is shown much more often."""
    missing = missing_attributes(generator, perception, pool, 0.5)
    batches = pool.focused_batches(arguments.batch, arguments.seed + 60, missing)
    refine(generator, perception, pool, batches, arguments.focus_steps, arguments.focus_steps, "focus", arguments)


def train_last_focus(generator: Generator, perception: Perception, pool: Pool, arguments) -> None:
    """Phase four: the same for what is hardly shown at all."""
    missing = missing_attributes(generator, perception, pool, 0.1)
    if not missing.any():
        return
    batches = pool.focused_batches(arguments.batch, arguments.seed + 70, missing)
    steps = arguments.last_focus_steps
    refine(generator, perception, pool, batches, steps, steps, "last_focus", arguments)


def train_settling(generator: Generator, perception: Perception, pool: Pool, arguments) -> None:
    """Phase five: phase two's mixture again, so that what the focus neglected comes back."""
    batches = pool.rare_batches(arguments.batch, arguments.seed + 80)
    steps = arguments.settling_steps
    refine(generator, perception, pool, batches, steps, steps, "settling", arguments)


def prior(count: int) -> Tensor:
    return to_sphere(torch.randn(count, LATENT))


def critic_step(critic: Critic, optimiser: torch.optim.Optimizer, real: Tensor, made: Tensor, step: int) -> Tensor:
    """Non-saturating logistic loss; every R1_EVERY steps the gradient penalty on drawings."""
    with autocast():
        loss = F.softplus(-critic(real).float()).mean() + F.softplus(critic(made).float()).mean()
    total = loss
    if step % R1_EVERY == 0:
        watched = real[:16].detach().requires_grad_(True)
        gradient, = torch.autograd.grad(critic(watched).sum(), watched, create_graph=True)
        total = loss + 0.5 * R1 * R1_EVERY * gradient.square().sum(dim=(1, 2, 3)).mean()
    optimiser.zero_grad()
    total.backward()
    optimiser.step()
    return loss


def train_adversarially(generator: Generator, perception: Perception, pool: Pool, arguments) -> Generator:
    """Phase six: half of a batch are latents of the pool, whose drawings stay the aim, half are new ones."""
    critic = Critic().to(memory_format=CHANNELS_LAST)
    average = averaged_copy(generator)
    steps = arguments.adversarial_steps
    of_generator = torch.optim.Adam(generator.parameters(), betas=(0.0, 0.99))
    of_critic = torch.optim.Adam(critic.parameters(), betas=(0.0, 0.99))
    log = Log(200, arguments.batch)
    half = arguments.batch // 2
    drawings = pool.batches(half, arguments.seed + 100)
    kept_drawings = pool.rare_batches(half, arguments.seed + 101)
    for step in range(steps):
        rate = rate_at(step, steps)
        set_rate(of_generator, ADVERSARIAL_RATE * rate)
        set_rate(of_critic, CRITIC_RATE * rate)
        real, _ = next(drawings)
        wanted, index = next(kept_drawings)
        with autocast():
            made = generator(torch.cat([pool.latents[index], prior(half)]))
        critic_loss = critic_step(critic, of_critic, real, made.detach()[half:], step)
        critic.requires_grad_(False)
        with autocast():
            game = F.softplus(-critic(made[half:]).float()).mean()
        critic.requires_grad_(True)
        kept, parts = drawing_loss(made[:half], wanted, perception, REFINED_PERCEPTION)
        of_generator.zero_grad()
        (game + KEPT * kept).backward()
        of_generator.step()
        follow(average, generator, step)
        log.note(step, critic=critic_loss, game=game, **parts)
        if (step + 1) % SAVE_EVERY == 0:
            torch.save(average.state_dict(), arguments.checkpoints / "generator.pt")
    return average


def between(before: dict[str, Tensor], after: dict[str, Tensor], share: float) -> dict[str, Tensor]:
    return {name: torch.lerp(before[name], after[name], share) for name in before}


def main() -> None:
    parser = training_parser(__doc__, steps=7_500)
    parser.add_argument("--adversarial-steps", type=int, default=1_800)
    parser.set_defaults(batch=32)
    parser.add_argument("--refinement-steps", type=int, default=4_250)
    parser.add_argument("--focus-steps", type=int, default=3_500)
    parser.add_argument("--last-focus-steps", type=int, default=1_000)
    parser.add_argument("--settling-steps", type=int, default=750)
    parser.add_argument("--plan-steps", type=int, default=2_400)
    parser.add_argument("--plan-batch", type=int, default=128)
    parser.add_argument("--resume", action="store_true")
    arguments = parser.parse_args()
    set_up(arguments.seed + 10, arguments.threads)
    pool = load_pool(arguments.pool)
    folder: Path = arguments.checkpoints
    classifier = AttributeClassifier().to(memory_format=CHANNELS_LAST)
    classifier.load_state_dict(torch.load(folder / "attributes.pt", weights_only=True))
    perception = Perception(classifier)
    generator = Generator().to(memory_format=CHANNELS_LAST)
    compile_activations(generator)

    phases = {"regression": train_regression, "refinement": train_refinement, "focus": train_focus,
              "last_focus": train_last_focus, "settling": train_settling}
    for name, train in phases.items():
        saved = folder / f"{name}.pt"
        if not (arguments.resume and saved.exists()):
            if name == "regression":
                train_plan(generator, arguments)
            train(generator, perception, pool, arguments)
        if saved.exists():
            generator.load_state_dict(torch.load(saved, weights_only=True))
    torch.save(generator.state_dict(), folder / "generator.pt")
    if not arguments.adversarial_steps:
        return
    begin = time.monotonic()
    before = {name: value.clone() for name, value in generator.state_dict().items()}
    average = train_adversarially(generator, perception, pool, arguments)
    torch.save(between(before, average.state_dict(), ADVERSARIAL_SHARE), folder / "generator.pt")
    write_record("generator", arguments, arguments.adversarial_steps, time.monotonic() - begin)


if __name__ == "__main__":
    main()
