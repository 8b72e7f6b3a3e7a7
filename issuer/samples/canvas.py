"""A picture made of smooth curves: masks, fills and soft shades, drawn large and reduced at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PIL import Image, ImageChops, ImageDraw, ImageFilter

WIDTH, HEIGHT = 300, 400
SCALE = 4
MIDDLE = WIDTH / 2

Point = tuple[float, float]
Colour = tuple[int, int, int]

WHITE: Colour = (250, 249, 246)


class Canvas:
    """A picture in the coordinates of the finished one."""

    def __init__(self, background: Colour) -> None:
        self.image = Image.new("RGB", (WIDTH * SCALE, HEIGHT * SCALE), background)

    def mask(self, paint: Callable[[ImageDraw.ImageDraw], None]) -> Image.Image:
        """An empty mask, painted on at the large scale."""
        mask = Image.new("L", self.image.size, 0)
        paint(ImageDraw.Draw(mask))
        return mask

    def area(self, points: Sequence[Point]) -> Image.Image:
        """The mask of a closed smooth curve through `points`."""
        outline = [(x * SCALE, y * SCALE) for x, y in smooth(points, closed=True)]
        return self.mask(lambda draw: draw.polygon(outline, fill=255))

    def oval(self, x: float, y: float, half_width: float, half_height: float) -> Image.Image:
        """The mask of an ellipse."""
        box = [(x - half_width) * SCALE, (y - half_height) * SCALE, (x + half_width) * SCALE, (y + half_height) * SCALE]
        return self.mask(lambda draw: draw.ellipse(box, fill=255))

    def line(self, points: Sequence[Point], thickness: float) -> Image.Image:
        """The mask of an open smooth stroke with round ends, thinner towards them."""
        curve = smooth(points, closed=False)

        def paint(draw: ImageDraw.ImageDraw) -> None:
            for position, (x, y) in enumerate(curve):
                along = position / (len(curve) - 1)
                radius = thickness / 2 * (0.45 + 0.55 * (1 - (2 * along - 1) ** 2)) * SCALE
                centre_x, centre_y = x * SCALE, y * SCALE
                draw.ellipse([centre_x - radius, centre_y - radius, centre_x + radius, centre_y + radius], fill=255)

        return self.mask(paint)

    def fill(self, mask: Image.Image, colour: Colour, opacity: float = 1.0, blur: float = 0.0) -> None:
        """Lay `colour` over the picture where `mask` is."""
        if blur:
            mask = mask.filter(ImageFilter.GaussianBlur(blur * SCALE))
        if opacity < 1:
            mask = mask.point(lambda value: round(value * opacity))
        self.image.paste(colour, (0, 0), mask)

    def shade(self, shape: Image.Image, within: Image.Image, colour: Colour, opacity: float, blur: float) -> None:
        """A soft `shape` that stays `within` another."""
        soft = shape.filter(ImageFilter.GaussianBlur(blur * SCALE))
        self.fill(ImageChops.multiply(soft, within), colour, opacity)


def smooth(points: Sequence[Point], *, closed: bool) -> list[Point]:
    """A Catmull-Rom curve through `points`, 24 steps between neighbours."""
    count = len(points)
    segments = count if closed else count - 1
    curve: list[Point] = []
    for index in range(segments):
        before, start, end, after = (
            points[(index + step) % count] if closed else points[min(max(index + step, 0), count - 1)]
            for step in (-1, 0, 1, 2)
        )
        for step in range(24):
            t = step / 24
            curve.append(
                (_spline(before[0], start[0], end[0], after[0], t), _spline(before[1], start[1], end[1], after[1], t))
            )
    if not closed:
        curve.append(points[-1])
    return curve


def _spline(a: float, b: float, c: float, d: float, t: float) -> float:
    return b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))


def mirrored(points: Sequence[Point]) -> list[Point]:
    """A closed outline from its left half, given from top to bottom."""
    return [*points, *((2 * MIDDLE - x, y) for x, y in reversed(points) if x != MIDDLE)]


def darker(colour: Colour, factor: float) -> Colour:
    """`colour` times `factor`; above 1 it is lighter."""
    red, green, blue = (max(0, min(255, round(part * factor))) for part in colour)
    return (red, green, blue)
