"""Draws the portraits of the sample applications: nobody's face, made of curves.

``python -m issuer.samples.draw DIRECTORY`` writes them all. The same code gives the same picture; the committed files
are the ones that the samples use. Needs Pillow. Coordinates are those of the finished picture, 300 by 400 pixels,
drawn four times as large.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from PIL import Image, ImageChops, ImageFilter

from . import hair
from .canvas import HEIGHT, MIDDLE, WHITE, WIDTH, Canvas, Colour, darker, mirrored
from .faces import FACES, Face

BACKGROUND_TOP, BACKGROUND_BOTTOM = (228, 234, 240), (204, 214, 224)


def portrait(face: Face) -> Image.Image:
    """The finished picture, 300 by 400 pixels."""
    canvas = Canvas(BACKGROUND_TOP)
    _background(canvas)
    hair.behind(canvas, face)
    _body(canvas, face)
    _neck(canvas, face)
    _collar(canvas, face)
    head = _head(canvas, face)
    _beard(canvas, face, head)
    for side in (-1, 1):
        _eye(canvas, face, side)
    _nose(canvas, face)
    _mouth(canvas, face)
    if face.lines:
        _lines(canvas, face)
    if face.freckles:
        _freckles(canvas, face)
    hair.front(canvas, face, head)
    if face.glasses:
        _glasses(canvas, face.glasses)
    return canvas.image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)


def _background(canvas: Canvas) -> None:
    ramp = Image.linear_gradient("L").resize(canvas.image.size)
    canvas.image.paste(BACKGROUND_BOTTOM, (0, 0), ramp)


def _body(canvas: Canvas, face: Face) -> None:
    shoulders = canvas.area(
        mirrored([(MIDDLE, 318), (112, 322), (74, 338), (38, 356), (18, 388), (10, 450), (MIDDLE, 470)])
    )
    canvas.fill(shoulders, face.cloth_colour)
    canvas.shade(canvas.oval(30, 420, 46, 70), shoulders, darker(face.cloth_colour, 0.7), 0.7, 14)
    canvas.shade(canvas.oval(270, 420, 46, 70), shoulders, darker(face.cloth_colour, 0.7), 0.7, 14)


def _neck(canvas: Canvas, face: Face) -> None:
    neck = canvas.area(mirrored([(MIDDLE, 250), (112, 256), (113, 300), (108, 326), (122, 344), (MIDDLE, 354)]))
    canvas.fill(neck, darker(face.skin, 0.94))
    canvas.shade(canvas.oval(MIDDLE, face.chin - 4, 50, 22), neck, darker(face.skin, 0.66), 0.75, 7)


def _collar(canvas: Canvas, face: Face) -> None:
    cloth, edge = face.cloth_colour, darker(face.cloth_colour, 0.74)
    if face.clothes in ("shirt", "blazer"):
        shirt = cloth if face.clothes == "shirt" else WHITE
        for side in (-1, 1):
            flap = [(MIDDLE + side * x, y) for x, y in ((40, 314), (48, 332), (30, 376), (0, 352), (22, 336))]
            canvas.fill(canvas.area(flap), darker(shirt, 0.8), 0.8, 3)
            canvas.fill(canvas.area(flap), darker(shirt, 1.04))
        canvas.fill(canvas.line([(MIDDLE, 354), (MIDDLE, 400)], 2.2), darker(shirt, 0.7))
    if face.clothes == "blazer":
        canvas.fill(canvas.area([(MIDDLE, 350), (118, 362), (122, 420), (178, 420), (182, 362)]), WHITE)
        canvas.fill(canvas.line([(MIDDLE, 360), (MIDDLE, 404)], 1.6), (206, 206, 204))
        for side in (-1, 1):
            lapel = [(MIDDLE + side * x, y) for x, y in ((54, 322), (72, 350), (44, 378), (14, 420), (34, 366))]
            canvas.fill(canvas.area(lapel), edge)
            canvas.fill(canvas.area([(x + side * 2, y - 2) for x, y in lapel]), darker(cloth, 1.14))
    elif face.clothes == "round":
        canvas.fill(canvas.line([(102, 322), (116, 346), (MIDDLE, 358), (184, 346), (198, 322)], 9), edge)
        canvas.fill(
            canvas.line([(101, 320), (116, 343), (MIDDLE, 355), (184, 343), (199, 320)], 7), darker(cloth, 1.12)
        )
    elif face.clothes == "hoodie":
        hood = canvas.area(mirrored([(MIDDLE, 346), (116, 332), (96, 300), (78, 318), (86, 350), (MIDDLE, 376)]))
        canvas.fill(hood, edge, 0.9, 2)
        canvas.fill(hood, darker(cloth, 1.08))
        for side in (-1, 1):
            canvas.fill(canvas.line([(MIDDLE + side * 18, 362), (MIDDLE + side * 21, 402)], 3.4), WHITE)
    elif face.clothes == "wrap":
        inner = canvas.area([(112, 326), (MIDDLE, 372), (188, 326), (196, 318), (MIDDLE, 352), (104, 318)])
        canvas.fill(inner, WHITE)
        for start, end in (((196, 318), (96, 420)), ((104, 318), (204, 420))):
            band = [start, ((start[0] + end[0]) / 2 + 3, 366), end]
            canvas.fill(canvas.line(band, 26), edge)
            canvas.fill(canvas.line(band, 21), (206, 164, 74))
            canvas.fill(canvas.line(band, 9), darker(cloth, 0.95))


def _head(canvas: Canvas, face: Face) -> Image.Image:
    """Ears and face; gives the mask of the face."""
    skin, chin = face.skin, face.chin
    for side in (-1, 1):
        x = MIDDLE + side * (face.cheek + 1)
        ear = canvas.oval(x, 210, 11, 20)
        canvas.fill(ear, darker(skin, 0.95))
        canvas.shade(canvas.oval(x + side, 212, 5, 12), ear, darker(skin, 0.74), 0.7, 2.5)
        if face.earrings:
            canvas.fill(canvas.oval(x + side * 2, 233, 3.2, 3.2), (224, 190, 96))
            canvas.fill(canvas.oval(x + side * 1.4, 232, 1.1, 1.1), WHITE)
    half = [
        (MIDDLE, 92),
        (MIDDLE - face.cheek * 0.66, 108),
        (MIDDLE - face.cheek * 0.97, 152),
        (MIDDLE - face.cheek, 206),
        (MIDDLE - face.cheek * 0.92, 244),
        (MIDDLE - face.jaw, chin - 28),
        (MIDDLE - face.jaw * 0.46, chin - 5),
        (MIDDLE, chin),
    ]
    head = canvas.area(mirrored(half))
    canvas.fill(head, skin)
    canvas.shade(canvas.oval(MIDDLE + 84, 226, 34, 96), head, darker(skin, 0.8), 0.6, 16)
    canvas.shade(canvas.oval(MIDDLE - 90, 232, 28, 84), head, darker(skin, 0.86), 0.5, 14)
    canvas.shade(canvas.oval(MIDDLE - 14, 142, 42, 26), head, darker(skin, 1.08), 0.7, 14)
    red, green, blue = skin
    for side in (-1, 1):
        canvas.shade(
            canvas.oval(MIDDLE + side * 42, 244, 18, 13), head, (red, round(green * 0.8), round(blue * 0.8)), 0.5, 9
        )
    return head


def _eye(canvas: Canvas, face: Face, side: int) -> None:
    x, y, open_ = MIDDLE + side * 33, 208.0, face.eye
    outline = [
        (-18, 2),
        (-10, -open_ * 0.72),
        (1, -open_),
        (11, -open_ * 0.66),
        (19, 0),
        (10, open_ * 0.6),
        (-3, open_ * 0.72),
    ]
    lid = [(x + side * dx, y + dy) for dx, dy in outline]
    white = canvas.area(lid)
    canvas.fill(canvas.area([(px, py - 3) for px, py in lid]), darker(face.skin, 0.78), 0.45, 3)
    canvas.fill(white, (250, 248, 245))
    iris = ImageChops.multiply(canvas.oval(x + side * 0.6, y - 0.5, open_ * 0.88, open_ * 0.88), white)
    canvas.fill(iris, darker(face.eye_colour, 0.6))
    canvas.shade(
        canvas.oval(x + side * 0.6, y, open_ * 0.66, open_ * 0.66), iris, darker(face.eye_colour, 1.25), 0.9, 1
    )
    canvas.fill(canvas.oval(x + side * 0.6, y - 0.5, open_ * 0.36, open_ * 0.36), (16, 14, 16))
    canvas.fill(canvas.oval(x - 2.6, y - 3.6, 2.1, 2.1), WHITE)
    canvas.shade(canvas.oval(x, y - open_, 20, 4), white, (60, 50, 50), 0.35, 2)
    canvas.fill(canvas.line([lid[0], lid[1], lid[2], lid[3], lid[4]], 3.4), (38, 28, 28))
    canvas.fill(canvas.line([lid[4], lid[5], lid[6], lid[0]], 1.1), darker(face.skin, 0.6))
    fold = [(x + side * dx, y - open_ + dy) for dx, dy in ((-13, 0.5), (0, -5), (13, -2.5), (19, 3))]
    canvas.fill(canvas.line(fold, 1.3), darker(face.skin, 0.66), 0.8)
    brow = [(x + side * dx, y - open_ - 13 + dy) for dx, dy in ((-19, 4), (-8, -1.5), (6, -4), (17, -1), (24, 4))]
    colour = darker(face.hair_colour, 0.92)
    canvas.fill(canvas.line(brow, face.brow + 1.5), colour, 0.4, 1.2)
    canvas.fill(canvas.line(brow, face.brow), colour, 0.9)


def _nose(canvas: Canvas, face: Face) -> None:
    dark = darker(face.skin, 0.68)
    canvas.fill(canvas.line([(158, 206), (160, 228), (163, 244)], 6), darker(face.skin, 0.8), 0.35, 4)
    canvas.fill(canvas.line([(147, 200), (147, 236)], 7), darker(face.skin, 1.1), 0.6, 4)
    canvas.fill(
        canvas.line([(134, 245), (136, 251), (143, 250), (150, 254), (157, 250), (164, 251), (166, 245)], 2.2),
        dark,
        0.85,
    )
    for side in (-1, 1):
        canvas.fill(canvas.oval(MIDDLE + side * 7.5, 250, 3.4, 1.7), darker(face.skin, 0.5), 0.7, 0.6)
    canvas.fill(canvas.oval(148, 242, 4, 3), darker(face.skin, 1.15), 0.7, 2)


def _mouth(canvas: Canvas, face: Face) -> None:
    y, smile, lips = 272.0, face.smile, face.lips
    left, right = (126.0, y - smile * 0.7), (174.0, y - smile * 0.7)
    upper = [
        left,
        (140, y - 5),
        (147, y - 5.5),
        (150, y - 4),
        (153, y - 5.5),
        (160, y - 5),
        right,
        (MIDDLE, y + smile * 0.35),
    ]
    lower = [left, (138, y + smile * 0.2), (MIDDLE, y + smile * 0.4), (162, y + smile * 0.2), right]
    bottom = [(166, y + 5), (MIDDLE, y + 8 + smile * 0.4), (134, y + 5)]
    canvas.fill(canvas.area([*lower, *bottom]), darker(lips, 1.1))
    canvas.fill(canvas.area(upper), lips)
    canvas.fill(canvas.oval(MIDDLE, y + 5.5 + smile * 0.2, 9, 2.2), WHITE, 0.4, 1.6)
    canvas.fill(canvas.line(lower, 2), darker(lips, 0.5))
    canvas.fill(canvas.oval(MIDDLE, y + 17 + smile * 0.3, 15, 3), darker(face.skin, 0.72), 0.45, 3)
    for side in (-1, 1):
        corner = MIDDLE + side * 26
        canvas.fill(
            canvas.line([(corner - side, y - smile * 0.45 - 3), (corner + side * 1.5, y + 1)], 1.6),
            darker(face.skin, 0.7),
            0.7,
        )


def _beard(canvas: Canvas, face: Face, head: Image.Image) -> None:
    if not face.beard:
        return
    colour = darker(face.hair_colour, 1.1)
    moustache = canvas.area(mirrored([(MIDDLE, 258), (132, 259), (120, 271), (126, 273), (138, 266), (MIDDLE, 265)]))
    if face.beard == "moustache":
        canvas.fill(moustache, colour, 0.5, 1.6)
        canvas.fill(moustache, colour, 0.92)
        return
    cheek, jaw, chin = face.cheek, face.jaw, face.chin
    outer = [
        (MIDDLE - cheek - 6, 220),
        (MIDDLE - cheek - 4, 252),
        (MIDDLE - jaw - 6, chin - 24),
        (MIDDLE - jaw * 0.4, chin + 8),
    ]
    inner = [(MIDDLE - 30, 288), (MIDDLE - 36, 264), (MIDDLE - cheek * 0.82, 246)]
    jaws = canvas.area(
        [
            *outer,
            (MIDDLE, chin + 12),
            *((2 * MIDDLE - x, y) for x, y in reversed(outer)),
            *((2 * MIDDLE - x, y) for x, y in reversed(inner)),
            (MIDDLE, 290),
            *inner,
        ]
    )
    if face.beard == "stubble":
        canvas.shade(ImageChops.lighter(jaws, moustache), head, darker(colour, 0.7), 0.3, 4)
        return
    grown = head.filter(ImageFilter.MaxFilter(9))
    canvas.shade(ImageChops.lighter(jaws, moustache), grown, colour, 0.94, 2.2)
    canvas.shade(canvas.oval(MIDDLE, 287, 9, 5), head, colour, 0.7, 2)


def _lines(canvas: Canvas, face: Face) -> None:
    colour = darker(face.skin, 0.7)
    for y in (136, 148, 160):
        canvas.fill(canvas.line([(116, y + 2), (MIDDLE, y - 1), (184, y + 2)], 1.7), colour, 0.55, 0.6)
    for side in (-1, 1):
        fold = [(MIDDLE + side * dx, y) for dx, y in ((21, 246), (30, 258), (33, 272))]
        canvas.fill(canvas.line(fold, 2), colour, 0.75, 0.6)
        for dy in (-5, 1, 7):
            crow = [(MIDDLE + side * 55, 208 + dy), (MIDDLE + side * 63, 207 + dy * 1.8)]
            canvas.fill(canvas.line(crow, 1.3), colour, 0.6)
        bag = [(MIDDLE + side * dx, y) for dx, y in ((20, 219), (33, 224), (47, 219))]
        canvas.fill(canvas.line(bag, 1.6), colour, 0.5, 0.6)


def _freckles(canvas: Canvas, face: Face) -> None:
    for index in range(22):  # a fixed scatter: multiples of two irrational steps
        x = MIDDLE - 46 + (index * 0.6180339887 % 1) * 92
        y = 230 + (index * 0.4142135623 % 1) * 22
        canvas.fill(canvas.oval(x, y, 1.1, 1.1), darker(face.skin, 0.72), 0.5, 0.3)


def _glasses(canvas: Canvas, colour: Colour) -> None:
    for side in (-1, 1):
        x = MIDDLE + side * 34
        outer, inner = canvas.oval(x, 209, 27, 22), canvas.oval(x, 209, 24, 19)
        canvas.fill(inner, WHITE, 0.1)
        canvas.fill(ImageChops.subtract(outer, inner), colour)
        canvas.shade(canvas.line([(x - 14, 216), (x + 2, 196)], 5), inner, WHITE, 0.35, 2)
        canvas.fill(canvas.line([(MIDDLE + side * 60, 204), (MIDDLE + side * 74, 202)], 3.4), colour)
    canvas.fill(canvas.line([(141, 205), (MIDDLE, 201), (159, 205)], 3.6), colour)


def encode(image: Image.Image, name: str) -> bytes:
    """The image file: JPEG 2000 for ``.jp2``, JPEG for ``.jpg``, both between 5 and 14 kB."""
    buffer = io.BytesIO()
    if name.endswith(".jp2"):
        image.save(buffer, "JPEG2000", quality_mode="rates", quality_layers=[29], irreversible=True)
    else:
        image.save(buffer, "JPEG", quality=82, optimize=True)
    return buffer.getvalue()


def main(directory: str) -> None:
    """Write every portrait into `directory`."""
    for face in FACES:
        Path(directory, face.file).write_bytes(encode(portrait(face), face.file))


if __name__ == "__main__":
    main(sys.argv[1])
