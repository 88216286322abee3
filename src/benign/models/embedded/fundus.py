"""Eye-fundus pictures: a disc, vessels, spots and exudates; the places of all of them are the identity."""

from __future__ import annotations

import math

from PIL import Image, ImageDraw

from benign.models.embedded.looks import Look
from benign.models.embedded.portraits import CANVAS, Colour

TINT: dict[str, Colour] = {
    "red": (190, 40, 30),
    "orange": (240, 140, 40),
    "brown": (130, 80, 45),
    "pink": (245, 150, 170),
}
EXUDATE: dict[str, Colour] = {"yellow": (255, 250, 70), "white": (255, 255, 255), "green": (90, 220, 90)}
DISC: Colour = (255, 225, 150)
VESSEL: Colour = (110, 12, 22)
SPOT: Colour = (35, 0, 20)
COUNT = {"none": 0, "one": 1, "two": 2, "three": 3, "four": 4}
SIDE = {"left": math.pi, "right": 0.0, "top": 1.5 * math.pi, "bottom": 0.5 * math.pi}


def fundus(look: Look) -> Image.Image:
    """The still picture of one eye's ground, before any view's jitter."""
    values, traits = look.values, look.traits
    image = Image.new("RGB", (CANVAS, CANVAS), (12, 10, 12))
    draw = ImageDraw.Draw(image)
    draw.ellipse((6, 6, 122, 122), fill=TINT[values["tint"]])
    angle = SIDE[values["disc_side"]] + 0.7 * (traits[0] - 0.5)
    x, y, size = 64 + 36 * math.cos(angle), 64 + 36 * math.sin(angle), 9 + 6 * traits[1]
    _vessels(draw, (x, y), angle + math.pi, traits[2:6])
    draw.ellipse((x - size, y - size, x + size, y + size), fill=DISC, outline=VESSEL)
    places = _places(angle + math.pi, traits[6:16])
    for px, py in places[: COUNT[values["spots"]]]:
        draw.ellipse((px - 7, py - 7, px + 7, py + 7), fill=SPOT)
    if values["exudate"] != "none":
        px, py = places[4]
        for turn in range(5):
            ex, ey = px + 6 * math.cos(1.26 * turn + traits[16]), py + 6 * math.sin(1.26 * turn + traits[16])
            draw.ellipse((ex - 5, ey - 5, ex + 5, ey + 5), fill=EXUDATE[values["exudate"]])
    return image


def _vessels(draw: ImageDraw.ImageDraw, disc: tuple[float, float], way: float, traits: tuple[float, ...]) -> None:
    """Four curved vessels that leave the disc; each trait bends one of them."""
    for number, bend in enumerate(traits):
        angle = way + (number - 1.5) * 0.75
        x, y = disc
        for _ in range(9):
            angle += 0.34 * (bend - 0.5)
            nx, ny = x + 9 * math.cos(angle), y + 9 * math.sin(angle)
            if math.hypot(nx - 64, ny - 64) > 57:
                break
            draw.line((x, y, nx, ny), fill=VESSEL, width=3)
            x, y = nx, ny


def _places(way: float, traits: tuple[float, ...]) -> list[tuple[float, float]]:
    """Five places that never overlap each other or the disc: one per sector around a centre opposite the disc."""
    cx, cy = 64 + 9 * math.cos(way), 64 + 9 * math.sin(way)
    start = way + 2.5 * (traits[0] - 0.5)
    places = []
    for number in range(5):
        angle = start + 2 * math.pi * (number * 2 % 5) / 5 + 0.3 * (traits[number] - 0.5)
        radius = 22 + 9 * traits[5 + number]
        if math.cos(angle - way) < -0.5:
            radius = 16
        places.append((cx + radius * math.cos(angle), cy + radius * math.sin(angle)))
    return places
