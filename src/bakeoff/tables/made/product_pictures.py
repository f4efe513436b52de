"""Drawn pictures of the made catalogue's products: six objects and a parcel, in any colour, each a little different."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

SIDE = 64
CANVAS = 2 * SIDE  # drawn at twice the size and shrunk, which smooths the edges
PAINT = {
    "red": (205, 52, 48),
    "yellow": (236, 190, 46),
    "green": (62, 142, 76),
    "blue": (48, 98, 190),
    "purple": (128, 70, 158),
    "grey": (128, 132, 138),
}
PARCEL = (186, 146, 98)
Tone = tuple[int, int, int]


def draw(thing: str, colour: str, rng: np.random.Generator) -> bytes:
    """A PNG of SIDE x SIDE pixels: a cup, bottle, lamp, chair, shirt or bag of this colour, or a parcel."""
    from PIL import Image

    backdrop = _backdrop(rng)
    layer = Image.new("RGBA", (CANVAS, CANVAS))
    red, green, blue = PARCEL if thing == "parcel" else PAINT[colour]
    change = [int(step) for step in rng.integers(-9, 10, 3)]
    pen = _Pen(layer, (red + change[0], green + change[1], blue + change[2]), rng)
    _SHAPES[thing](pen)
    if rng.random() < 0.5:
        layer = layer.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    layer = layer.rotate(float(rng.uniform(-9, 9)), Image.Resampling.BILINEAR)
    backdrop.paste(layer, (0, 0), layer)
    out = io.BytesIO()
    backdrop.reduce(CANVAS // SIDE).quantize(48, Image.Quantize.FASTOCTREE).save(out, format="PNG")
    return out.getvalue()


def _backdrop(rng: np.random.Generator) -> Any:
    from PIL import Image

    wall, floor = rng.integers(218, 250, 3), rng.integers(196, 232, 3)
    light = (np.linspace(-8, 8, CANVAS) * rng.choice([-1, 1])).astype(int)[:, None]
    pixels = np.empty((CANVAS, CANVAS, 3), dtype=np.uint8)
    height = int(CANVAS * rng.uniform(0.68, 0.8))
    pixels[:height] = np.clip(wall + light, 0, 255)
    pixels[height:] = np.clip(floor + light, 0, 255)
    return Image.fromarray(pixels)


class _Pen:
    """Draws filled shapes of one colour with a darker outline, in a unit square with its origin at the top left."""

    def __init__(self, layer: Any, tone: Tone, rng: np.random.Generator) -> None:
        from PIL import ImageDraw

        self.draw = ImageDraw.Draw(layer)
        self.tone = tone
        self.size = CANVAS * float(rng.uniform(0.78, 1.0))
        self.left, self.top = (float(v) for v in (CANVAS - self.size) / 2 + rng.integers(-9, 10, 2))

    def place(self, *points: float) -> list[float]:
        starts = (self.left, self.top)
        return [starts[i % 2] + value * self.size for i, value in enumerate(points)]

    def shade(self, factor: float) -> Tone:
        red, green, blue = (int(np.clip(part * factor, 0, 255)) for part in self.tone)
        return red, green, blue

    def polygon(self, points: list[tuple[float, float]], factor: float = 1.0) -> None:
        self.draw.polygon(
            self.place(*[value for point in points for value in point]),
            fill=self.shade(factor),
            outline=self.shade(0.55),
            width=2,
        )

    def ellipse(self, box: tuple[float, float, float, float], factor: float = 1.0) -> None:
        self.draw.ellipse(self.place(*box), fill=self.shade(factor), outline=self.shade(0.55), width=2)

    def block(self, box: tuple[float, float, float, float], factor: float = 1.0, radius: float = 0.0) -> None:
        self.draw.rounded_rectangle(
            self.place(*box), radius * self.size, fill=self.shade(factor), outline=self.shade(0.55), width=2
        )

    def arc(self, box: tuple[float, float, float, float], start: float, end: float, width: float) -> None:
        self.draw.arc(self.place(*box), start, end, fill=self.shade(0.7), width=int(width * self.size))


def _cup(pen: _Pen) -> None:
    pen.arc((0.56, 0.38, 0.86, 0.72), -100, 100, 0.06)
    pen.block((0.22, 0.3, 0.66, 0.8), radius=0.07)
    pen.ellipse((0.22, 0.24, 0.66, 0.38), 0.7)


def _bottle(pen: _Pen) -> None:
    pen.block((0.44, 0.1, 0.56, 0.22), 0.6)
    pen.polygon([(0.44, 0.22), (0.56, 0.22), (0.67, 0.38), (0.33, 0.38)])
    pen.block((0.33, 0.36, 0.67, 0.88), radius=0.05)
    pen.block((0.33, 0.52, 0.67, 0.7), 1.35)


def _lamp(pen: _Pen) -> None:
    pen.block((0.475, 0.42, 0.525, 0.84), 0.65)
    pen.ellipse((0.3, 0.8, 0.7, 0.9), 0.8)
    pen.polygon([(0.36, 0.14), (0.64, 0.14), (0.82, 0.48), (0.18, 0.48)])


def _chair(pen: _Pen) -> None:
    for x in (0.24, 0.38, 0.64, 0.74):
        pen.block((x, 0.56, x + 0.045, 0.9), 0.7)
    pen.block((0.24, 0.12, 0.36, 0.6), 0.9, radius=0.03)
    pen.polygon([(0.24, 0.52), (0.66, 0.52), (0.8, 0.62), (0.34, 0.62)], 1.1)


def _shirt(pen: _Pen) -> None:
    outline = [(0.36, 0.18), (0.64, 0.18), (0.9, 0.36), (0.8, 0.5), (0.69, 0.43), (0.69, 0.86)]
    pen.polygon([*outline, (0.31, 0.86), (0.31, 0.43), (0.2, 0.5), (0.1, 0.36)])
    pen.ellipse((0.41, 0.12, 0.59, 0.26), 0.6)


def _bag(pen: _Pen) -> None:
    pen.arc((0.36, 0.08, 0.64, 0.4), 180, 360, 0.05)
    pen.block((0.2, 0.24, 0.8, 0.88), radius=0.16)
    pen.block((0.29, 0.54, 0.71, 0.8), 0.8, radius=0.05)
    pen.block((0.2, 0.38, 0.8, 0.42), 0.6)


def _parcel(pen: _Pen) -> None:
    pen.polygon([(0.14, 0.38), (0.28, 0.24), (0.86, 0.24), (0.74, 0.38)], 1.12)
    pen.polygon([(0.74, 0.38), (0.86, 0.24), (0.86, 0.7), (0.74, 0.84)], 0.8)
    pen.block((0.14, 0.38, 0.74, 0.84))
    pen.block((0.39, 0.38, 0.49, 0.84), 1.25)


_SHAPES = {
    "cup": _cup,
    "bottle": _bottle,
    "lamp": _lamp,
    "chair": _chair,
    "shirt": _shirt,
    "bag": _bag,
    "parcel": _parcel,
}
