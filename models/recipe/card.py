"""The model card: text around the figures that quality.py measured."""
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import Tensor

from .attributes import NAMES

TITLES = {
    "attributes": "attribute classifier", "age_fit": "age estimator `fit`", "age_judge": "age estimator `judge`",
    "plan": "generator, phase zero (what is to be drawn)", "regression": "generator, phase one (repeating drawings)",
    "refinement": "generator, phase two (rare attributes)", "focus": "generator, phase three (missing attributes)",
    "last_focus": "generator, phase four (nearly absent attributes)",
    "settling": "generator, phase five (rare attributes again)",
    "generator": "generator, phase six (adversarial)",
}


@dataclass
class Figures:
    """Everything the card says that is a number."""
    labellers: dict
    generated: dict
    boundaries: dict
    flop: dict[str, int]
    records: dict[str, dict]
    published: Tensor
    faces: int
    boundary_faces: int
    bytes: int


INTRODUCTION = """\
# Model card: the default bundle

A generator of 64x64 RGB faces, a classifier of CelebA's 40 attributes and two age estimators, for trying out and
testing the farm. **All of it was learned from drawings.** No photograph of any person, and no part of CelebA, was used
for it; of CelebA only the published names and frequencies of the attributes. Licence: Apache-2.0, weights included.

![drawings](drawings.png)

*Drawings that no training saw.*

![generated](generated.png)

*Generated faces, not selected.*

## Data
`models/recipe/faces.py` paints portraits with all 40 attributes and an age from 15 to 85 years, both known exactly;
`models/recipe/attributes.py` samples who is painted, with CelebA's frequencies and with correlations in the manner of
CelebA's (rates by sex, and shared factors: age, weight, smile, glamour, skin tone). The rates by sex and the strength
of the correlations are our choice. All trainings share one pool of drawings (its size and seed are the defaults of
`recipe/pool.py`); all measurements on drawings below use {faces:,} others, of another seed.

## What was trained, and how
| network | steps | batch | faces | seed | minutes |
|---|---|---|---|---|---|
{trainings}

- **Attribute classifier**: strided convolutional net with batch norm, cross entropy, AdamW, noise on the inputs.
- **Age estimators**: softmax over the ages 15..85, the output is its expectation. `fit` is a plain strided net,
  `judge` a depthwise-separable residual net; other seeds, other order of the data. `judge` took no part in training
  anything else.
- **Generator**: a progressive GAN's architecture (equalised learning rate, pixel norm after every convolution,
  nearest upsampling, latent of 128 on the sphere), all resolutions from the start: nothing was grown.
  - **It is supervised first, and was trained adversarially for {adversarial:,} steps.** A drawing follows from 128
    normal scores: those of its attributes and of the factors that attributes share, its age, its pose, its colours;
    about half of the scores move nothing. The scores, turned by a fixed rotation, are the drawing's latent.
  - *Phase zero*: the layers up to 8x8 learn to state, at each place, the attributes and measures of the drawing that
    belongs to a latent (nothing is painted; each step has new latents).
  - *Phase one*: the generator learns to repeat the drawing of a latent: squared pixel error, and squared error in the
    feature maps and logits of our own attribute classifier; constant learning rate.
  - *Phase two*: the same with a falling rate, more weight on the classifier's features, and faces with rare attributes
    shown more often. *Phase three*: the same, with much more of those attributes that the classifier saw less than half
    as often in generated faces as in drawings. *Phase four*: again, for those seen less than a tenth as often. *Phase five*:
    phase two's mixture again.
  - *Phase six* is adversarial: non-saturating logistic loss on latents from the prior, lazy R1 penalty, minibatch
    deviation; on the other half of each batch the loss of phase two is kept. It is short ({adversarial:,} steps), and the
    bundle has the mean of the weights before and after it: the game made faces sharper and clothes more varied, but
    moved some attributes' frequencies too far. **So the generator is mostly a decoder of the drawings' scores in a
    progressive GAN's architecture, touched up adversarially; it is no GAN trained from nothing.**
  - Exported weights are exponential moving averages.

Why so: the bundle was made on two shared cores within two hours. A variational autoencoder with the same decoder was
tried first and given up after 1,600 steps, when its samples from the prior were not faces; a GAN from nothing was not
tried.

**What follows from it**: the latent space is that of the drawings' own scores. Attributes are thresholds on linear
functions of it, up to what the generator gets wrong, so linear boundaries fit much better than in the latent space of
a GAN that was trained on pictures alone. The directions are not orthogonal: attributes that share a factor (age with
grey hair, make-up with lipstick) share a part of their direction, and sex moves the rates of most; that is the
entanglement which editing has to deal with.
"""

LIMITS = """\
## Limits
- Drawn faces, not people: nothing here says anything about photographs, and the labellers are worthless on them.
- The drawings follow CelebA's stereotypes (make-up, ties and beards by sex, *Attractive*, *Pale_Skin*) because the
  farm exists to measure and undo such entanglement. They are no statement about people.
- *Attractive*, *Oval_Face* and the like mean what the renderer draws for them, no more.
- The perceptual loss was taken in the classifier that also labels the generated faces: frequencies and boundaries are
  flattered by whatever the generator learned about that classifier. Ages are free of this: no age estimator took part
  in training the generator.
- What a hat or a bald head hides (hairline, bangs) counts as absent.
"""


def trainings_table(records: dict[str, dict]) -> str:
    rows = ((title, records[name]) for name, title in TITLES.items() if name in records)
    return "\n".join(
        f"| {title} | {r['steps']:,} | {r['batch']} | {r['faces']:,} | {r['seed']} | {r['seconds'] / 60:.1f} |"
        for title, r in rows)


def headline_table(f: Figures) -> str:
    boundary = f.boundaries["boundary"]
    accuracy, gap = f.labellers["accuracy"], (f.generated["frequency"] - f.labellers["drawn"]).abs()
    labeller_flop = sum(flop for name, flop in f.flop.items() if name != "generator")
    best = {title: max(shift.items(), key=lambda pair: pair[1]) for title, shift in f.boundaries["shift"].items()}
    rows = [
        ("classifier, mean accuracy over 40 attributes", f"{accuracy.mean():.4f}", "≥ 0.93"),
        ("classifier, least accuracy", f"{accuracy.min():.4f} ({NAMES[int(accuracy.argmin())]})", "≥ 0.80"),
        ("classifier, mean balanced accuracy", f"{f.labellers['balanced'].mean():.4f}", ""),
        ("age MAE of `fit`, years", f"{f.labellers['age_error']['fit']:.2f}", "≤ 3.5"),
        ("age MAE of `judge`, years", f"{f.labellers['age_error']['judge']:.2f}", "≤ 3.5"),
        ("correlation of the two estimators' errors", f"{f.labellers['age_correlation']:.2f}", ""),
        ("largest gap of an attribute's frequency, generated to drawings",
         f"{gap.max():.3f} ({NAMES[int(gap.argmax())]})", "≤ 0.08"),
        (f"mean balanced test accuracy of {int(np.isfinite(boundary).sum())} linear boundaries",
         f"{np.nanmean(boundary):.4f}", "≥ 0.80"),
        ("least balanced test accuracy of a boundary",
         f"{np.nanmin(boundary):.3f} ({NAMES[int(np.nanargmin(boundary))]})", ""),
        *((f"largest age shift along '{title}', by `judge`, years", f"{years:+.1f} at α = {alpha:g}", "≥ 19.2")
          for title, (alpha, years) in best.items()),
        ("generator, GFLOP a face", f"{f.flop['generator'] / 1e9:.3f}", "≤ 0.25"),
        ("all labellers, GFLOP a face", f"{labeller_flop / 1e9:.3f}", "≤ 0.1"),
        ("ONNX files, MB", f"{f.bytes / 1e6:.1f}", "≤ 25"),
    ]
    return "| figure | measured | aim |\n|---|---|---|\n" + "\n".join(f"| {a} | {b} | {c} |" for a, b, c in rows)


def distance_table(f: Figures) -> str:
    rows = [f"| {level} | {f.generated['swd_generated'][level]:.1f} | {f.generated['swd_drawings'][level]:.1f} |"
            for level in f.generated["swd_generated"]]
    return ("| resolution | generated to drawings | drawings to drawings |\n|---|---|---|\n" + "\n".join(rows))


def shift_table(f: Figures) -> str:
    alphas = list(next(iter(f.boundaries["shift"].values())))
    head = "| direction | " + " | ".join(f"α = {alpha:g}" for alpha in alphas) + " |\n|---|" + "---|" * len(alphas)
    rows = [f"| {title} | " + " | ".join(f"{shift[alpha]:+.1f}" for alpha in alphas) + " |"
            for title, shift in f.boundaries["shift"].items()]
    return head + "\n" + "\n".join(rows)


def attribute_table(f: Figures) -> str:
    head = ("| attribute | CelebA | drawings | generated | accuracy | F1 | boundary, balanced | positives |\n"
            "|---|---|---|---|---|---|---|---|\n")
    rows = [
        f"| {name} | {f.published[i]:.3f} | {f.labellers['drawn'][i]:.3f} | {f.generated['frequency'][i]:.3f} | "
        f"{f.labellers['accuracy'][i]:.4f} | {f.labellers['f1'][i]:.3f} | {f.boundaries['boundary'][i]:.3f} | "
        f"{int(f.boundaries['positives'][i]):,} |" for i, name in enumerate(NAMES)]
    return head + "\n".join(rows)


def write_card(f: Figures, path: Path) -> None:
    mean, deviation = f.generated["age"]
    drawn_mean, drawn_deviation = f.generated["drawn_age"]
    parts = [
        INTRODUCTION.format(
            faces=f.faces, trainings=trainings_table(f.records),
            adversarial=f.records.get("generator", {"steps": 0})["steps"]),
        "## Figures\nWritten by `python -m recipe.quality` from the exported ONNX files.\n\n" + headline_table(f),
        f"Age of generated faces by `judge`: {mean:.1f} ± {deviation:.1f} years; of the drawings: {drawn_mean:.1f} ± "
        f"{drawn_deviation:.1f}.",
        f"## Sliced Wasserstein distance\n{f.faces // 2:,} generated faces and {f.faces // 2:,} drawings, beside two "
        "disjoint halves of the drawings; × 1000.\n\n" + distance_table(f),
        f"## Age shift\nMean change in years by `judge` over {f.faces:,} faces after z' = z + α n, n the unit normal of "
        f"a linear boundary fitted on {f.boundary_faces:,} labelled faces.\n\n" + shift_table(f),
        f"## Attributes\nAccuracy and F1 of the classifier on held-out drawings; frequencies of {f.faces:,} generated "
        f"faces by the classifier; balanced test accuracy of linear boundaries in the latent space, fitted on four fifths "
        f"of {f.boundary_faces:,} generated faces ({f.boundaries['age_boundary']:.3f} for 'older than the median').\n\n"
        + attribute_table(f),
        LIMITS,
    ]
    path.write_text("\n\n".join(part.strip() for part in parts) + "\n")
