"""The renderer: paints 64x64 RGB portraits of sampled people, a batch at a time, on cores or on a GPU.

A face has its own coordinates: x to the right, y down, both from -1 to 1 over the picture before the pose moves it.
Every part is a mask (from a signed distance, its edge one pixel wide) and a colour laid over what is there.
All parameters are tensors of shape (N, 1, 1), colours of shape (N, 3, 1, 1).
"""
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

import torch
from torch import Tensor

from .attributes import NAMES, People, Scores, people_of
from .networks import LATENT

SIZE = 64
PIXEL = 2.0 / SIZE

BACKGROUNDS = ((0.36, 0.47, 0.60), (0.62, 0.64, 0.66), (0.45, 0.55, 0.44), (0.70, 0.60, 0.48), (0.30, 0.31, 0.36))
CLOTHES = ((0.16, 0.20, 0.34), (0.55, 0.14, 0.16), (0.16, 0.36, 0.30), (0.72, 0.70, 0.66), (0.20, 0.20, 0.21), (0.40, 0.28, 0.48))
HATS = ((0.75, 0.15, 0.15), (0.15, 0.30, 0.70), (0.15, 0.50, 0.25), (0.90, 0.75, 0.20))
TIES = ((0.75, 0.08, 0.12), (0.10, 0.16, 0.60), (0.05, 0.38, 0.20))
IRISES = ((0.28, 0.16, 0.08), (0.20, 0.40, 0.60), (0.25, 0.42, 0.25))
LIPSTICKS = ((0.80, 0.05, 0.15), (0.78, 0.12, 0.42), (0.60, 0.02, 0.20))
SHADOWS = ((0.30, 0.25, 0.62), (0.16, 0.45, 0.55), (0.50, 0.20, 0.50))
SKIN_TONES = ((0.0, (0.96, 0.80, 0.68)), (0.45, (0.86, 0.66, 0.51)), (0.75, (0.66, 0.46, 0.33)), (1.0, (0.43, 0.29, 0.21)))
WHITE = (1.0, 1.0, 1.0)


@dataclass
class Face:
    """A batch of faces: attributes (0 or 1), age measures and the nuisances that no label names."""
    attributes: dict[str, Tensor]
    age: Tensor          # years
    wrinkles: Tensor     # 0 up to the twenties, 1 at 85
    youth: Tensor        # 1 at 15, 0 from 40 on
    skin: Tensor
    hair: Tensor
    random: dict[str, Tensor] = field(default_factory=dict)
    colour: dict[str, Tensor] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Tensor:
        return self.attributes[name]


def face_of(people: People, scores: Scores) -> Face:
    """Everything in a face beyond its people, from the scores they left over: pose, colours, small differences."""
    def between(low: float, high: float) -> Tensor:
        return low + (high - low) * scores.next_rank().reshape(-1, 1, 1)

    def pick(palette: tuple) -> Tensor:
        index = (scores.next_rank() * len(palette)).long().clamp(max=len(palette) - 1)
        return torch.tensor(palette)[index].reshape(-1, 3, 1, 1)

    age = people.age.reshape(-1, 1, 1)
    tone = people.tone.reshape(-1, 1, 1)
    face = Face(
        attributes={name: people.on(name).reshape(-1, 1, 1) for name in NAMES},
        age=age, wrinkles=((age - 25) / 60).clamp(0, 1), youth=((40 - age) / 25).clamp(0, 1),
        skin=skin_colour(tone, people.on("Pale_Skin").reshape(-1, 1, 1), age),
        hair=hair_colour(people, between(-0.03, 0.03)))
    face.random = {
        "shift_x": between(-0.05, 0.05), "shift_y": between(-0.03, 0.03), "turn": between(-0.07, 0.07),
        "scale": between(0.95, 1.04), "light": between(-1, 1), "width": between(-1, 1), "mouth": between(-1, 1),
        "brow": between(-1, 1), "eye": between(-1, 1), "gaze": between(-1, 1), "parting": between(-1, 1),
        "long": between(-1, 1), "brightness": between(0.93, 1.05)}
    face.colour = {
        "background": pick(BACKGROUNDS), "clothes": pick(CLOTHES), "hat": pick(HATS), "tie": pick(TIES),
        "iris": pick(IRISES), "lipstick": pick(LIPSTICKS), "shadow": pick(SHADOWS)}
    return face


def colour(rgb: tuple[float, float, float]) -> Tensor:
    return torch.tensor(rgb).reshape(1, 3, 1, 1)


def mix(a: Tensor, b: Tensor, share: Tensor | float) -> Tensor:
    """From colour a to colour b."""
    if isinstance(share, Tensor):
        share = share.unsqueeze(1)
    return a + (b - a) * share


def skin_colour(tone: Tensor, pale: Tensor, age: Tensor) -> Tensor:
    # Most people of CelebA are light: the square puts half of the tones into the lightest quarter.
    tone = tone * tone
    skin = colour(SKIN_TONES[0][1])
    for (t0, _), (t1, rgb) in zip(SKIN_TONES, SKIN_TONES[1:]):
        skin = mix(skin, colour(rgb), ((tone - t0) / (t1 - t0)).clamp(0, 1))
    old = ((age - 20) / 65).clamp(0, 1)
    gray = skin.mean(dim=1, keepdim=True) * colour((1.0, 0.97, 0.90))
    skin = mix(skin, gray, 0.38 * old)
    return mix(skin, colour((0.955, 0.87, 0.845)), pale)


def hair_colour(people: People, jitter: Tensor) -> Tensor:
    """The labelled colour, or auburn; a little grey from 40 on."""
    hair = colour((0.47, 0.17, 0.09)).expand(len(people.age), 3, 1, 1)
    for name, rgb in (("Black_Hair", (0.07, 0.06, 0.07)), ("Brown_Hair", (0.30, 0.19, 0.12)),
                      ("Blond_Hair", (0.90, 0.74, 0.42)), ("Gray_Hair", (0.78, 0.78, 0.80))):
        hair = mix(hair, colour(rgb), people.on(name).reshape(-1, 1, 1))
    graying = 0.35 * ((people.age - 40) / 45).clamp(0, 1).reshape(-1, 1, 1)
    return mix(hair, colour((0.62, 0.62, 0.64)), graying) + jitter.unsqueeze(1)


# Masks. Each is 1 inside, 0 outside, and crosses over one pixel.

def inside(distance: Tensor) -> Tensor:
    return (0.5 - distance / PIXEL).clamp(0, 1)


def ellipse_distance(x: Tensor, y: Tensor, rx: Tensor | float, ry: Tensor | float) -> Tensor:
    radius = torch.sqrt((x / rx) ** 2 + (y / ry) ** 2 + 1e-9)
    smaller = torch.minimum(rx, ry) if isinstance(rx, Tensor) and isinstance(ry, Tensor) else 0.5 * (rx + ry)
    return (radius - 1.0) * smaller


def ellipse(x: Tensor, y: Tensor, rx: Tensor | float, ry: Tensor | float) -> Tensor:
    return inside(ellipse_distance(x, y, rx, ry))


def glow(x: Tensor, y: Tensor, rx: float, ry: float) -> Tensor:
    """A soft blob."""
    return torch.exp(-((x / rx) ** 2 + (y / ry) ** 2))


def arc(x: Tensor, y: Tensor, half_width: Tensor | float, bend: Tensor | float, thickness: Tensor | float) -> Tensor:
    """A stroke along y = bend * (x / half_width)^2, fading out at its ends."""
    t = x / half_width
    ends = ((1.0 - t.abs()) * 6.0).clamp(0, 1)
    return inside((y - bend * t * t).abs() - thickness) * ends


def band(value: Tensor, low: Tensor | float, high: Tensor | float) -> Tensor:
    return inside(low - value) * inside(value - high)


def bump(x: Tensor, centre: float, width: float) -> Tensor:
    return torch.exp(-(((x - centre) / width) ** 2))


class Canvas:
    """The picture and each face's own coordinates."""

    def __init__(self, face: Face):
        axis = (torch.arange(SIZE, dtype=torch.float32) + 0.5) * PIXEL - 1.0
        self.page_y, self.page_x = torch.meshgrid(axis, axis, indexing="ij")
        x = self.page_x - face.random["shift_x"]
        y = self.page_y - face.random["shift_y"]
        turn, scale = face.random["turn"], face.random["scale"]
        cosine, sine = torch.cos(turn) / scale, torch.sin(turn) / scale
        self.x = x * cosine + y * sine
        self.y = y * cosine - x * sine
        self.side = self.x.abs()
        self.picture = torch.zeros(len(turn), 3, SIZE, SIZE)

    def paint(self, mask: Tensor, rgb: Tensor, opacity: Tensor | float = 1.0) -> None:
        self.picture = mix(self.picture, rgb, mask * opacity)

    def shade(self, mask: Tensor, amount: Tensor | float) -> None:
        """Darken (amount > 0) or lighten (amount < 0)."""
        self.picture = self.picture * (1.0 - mask * amount).unsqueeze(1)


# The shape of the head, shared by several parts.

HEAD_Y = -0.08


def head_width(face: Face) -> Tensor:
    return 0.435 + 0.025 * face["Male"] + 0.012 * face.random["width"] + 0.035 * face["Chubby"] - 0.02 * face["Oval_Face"]


def head_distance(canvas: Canvas, face: Face) -> Tensor:
    """A superellipse: oval faces taper to the chin, the others have corners at the jaw."""
    height = 0.575 - 0.045 * face.youth + 0.02 * face["Oval_Face"] + 0.02 * face.wrinkles
    v = (canvas.y - HEAD_Y) / height
    below = v.clamp(min=0)
    taper = 0.05 + 0.20 * face["Oval_Face"] - 0.16 * face["Chubby"] - 0.04 * face["Male"] - 0.03 * face.wrinkles
    u = canvas.side / (head_width(face) * (1.0 - taper * below))
    power = 2.15 + (0.60 + 0.25 * face["Male"]) * (1 - face["Oval_Face"]) * below.clamp(max=1)
    radius = ((u + 1e-4) ** power + (v.abs() + 1e-4) ** power) ** (1.0 / power)
    return (radius - 1.0) * 0.48


def paint_background(canvas: Canvas, face: Face) -> None:
    light = 1.0 - 0.18 * canvas.page_y + 0.10 * canvas.page_x * face.random["light"]
    canvas.picture = face.colour["background"] * light.unsqueeze(1)


def paint_body(canvas: Canvas, face: Face) -> None:
    x, y, side, male = canvas.x, canvas.y, canvas.side, face["Male"]
    neck = 0.20 + 0.07 * male + 0.04 * face["Chubby"]
    skin = face.skin * 0.88
    shoulders = inside(((side / (0.78 + 0.14 * male)) ** 2.5 + ((y - 1.18).clamp(max=0) / 0.55).abs() ** 2.5 + 1e-6) ** 0.4 * 0.5 - 0.5)
    canvas.paint(shoulders, face.colour["clothes"] * (1.0 - 0.35 * side * side).unsqueeze(1))
    canvas.paint(ellipse(x, y - 0.64, neck + 0.13 * (1 - male), 0.24 - 0.11 * male), skin)
    canvas.paint(inside(side - neck - 0.12 * (y - 0.55).clamp(min=0)) * band(y, 0.2, 0.70), skin)
    canvas.shade(glow(x, y - 0.50, 0.34, 0.12) * inside(side - neck), 0.30)
    paint_tie(canvas, face)
    paint_necklace(canvas, face)


def paint_tie(canvas: Canvas, face: Face) -> None:
    x, y, side, on = canvas.x, canvas.y, canvas.side, face["Wearing_Necktie"]
    shirt = inside(side - 0.36 + 0.30 * (y - 0.66)) * inside(0.62 - y + 0.10 * side)
    canvas.paint(shirt, colour((0.95, 0.95, 0.97)), on)
    canvas.paint(arc(side - 0.17, y - 0.74, 0.16, 0.0, 0.012), colour((0.62, 0.62, 0.68)), on)
    knot = inside(side - 0.105 + 0.35 * (y - 0.68)) * band(y, 0.67, 0.79)
    blade = inside(side - 0.06 - 0.22 * (y - 0.79)) * inside(0.79 - y)
    canvas.paint(torch.maximum(knot, blade), face.colour["tie"], on)
    canvas.shade(torch.maximum(knot, blade) * inside((((x + y) * 9) % 1.0 - 0.5).abs() * 0.1 - 0.012), -0.5 * on)


def paint_necklace(canvas: Canvas, face: Face) -> None:
    x, y, on = canvas.x, canvas.y, face["Wearing_Necklace"]
    t = canvas.side / 0.30
    line = y - 0.80 + 0.17 * t * t
    canvas.paint(inside(line.abs() - 0.034) * inside(canvas.side - 0.30), colour((0.42, 0.30, 0.10)), on)
    beads = 0.55 + 0.45 * torch.cos(x * 42)
    canvas.paint(inside(line.abs() - 0.022) * inside(canvas.side - 0.29) * beads, colour((1.0, 0.93, 0.62)), on)
    canvas.paint(ellipse(x, y - 0.86, 0.055, 0.065), colour((1.0, 0.86, 0.35)), on)


def hair_length(face: Face) -> Tensor:
    """How far down the hair at the sides reaches."""
    female = 1 - face["Male"]
    formed = (face["Straight_Hair"] + face["Wavy_Hair"]).clamp(max=1)
    return -0.12 + 0.42 * female + formed * (0.22 + 0.20 * female) + 0.04 * face.random["long"]


def cap_distance(canvas: Canvas, face: Face) -> Tensor:
    angle = torch.atan2(canvas.y + 0.20, canvas.x)
    curls = 0.035 * face["Wavy_Hair"] * torch.cos(11 * angle)
    width = head_width(face) + 0.085 + 0.02 * (1 - face["Male"])
    return ellipse_distance(canvas.x, canvas.y + 0.22, width, 0.56 + 0.0 * width) - curls


def strands(canvas: Canvas, face: Face) -> Tensor:
    """Brightness of hair: lines of straight or wavy strands, or a plain sheen where the hair is neither."""
    straight = torch.cos(canvas.side * 58) * face["Straight_Hair"]
    wavy = torch.cos((canvas.side + 0.05 * torch.sin(canvas.y * 17)) * 40 + 5 * canvas.y) * face["Wavy_Hair"]
    sheen = bump(canvas.y, -0.60, 0.07) * (1 - face["Straight_Hair"] - face["Wavy_Hair"]).clamp(min=0)
    return (1.0 + 0.17 * straight + 0.26 * wavy + 0.26 * sheen - 0.20 * (canvas.y + 0.4)).unsqueeze(1)


def paint_back_hair(canvas: Canvas, face: Face, hair: Tensor) -> None:
    exists = 1 - face["Bald"]
    cap = inside(cap_distance(canvas, face)) * inside(canvas.y - hair_length(face).clamp(min=0.10))
    canvas.paint(cap * exists, hair * 0.75)


def side_curtains(canvas: Canvas, face: Face) -> Tensor:
    """Hair that hangs in front of the ears."""
    length = hair_length(face)
    wave = 0.045 * face["Wavy_Hair"] * torch.sin(canvas.y * 17)
    inner = head_width(face) - 0.055 + 0.06 * (canvas.y - 0.1).clamp(min=0) + 0.5 * wave
    outer = head_width(face) + 0.115 + 0.05 * face["Wavy_Hair"] - 0.10 * (canvas.y - 0.35).clamp(min=0) + wave
    return band(canvas.side, inner, outer) * band(canvas.y, -0.26, length) * (1 - face["Bald"])


def hairline(canvas: Canvas, face: Face) -> Tensor:
    """The hair of the crown lies above this y."""
    receding = face["Receding_Hairline"]
    line = -0.44 - 0.02 * face["Male"] + 1.0 * canvas.side ** 2 + 0.05 * face.random["parting"] * canvas.x
    temples = 0.16 * bump(canvas.side, 0.22, 0.12) + 0.07
    line = line - receding * temples
    bangs = -0.245 + 0.025 * torch.cos(canvas.x * 36) + 0.25 * canvas.side ** 2
    share = face["Bangs"]
    return line * (1 - share) + bangs * share


def paint_front_hair(canvas: Canvas, face: Face, hair: Tensor) -> None:
    exists = 1 - face["Bald"]
    top = inside(cap_distance(canvas, face)) * inside(canvas.y - hairline(canvas, face))
    edge = bump(canvas.y - hairline(canvas, face), 0.02, 0.035) * exists
    canvas.shade(edge * inside(head_distance(canvas, face)), 0.22)
    canvas.paint(top * exists, hair)
    canvas.paint(side_curtains(canvas, face), hair * 0.92)


def paint_head(canvas: Canvas, face: Face) -> None:
    x, y, side, skin = canvas.x, canvas.y, canvas.side, face.skin
    ear_x = head_width(face) + 0.015
    canvas.paint(ellipse(side - ear_x, y + 0.02, 0.062, 0.125 + 0.02 * face.wrinkles), skin * 0.90)
    canvas.paint(ellipse(side - ear_x, y + 0.02, 0.028, 0.07), skin * 0.68)
    double = face["Double_Chin"]
    canvas.paint(ellipse(x, y - 0.45, 0.33, 0.165), skin * 0.97, double)
    canvas.shade(arc(x, y - 0.60, 0.30, -0.10, 0.014), 0.40 * double)
    distance = head_distance(canvas, face)
    head = inside(distance)
    canvas.shade(bump(distance, 0.0, 0.035) * inside(0.15 - y) * inside(side - 0.26), 0.28)
    light = 1.06 - 0.16 * x * face.random["light"] - 0.9 * (distance + 0.24).clamp(min=0) ** 2 * 2.2
    canvas.paint(head, skin * light.unsqueeze(1))
    canvas.shade(arc(x, y - 0.475, 0.24, -0.05, 0.018), 0.34 * double)
    canvas.shade(glow(x, y + 0.58, 0.16, 0.09) * head, -0.16 * face["Bald"])
    paint_skin(canvas, face, head)


def paint_skin(canvas: Canvas, face: Face, head: Tensor) -> None:
    x, y, side = canvas.x, canvas.y, canvas.side
    attractive = face["Attractive"]
    dots = (torch.cos(x * 47 + 0.6) * torch.cos(y * 47)).clamp(min=0) ** 2
    canvas.shade(dots * glow(side - 0.25, y - 0.10, 0.16, 0.14), 0.30 * (1 - attractive))
    canvas.shade(glow(x, y + 0.38, 0.22, 0.07) + glow(side - 0.23, y - 0.06, 0.09, 0.06), -0.10 * attractive)
    cheekbones = face["High_Cheekbones"]
    canvas.shade(glow(side - 0.265, y - 0.035, 0.10, 0.045), -0.22 * cheekbones)
    hollow = inside((y - 0.20 + 0.75 * (side - 0.28)).abs() - 0.035) * inside((side - 0.305).abs() - 0.09)
    canvas.shade(hollow, 0.27 * cheekbones)
    canvas.paint(glow(side - 0.255, y - 0.10, 0.105, 0.085), colour((0.93, 0.28, 0.30)), 0.70 * face["Rosy_Cheeks"])
    canvas.paint(glow(side - 0.26, y - 0.16, 0.11, 0.10), colour((0.93, 0.50, 0.45)), 0.20 * face.youth * (1 - face["Pale_Skin"]))
    canvas.shade(glow(side - 0.28, y - 0.27, 0.10, 0.05), 0.12 * face["Chubby"])
    paint_wrinkles(canvas, face, head)


def paint_wrinkles(canvas: Canvas, face: Face, head: Tensor) -> None:
    x, y, side, wrinkles = canvas.x, canvas.y, canvas.side, face.wrinkles
    for height in (-0.34, -0.40, -0.46):
        canvas.shade(arc(x, y - height, 0.27, 0.025, 0.009) * head, 0.50 * wrinkles)
    for slope in (-0.35, 0.0, 0.35):
        foot = inside((y + 0.08 - slope * (side - 0.30)).abs() - 0.008) * band(side, 0.325, 0.40)
        canvas.shade(foot, 0.50 * wrinkles)
    fold_x = 0.115 + 0.42 * (y - 0.10)
    fold = inside((side - fold_x).abs() - 0.014) * band(y, 0.10, 0.27)
    canvas.shade(fold, 0.06 + 0.50 * wrinkles)
    marionette = inside((side - 0.185 - 0.12 * (y - 0.30)).abs() - 0.012) * band(y, 0.30, 0.42)
    canvas.shade(marionette, 0.45 * (2 * wrinkles - 0.7).clamp(0, 1))
    spots = glow(x - 0.30, y + 0.24, 0.035, 0.03) + glow(x + 0.22, y + 0.42, 0.03, 0.03) + glow(x + 0.33, y - 0.06, 0.03, 0.035)
    canvas.shade(spots * head, 0.45 * (2.2 * wrinkles - 1.2).clamp(0, 1))


def paint_nose(canvas: Canvas, face: Face) -> None:
    x, y, side = canvas.x, canvas.y, canvas.side
    big, pointy = face["Big_Nose"], face["Pointy_Nose"]
    tip = 0.10 + 0.035 * big + 0.015 * face.wrinkles
    wings = 0.075 + 0.055 * big - 0.015 * pointy
    lit = torch.sign(face.random["light"] + 1e-6)
    bridge = inside((x * lit - 0.045 - 0.020 * big).abs() - 0.018) * band(y, -0.13, tip - 0.02)
    canvas.shade(bridge, 0.17)
    canvas.shade(glow(x, y + 0.01, 0.03, 0.10), -0.13)
    round_tip = 1 - pointy
    canvas.shade(ellipse(side - wings, y - tip, 0.042 + 0.012 * big, 0.042 + 0.012 * big), 0.20 * round_tip)
    canvas.shade(ellipse(x, y - tip, 0.055 + 0.03 * big, 0.045), -0.10 * round_tip)
    canvas.shade(inside((y - tip - 0.045).abs() - 0.014) * inside(side - wings), 0.34 * round_tip)
    # A pointed tip hangs as a V with a bright ridge above it.
    v_shape = inside((y - tip - 0.085 + 1.15 * side).abs() - 0.020) * inside(side - wings - 0.02)
    canvas.shade(v_shape, 0.50 * pointy)
    canvas.shade(inside(side - 0.018) * band(y, -0.06, tip + 0.04), -0.24 * pointy)
    canvas.shade(ellipse(side - 0.5 * wings, y - tip - 0.03, 0.022, 0.016), 0.50)


def paint_mouth(canvas: Canvas, face: Face) -> None:
    x, y = canvas.x, canvas.y
    smile, lipstick = face["Smiling"], face["Wearing_Lipstick"]
    width = 0.145 + 0.055 * smile + 0.010 * face.random["mouth"]
    t = (1 - (x / width) ** 2).clamp(min=0)
    middle = y - 0.265 + 0.01 * face.youth - (-0.018 + 0.078 * smile) * t + 0.04 * smile
    gap = face["Mouth_Slightly_Open"] * 0.036 * t.sqrt()
    full = (1 + 0.95 * face["Big_Lips"]) * (1 - 0.40 * face.wrinkles)
    upper, lower = 0.026 * full * t.sqrt(), 0.036 * full * t.sqrt()
    present = inside(x.abs() - width)
    natural = mix(face.skin * colour((0.90, 0.66, 0.62)), face.skin * 0.80, 0.5 * face["Male"])
    lips = mix(natural, face.colour["lipstick"], lipstick)
    canvas.paint(band(middle, -gap - upper, gap + lower) * present, lips)
    canvas.shade(inside((middle - gap - 0.6 * lower).abs() - 0.008) * inside(x.abs() - 0.06), -0.30)
    canvas.paint(inside(middle.abs() - gap) * present, colour((0.22, 0.05, 0.06)), face["Mouth_Slightly_Open"])
    teeth = band(middle, -gap, 0.25 * gap) * inside(x.abs() - 0.80 * width)
    canvas.paint(teeth * present, colour((0.97, 0.96, 0.92)), face["Mouth_Slightly_Open"])
    closed = 1 - face["Mouth_Slightly_Open"]
    canvas.shade(inside(middle.abs() - 0.010) * present, 0.60 * closed)
    corners = glow(x.abs() - width - 0.015, middle - 0.005, 0.025, 0.03)
    canvas.shade(corners, 0.30 + 0.15 * smile)
    canvas.shade(glow(x, y - 0.365, 0.09, 0.02), 0.16)


def paint_eyes(canvas: Canvas, face: Face) -> None:
    side, male = canvas.side, face["Male"]
    attractive, narrow = face["Attractive"], face["Narrow_Eyes"]
    size = (1 + 0.16 * attractive) * (1 + 0.10 * face.youth - 0.12 * face.wrinkles)
    width = 0.105 * (1 + 0.10 * attractive) + 0.006 * face.random["eye"]
    height = 0.066 * size * (1 - 0.52 * narrow)
    dx, dy = side - 0.188, canvas.y + 0.085
    t = dx / width
    opening = height * (1 - t * t)
    eye = inside(dy.abs() - opening) * inside(t.abs() * 0.1 - 0.1)

    canvas.shade(glow(dx, dy + 0.02, 0.14, 0.09), 0.10)
    makeup = face["Heavy_Makeup"]
    lid = inside(-dy - height - 0.060 + 0.05 * t * t) * inside(dy - opening * 0.2) * inside(t.abs() * 0.1 - 0.118)
    canvas.paint(lid, face.colour["shadow"], 0.75 * makeup)
    bags = face["Bags_Under_Eyes"]
    under = dy - height - 0.020
    canvas.paint(arc(dx, under - 0.012, 0.12, -0.03, 0.030), face.skin * colour((0.62, 0.50, 0.56)), 0.75 * bags)
    canvas.shade(arc(dx, under - 0.035, 0.115, -0.035, 0.010), 0.30 * bags + 0.20 * face.wrinkles)

    canvas.paint(eye, colour((0.95, 0.95, 0.94)))
    gaze = canvas.x - torch.sign(canvas.x) * 0.188 - 0.012 * face.random["gaze"]
    canvas.paint(eye * ellipse(gaze, dy, 0.056, 0.060), face.colour["iris"])
    canvas.paint(eye * ellipse(gaze, dy, 0.026, 0.028), colour((0.03, 0.03, 0.03)))
    canvas.paint(ellipse(gaze + 0.022, dy + 0.022, 0.016, 0.016) * eye, colour(WHITE), 0.9)
    lashes = 0.011 + 0.004 * (1 - male) + 0.013 * makeup
    upper_lid = inside((dy + opening).abs() - lashes) * inside(t.abs() * 0.1 - 0.108)
    canvas.paint(upper_lid, colour((0.08, 0.05, 0.05)), 0.85)
    canvas.shade(inside((dy - opening).abs() - 0.008) * inside(t.abs() * 0.1 - 0.1), 0.35)
    canvas.shade(arc(dx, dy + height + 0.035, width, 0.025, 0.008), 0.22 + 0.35 * face.wrinkles * (1 - makeup))


def paint_brows(canvas: Canvas, face: Face, hair: Tensor) -> None:
    arched, bushy = face["Arched_Eyebrows"], face["Bushy_Eyebrows"]
    dx = canvas.side - 0.195
    dy = canvas.y + 0.215 - 0.012 * face["Male"] - 0.008 * face.random["brow"] + 0.03 * arched
    flat = -0.10 * dx
    bend = 0.075 * arched
    thickness = (0.018 + 0.024 * bushy + 0.003 * face["Male"]) * (1 - 0.2 * (dx / 0.13).clamp(min=0))
    brow = arc(dx, dy - flat * (1 - arched), 0.145, bend, thickness)
    dark = mix(hair * 0.55, colour((0.12, 0.09, 0.08)), 0.45)
    canvas.paint(brow, dark, 0.72 + 0.23 * bushy)


def paint_beard(canvas: Canvas, face: Face, hair: Tensor) -> None:
    x, y, side = canvas.x, canvas.y, canvas.side
    beard = hair * 0.62
    distance = head_distance(canvas, face)
    mouth_free = 1 - ellipse(x, y - 0.275, 0.19, 0.085)
    shadow = face["5_o_Clock_Shadow"]
    grain = 0.80 + 0.20 * torch.cos(x * 95) * torch.cos(y * 95)
    lower = inside(0.145 - y + 0.10 * side) * inside(distance + 0.01) * mouth_free
    canvas.paint(lower * grain, mix(beard, colour((0.28, 0.30, 0.33)), 0.6), 0.48 * shadow)
    bearded = 1 - face["No_Beard"]
    strap = band(distance, -0.085, 0.012) * inside(0.10 - y)
    canvas.paint(strap, beard, 0.80 * bearded)
    side_burns = face["Sideburns"]
    strip = band(distance, -0.13, 0.02) * band(y, -0.24, 0.16)
    canvas.paint(strip, beard, 0.92 * side_burns)
    goatee = ellipse(x, y - 0.415, 0.13, 0.090) * mouth_free
    canvas.paint(goatee, beard, 0.95 * face["Goatee"])
    mustache = inside((y - 0.188 - 0.9 * side * side).abs() - 0.030) * inside(side - 0.19)
    canvas.paint(mustache, beard, 0.95 * face["Mustache"])


def paint_glasses(canvas: Canvas, face: Face) -> None:
    on = face["Eyeglasses"]
    x, y, side = canvas.x, canvas.y, canvas.side
    dx, dy = (side - 0.195).abs(), (y + 0.075).abs()
    lens = ((dx / 0.165) ** 4 + (dy / 0.125) ** 4 + 1e-6) ** 0.25
    canvas.paint(inside((lens - 1) * 0.14), colour((0.75, 0.85, 0.95)), 0.16 * on)
    frame = inside(((lens - 1) * 0.14).abs() - 0.019)
    bridge = inside((y + 0.10).abs() - 0.016) * inside(side - 0.05)
    temple = inside((y + 0.10).abs() - 0.016) * band(side, 0.35, 0.47)
    canvas.paint(torch.maximum(torch.maximum(frame, bridge), temple), colour((0.06, 0.05, 0.07)), on)
    glint = inside((dx - 0.02 + dy).abs() - 0.012) * inside((lens - 0.8) * 0.14)
    canvas.paint(glint * inside(y + 0.075), colour(WHITE), 0.30 * on)


def paint_earrings(canvas: Canvas, face: Face) -> None:
    on = face["Wearing_Earrings"]
    dx, y = canvas.side - head_width(face) - 0.035, canvas.y
    canvas.paint(ellipse(dx, y - 0.235, 0.058, 0.098), colour((0.45, 0.30, 0.05)), on)
    canvas.paint(ellipse(dx, y - 0.235, 0.040, 0.080), colour((1.0, 0.90, 0.45)), on)
    canvas.paint(ellipse(dx, y - 0.145, 0.025, 0.025), colour((1.0, 0.95, 0.75)), on)


def paint_hat(canvas: Canvas, face: Face) -> None:
    on = face["Wearing_Hat"]
    x, y, side, rgb = canvas.x, canvas.y, canvas.side, face.colour["hat"]
    dome = ellipse(x, y + 0.42, 0.56, 0.50) * inside(y + 0.40)
    light = (1.0 - 0.30 * x * face.random["light"] - 0.5 * side * side).unsqueeze(1)
    canvas.paint(dome, rgb * light, on)
    brim = inside((y + 0.40 - 0.10 * (1 - side * side)).abs() - 0.055) * inside(side - 0.64)
    canvas.paint(brim, rgb * 0.62, on)
    canvas.shade(glow(x, y + 0.27, 0.40, 0.06), 0.35 * on)


def blurred(picture: Tensor, share: Tensor) -> Tensor:
    """The picture, replaced by its blur where share is 1."""
    taps = torch.exp(-0.5 * (torch.arange(-4, 5) / 1.4) ** 2)
    taps = taps / taps.sum()
    padded = torch.nn.functional.pad(picture, (4, 4, 4, 4), mode="replicate")
    rows = sum(w * padded[:, :, i:i + SIZE, :] for i, w in enumerate(taps))
    both = sum(w * rows[:, :, :, i:i + SIZE] for i, w in enumerate(taps))
    return mix(picture, both, share)


def paint(face: Face) -> Tensor:
    """Portraits (N, 3, 64, 64) in [-1, 1]."""
    canvas = Canvas(face)
    hair = face.hair * strands(canvas, face)
    paint_background(canvas, face)
    paint_back_hair(canvas, face, hair)
    paint_body(canvas, face)
    paint_head(canvas, face)
    paint_nose(canvas, face)
    paint_beard(canvas, face, face.hair)
    paint_mouth(canvas, face)
    paint_eyes(canvas, face)
    paint_brows(canvas, face, face.hair)
    paint_front_hair(canvas, face, hair)
    paint_glasses(canvas, face)
    paint_earrings(canvas, face)
    paint_hat(canvas, face)
    picture = (canvas.picture * face.random["brightness"].unsqueeze(1)).clamp(0, 1)
    return blurred(picture, face["Blurry"]) * 2 - 1


@torch.no_grad()
def draw_faces(z: Tensor, painter: Callable[[Face], Tensor] = paint) -> tuple[Tensor, People]:
    """The drawings of latents on the sphere: a fixed rotation turns them into scores, so that no axis has a meaning."""
    scores = Scores(z @ rotation())
    people = people_of(scores)
    return painter(face_of(people, scores)), people


@torch.no_grad()
def plan_faces(z: Tensor) -> tuple[Tensor, Tensor]:
    """What the drawings of latents would show, without painting: attributes (N, 40), and measures (N, 42) such as
    age, pose and colours, each roughly of unit variance."""
    scores = Scores(z @ rotation())
    people = people_of(scores)
    face = face_of(people, scores)
    columns = [face.wrinkles, face.youth, *face.random.values(), face.skin, face.hair, *face.colour.values()]
    measures = torch.cat([column.reshape(len(z), -1) for column in columns], dim=1)
    return people.attributes, (measures - measures.mean(dim=0)) / (measures.std(dim=0) + 1e-6)


@cache
def rotation() -> Tensor:
    """An orthogonal matrix, the same for ever."""
    return torch.linalg.qr(torch.randn(LATENT, LATENT, generator=torch.Generator().manual_seed(2022)))[0]
