"""Who is drawn: CelebA's forty attributes with its frequencies and correlations, and an age from 15 to 85.

Everything follows from a face's scores, 128 of them, jointly standard normal (scaled to the sphere, as the farm scales
its latents); each named score is one of them. An attribute is on where its score is under the normal quantile of its rate
for the face's sex, so the rates hold exactly; correlations come from factors that scores share (age, weight, smile,
glamour, tone). Rates by sex were chosen so that, with 41.7 % men, CelebA's published frequencies result.
"""
from dataclasses import dataclass

import torch
from torch import Tensor

NAMES = (
    "5_o_Clock_Shadow Arched_Eyebrows Attractive Bags_Under_Eyes Bald Bangs Big_Lips Big_Nose Black_Hair Blond_Hair "
    "Blurry Brown_Hair Bushy_Eyebrows Chubby Double_Chin Eyeglasses Goatee Gray_Hair Heavy_Makeup High_Cheekbones "
    "Male Mouth_Slightly_Open Mustache Narrow_Eyes No_Beard Oval_Face Pale_Skin Pointy_Nose Receding_Hairline "
    "Rosy_Cheeks Sideburns Smiling Straight_Hair Wavy_Hair Wearing_Earrings Wearing_Hat Wearing_Lipstick "
    "Wearing_Necklace Wearing_Necktie Young").split()
INDEX = {name: i for i, name in enumerate(NAMES)}

MALE = 0.4168
# CelebA's frequency of every attribute over its 202,599 photographs, per cent.
CELEBA = dict(zip(NAMES, (
    11.11, 26.70, 51.25, 20.46, 2.24, 15.16, 24.08, 23.45, 23.93, 14.80,
    5.09, 20.52, 14.22, 5.76, 4.67, 6.51, 6.28, 4.19, 38.69, 45.50,
    41.68, 48.34, 4.15, 11.51, 83.49, 28.41, 4.30, 27.74, 7.98,
    6.57, 5.65, 48.21, 20.84, 31.96, 18.89, 4.85, 47.24,
    12.30, 7.27, 77.36), strict=True))

# Rate among men, and the share of each factor in the score (the rest is the attribute's own). The rate among women
# follows from CelebA's frequency. A positive share makes the attribute likelier where the factor is high.
SHARES: dict[str, tuple[float, dict[str, float]]] = {
    "Arched_Eyebrows": (0.050, {"glamour": 0.5}),
    "Attractive": (0.280, {"age": -0.5, "glamour": 0.4, "weight": -0.4}),
    "Bags_Under_Eyes": (0.345, {"age": 0.45, "weight": 0.2}),
    "Bald": (0.053, {"age": 0.65}),
    "Bangs": (0.080, {"age": -0.25}),
    "Big_Lips": (0.150, {"tone": 0.35, "age": -0.2}),
    "Big_Nose": (0.425, {"tone": 0.3, "age": 0.25, "weight": 0.35}),
    "Blurry": (0.051, {}),
    "Bushy_Eyebrows": (0.250, {"age": -0.2, "tone": 0.2}),
    "Chubby": (0.115, {"weight": 0.85, "age": 0.15}),
    "Double_Chin": (0.090, {"weight": 0.7, "age": 0.45}),
    "Eyeglasses": (0.123, {"age": 0.5}),
    "Heavy_Makeup": (0.003, {"glamour": 0.8, "age": -0.2}),
    "High_Cheekbones": (0.315, {"smile": 0.75, "weight": -0.1}),
    "Mouth_Slightly_Open": (0.425, {"smile": 0.6}),
    "Narrow_Eyes": (0.125, {"smile": 0.25}),
    "Oval_Face": (0.217, {"weight": -0.5, "smile": 0.15}),
    "Pale_Skin": (0.025, {"tone": -0.5}),
    "Pointy_Nose": (0.180, {"tone": -0.3, "weight": -0.2}),
    "Receding_Hairline": (0.120, {"age": 0.6}),
    "Rosy_Cheeks": (0.003, {"glamour": 0.5, "smile": 0.3}),
    "Smiling": (0.400, {"smile": 0.85}),
    "Wearing_Earrings": (0.018, {"glamour": 0.45}),
    "Wearing_Hat": (0.080, {"age": -0.2}),
    "Wearing_Lipstick": (0.006, {"glamour": 0.8}),
    "Wearing_Necklace": (0.016, {"glamour": 0.3}),
    "Wearing_Necktie": (0.170, {"age": 0.35}),
}
# Bangs and receding hair under a hat or on a bald head count as absent; their rates are raised by as much.
HIDDEN = {"Bangs": 1.09, "Receding_Hairline": 1.15}
# Beards: only men have one, and each kind is a share of the bearded.
BEARD_KINDS = {"5_o_Clock_Shadow": -0.1, "Goatee": 0.0, "Mustache": 0.4, "Sideburns": 0.1}

# Age by rank within the sex (rank, years). Few faces are close to 45, where Young ends.
AGE_RANKS = {
    True: ((0.0, 15.0), (0.22, 25.0), (0.45, 34.0), (0.620, 42.5), (0.650, 47.5), (0.85, 60.0), (0.96, 72.0), (1.0, 85.0)),
    False: ((0.0, 15.0), (0.30, 22.0), (0.60, 30.0), (0.857, 42.5), (0.887, 47.5), (0.95, 57.0), (0.985, 70.0), (1.0, 85.0)),
}
YOUNG_BELOW = 45.0


class Scores:
    """Scores (N, 128); each name that is asked for gets the next column, so names and columns never drift apart."""

    def __init__(self, values: Tensor):
        self.values = values
        self.used = 0

    def next(self) -> Tensor:
        column = self.values[:, self.used]
        self.used += 1
        return column

    def next_rank(self) -> Tensor:
        """Uniform between 0 and 1."""
        return normal_cdf(self.next())


@dataclass
class People:
    """What is known of the faces: attributes (N, 40) as 0 or 1, age in years (N), skin tone (N), 0 light to 1 dark."""
    attributes: Tensor
    age: Tensor
    tone: Tensor

    def on(self, name: str) -> Tensor:
        return self.attributes[:, INDEX[name]]


def normal_cdf(score: Tensor) -> Tensor:
    return torch.special.ndtr(score)


def interpolate(x: Tensor, points: tuple[tuple[float, float], ...]) -> Tensor:
    """Piecewise linear function through the points."""
    y = torch.full_like(x, points[0][1])
    for (x0, y0), (x1, y1) in zip(points, points[1:]):
        y = y + (x.clamp(x0, x1) - x0) * ((y1 - y0) / (x1 - x0))
    return y


def rate_by_sex(name: str, male: Tensor) -> Tensor:
    raised = HIDDEN.get(name, 1.0)
    among_men = SHARES[name][0] * raised
    among_women = (CELEBA[name] / 100 * raised - MALE * among_men) / (1 - MALE)
    return torch.where(male, among_men, max(among_women, 0.0))


def people_of(scores: Scores) -> People:
    """The people that the scores describe."""
    factors = {name: scores.next() for name in ("age", "weight", "smile", "glamour", "tone")}
    male = scores.next_rank() < MALE
    on = {"Male": male}
    for name, (_, shares) in SHARES.items():
        own = (1.0 - sum(share * share for share in shares.values())) ** 0.5
        score = own * scores.next() + sum(share * factors[factor] for factor, share in shares.items())
        on[name] = normal_cdf(-score) < rate_by_sex(name, male)

    rank = normal_cdf(factors["age"])
    age = torch.where(male, interpolate(rank, AGE_RANKS[True]), interpolate(rank, AGE_RANKS[False]))
    on["Young"] = age < YOUNG_BELOW
    add_beards(on, male, factors["age"], scores)
    add_hair(on, male, factors, scores)
    attributes = torch.stack([on[name] for name in NAMES], dim=1).float()
    return People(attributes, age, normal_cdf(factors["tone"]))


def add_beards(on: dict[str, Tensor], male: Tensor, age: Tensor, scores: Scores) -> None:
    bearded_men = (1 - CELEBA["No_Beard"] / 100) / MALE
    beard = male & (scores.next_rank() < bearded_men)
    on["No_Beard"] = ~beard
    for kind, share in BEARD_KINDS.items():
        score = share * age + (1 - share * share) ** 0.5 * scores.next()
        on[kind] = beard & (normal_cdf(-score) < CELEBA[kind] / 100 / (MALE * bearded_men))


def add_hair(on: dict[str, Tensor], male: Tensor, factors: dict[str, Tensor], scores: Scores) -> None:
    """Colour and form of the hair; what a hat or a bald head hides is off."""
    hat = on["Wearing_Hat"]
    on["Bald"] &= ~hat & male
    hair = ~on["Bald"]
    on["Receding_Hairline"] &= hair & ~hat
    on["Bangs"] &= hair & ~hat & ~on["Receding_Hairline"]

    gray_score = 0.85 * factors["age"] + 0.527 * scores.next()
    on["Gray_Hair"] = hair & (normal_cdf(-gray_score) < torch.where(male, 0.103, 0.0145))
    coloured = hair & ~on["Gray_Hair"]
    # One rank decides the colour, from fair to black along the skin's tone; what is left over is auburn.
    rank = normal_cdf(0.5 * factors["tone"] + 0.866 * scores.next())
    blond = torch.where(male, 0.025, 0.240)
    brown = torch.where(male, 0.182, 0.240)
    black = torch.where(male, 0.340, 0.200)
    on["Blond_Hair"] = coloured & (rank < blond)
    on["Brown_Hair"] = coloured & (rank >= blond) & (rank < blond + brown)
    on["Black_Hair"] = coloured & (rank > 1 - black)

    form = scores.next_rank()
    on["Wavy_Hair"] = hair & (form < torch.where(male, 0.140, 0.455))
    on["Straight_Hair"] = hair & (form > 1 - torch.where(male, 0.250, 0.190))
