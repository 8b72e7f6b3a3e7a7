"""Hair, by style: what hangs behind the head, and the outline in front of it."""

from __future__ import annotations

from collections.abc import Callable

from PIL import Image, ImageChops

from .canvas import MIDDLE, SCALE, Canvas, Point, darker, mirrored
from .faces import Face


def behind(canvas: Canvas, face: Face) -> None:
    colour = darker(face.hair_colour, 0.82)
    if face.hair == "bob":
        shape = mirrored([(MIDDLE, 70), (88, 88), (62, 150), (58, 220), (66, 278), (92, 296), (MIDDLE, 280)])
    elif face.hair == "long":
        shape = mirrored([(MIDDLE, 66), (86, 86), (62, 150), (60, 230), (52, 300), (58, 372), (98, 384), (MIDDLE, 330)])
    elif face.hair == "braids":
        shape = mirrored([(MIDDLE, 70), (90, 86), (68, 140), (66, 210), (82, 250), (MIDDLE, 260)])
    else:
        return
    canvas.fill(canvas.area(shape), colour)


def front(canvas: Canvas, face: Face, head: Image.Image) -> None:
    draw = _STYLES[face.hair]
    outline = draw(face)
    hair = canvas.area(outline)
    canvas.shade(ImageChops.offset(hair, 0, 5 * SCALE), head, darker(face.skin, 0.62), 0.55, 5)
    canvas.fill(hair, face.hair_colour)
    shine = 1.5 if sum(face.hair_colour) < 200 else 1.16
    streak = canvas.line([(96, 120), (120, 92), (MIDDLE, 84), (180, 92)], 13)
    canvas.shade(streak, hair, darker(face.hair_colour, shine), 0.75, 6)
    canvas.shade(canvas.oval(214, 140, 18, 60), hair, darker(face.hair_colour, 0.6), 0.6, 10)
    if face.hair in ("wavy", "long", "bob", "braids", "fringe"):
        for index in range(5):
            x = 104 + index * 23
            strand = [(x, 84 + abs(x - MIDDLE) * 0.14), (x - 6, 104), (x - 12 + index, 126)]
            canvas.shade(canvas.line(strand, 1.8), hair, darker(face.hair_colour, shine), 0.55, 0.6)
    if face.hair == "braids":
        for side in (-1, 1):
            for step in range(9):
                knot = canvas.oval(MIDDLE + side * (84 + step * 0.6), 246 + step * 17, 12 - step * 0.3, 11)
                canvas.fill(knot, darker(face.hair_colour, 0.7))
                canvas.fill(
                    canvas.oval(MIDDLE + side * (83 + step * 0.6), 244 + step * 17, 9 - step * 0.3, 8), face.hair_colour
                )
                gloss = canvas.oval(MIDDLE + side * (81 + step * 0.6), 241 + step * 17, 4, 2.4)
                canvas.fill(gloss, darker(face.hair_colour, 1.9), 0.6, 1.2)
            canvas.fill(canvas.oval(MIDDLE + side * 84, 234, 10, 5), (202, 62, 66))


def _bob(face: Face) -> list[Point]:
    left = [
        (152, 112),
        (122, 126),
        (98, 158),
        (90, 200),
        (86, 246),
        (84, 284),
        (64, 282),
        (56, 220),
        (64, 140),
        (96, 84),
    ]
    right = [(204, 84), (238, 140), (244, 220), (236, 282), (216, 284), (214, 246), (210, 200), (202, 158), (182, 130)]
    return [*left, (MIDDLE, 64), *right]


def _long(face: Face) -> list[Point]:
    left = [
        (MIDDLE, 104),
        (124, 122),
        (100, 160),
        (86, 206),
        (82, 262),
        (84, 330),
        (74, 372),
        (56, 360),
        (54, 280),
        (58, 190),
        (66, 124),
    ]
    return [*left, (98, 78), (MIDDLE, 60), (202, 78), *((2 * MIDDLE - x, y) for x, y in reversed(left[1:]))]


def _braids(face: Face) -> list[Point]:
    left = [(MIDDLE, 100), (122, 116), (98, 146), (84, 186), (78, 226), (66, 214), (64, 150), (80, 98), (114, 70)]
    return [*left, (MIDDLE, 64), *((2 * MIDDLE - x, y) for x, y in reversed(left[1:]))]


def _short(face: Face) -> list[Point]:
    side = face.cheek
    left = [(88, 150), (82, 196), (MIDDLE - side - 4, 200), (MIDDLE - side - 8, 150), (84, 98), (112, 70)]
    right = [(192, 68), (218, 98), (MIDDLE + side + 8, 150), (MIDDLE + side + 4, 200), (218, 196), (213, 150)]
    return [(118, 126), (98, 136), *left, (MIDDLE, 58), *right, (202, 132), (178, 120), (146, 130)]


def _side(face: Face) -> list[Point]:
    side = face.cheek
    left = [(92, 146), (84, 186), (MIDDLE - side - 3, 190), (MIDDLE - side - 8, 144), (80, 100), (106, 66)]
    right = [(200, 60), (226, 96), (MIDDLE + side + 7, 146), (MIDDLE + side + 3, 190), (216, 186), (210, 150)]
    return [(112, 118), (98, 128), *left, (152, 50), *right, (206, 128), (176, 126), (140, 114)]


def _wavy(face: Face) -> list[Point]:
    side = face.cheek
    left = [
        (90, 150),
        (82, 198),
        (MIDDLE - side - 6, 206),
        (MIDDLE - side - 14, 168),
        (66, 132),
        (78, 108),
        (80, 86),
        (104, 76),
        (118, 56),
    ]
    right = [
        (176, 52),
        (196, 64),
        (220, 76),
        (224, 104),
        (236, 130),
        (MIDDLE + side + 14, 168),
        (MIDDLE + side + 6, 206),
        (218, 198),
        (210, 150),
    ]
    return [(122, 122), (104, 132), *left, (146, 58), *right, (198, 130), (182, 116), (164, 126), (144, 114)]


def _receding(face: Face) -> list[Point]:
    side = face.cheek
    left = [(92, 132), (80, 168), (80, 200), (MIDDLE - side - 5, 206), (MIDDLE - side - 10, 160), (80, 110), (108, 78)]
    return [
        (MIDDLE, 94),
        (128, 100),
        (112, 112),
        *left,
        (MIDDLE, 68),
        *((2 * MIDDLE - x, y) for x, y in reversed(left)),
        (188, 112),
        (172, 100),
    ]


def _fringe(face: Face) -> list[Point]:
    side = face.cheek
    left = [(84, 170), (82, 208), (MIDDLE - side - 7, 214), (MIDDLE - side - 13, 160), (76, 100), (108, 66)]
    right = [(192, 66), (224, 100), (MIDDLE + side + 13, 160), (MIDDLE + side + 7, 214), (218, 208), (216, 170)]
    return [
        (122, 172),
        (104, 164),
        *left,
        (MIDDLE, 54),
        *right,
        (200, 166),
        (186, 176),
        (168, 166),
        (152, 178),
        (138, 164),
    ]


_STYLES: dict[str, Callable[[Face], list[Point]]] = {
    "bob": _bob,
    "long": _long,
    "braids": _braids,
    "short": _short,
    "side": _side,
    "wavy": _wavy,
    "receding": _receding,
    "fringe": _fringe,
}
