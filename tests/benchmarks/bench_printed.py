"""The printed code: decode rates of a disturbed corpus at print size, encoders and masks, image to verdict.

A code is drawn at its print size (24.7 mm, 300 dpi, 4 dots a module), put on a grey card and captured as a camera would
at 3.4 pixels a module, each picture with its own seeded measure of one disturbance. A wrong text would be an alarm: the
rates count right texts, and the run ends with an error if any other came out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import cache
from io import BytesIO
from math import cos, radians, sin
from random import Random
from statistics import median

import segno
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from card_profiles.printed_code import QR_VERSION
from issuer import code_image
from tests.factory import NOW, authority, policy
from tests.printed_codes import CODE
from tests.printed_codes import text as signed_text
from verifier import printed, scan

PICTURES = 40
CAPTURED = 3.4  # pixels of a module
_SIDE = 65 + 2 * code_image.QUIET

text = cache(signed_text)  # signed once: a signature is another each time
Look = Callable[[Image.Image], tuple[str, ...]]
Disturb = Callable[[Image.Image, Random], Image.Image]


def drawn(of: str, mask: int | None = code_image.MASK) -> Image.Image:
    """As printed: 292 dots, on a card that is not quite white."""
    out = BytesIO()
    code_image.draw(of, mask=mask).save(out, kind="png", scale=code_image.DOTS, border=code_image.QUIET)
    card = Image.new("L", (_SIDE * code_image.DOTS + 160,) * 2, 225)
    card.paste(Image.open(out).convert("L").point(lambda value: 30 if value < 128 else 240), (80, 80))
    return card


def captured(picture: Image.Image) -> Image.Image:
    size = round(picture.width * CAPTURED / code_image.DOTS)
    return picture.resize((size, size), Image.Resampling.BICUBIC)


def _rotated(picture: Image.Image, random: Random) -> Image.Image:
    return picture.rotate(random.uniform(0, 360), Image.Resampling.BICUBIC, expand=True, fillcolor=200)


def _perspective(picture: Image.Image, random: Random, by: float = 0.1) -> Image.Image:
    side = picture.width
    source = [(0, 0), (side, 0), (side, side), (0, side)]
    target = [(x + random.uniform(-by, by) * side, y + random.uniform(-by, by) * side) for x, y in source]
    factors = _homography(source, target)
    return picture.transform(
        (side, side), Image.Transform.PERSPECTIVE, factors, Image.Resampling.BICUBIC, fillcolor=200
    )


def _homography(source: list[tuple[int, int]], target: list[tuple[float, float]]) -> tuple[float, ...]:
    """The eight factors that bring `source` to `target`, by Gauss."""
    rows = []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y, u])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y, v])
    for at in range(8):
        pivot = max(range(at, 8), key=lambda row: abs(rows[row][at]))
        rows[at], rows[pivot] = rows[pivot], rows[at]
        rows[at] = [value / rows[at][at] for value in rows[at]]
        for row in range(8):
            if row != at:
                factor = rows[row][at]
                rows[row] = [a - factor * b for a, b in zip(rows[row], rows[at], strict=True)]
    return tuple(row[8] for row in rows)


def _blurred(picture: Image.Image, random: Random) -> Image.Image:
    return picture.filter(ImageFilter.GaussianBlur(random.uniform(0.5, 1.6)))


def _moved(picture: Image.Image, random: Random) -> Image.Image:
    """A hand that shook: five exposures along a line of up to three pixels."""
    angle, length = radians(random.uniform(0, 360)), random.uniform(1, 3)
    blended = picture
    for turn in range(1, 5):
        shift = length * turn / 4
        moved = ImageChops.offset(picture, round(shift * cos(angle)), round(shift * sin(angle)))
        blended = Image.blend(blended, moved, 1 / (turn + 1))
    return blended


def _noisy(picture: Image.Image, random: Random, least: float = 10, most: float = 45) -> Image.Image:
    sigma = random.uniform(least, most)
    small = Image.frombytes("L", picture.size, random.randbytes(picture.width * picture.height))
    noise = small.point(lambda value: int(128 + (value - 128) * sigma / 74))
    return ImageChops.add(picture, noise, scale=1, offset=-128)


def _scratched(picture: Image.Image, random: Random) -> Image.Image:
    picture = picture.copy()
    draw = ImageDraw.Draw(picture)
    for _ in range(random.randrange(1, 5)):
        ends = [random.uniform(0, picture.width) for _ in range(4)]
        draw.line(ends, fill=random.choice((60, 150, 240)), width=random.randrange(1, 5))
    return picture


def _spotted(picture: Image.Image, random: Random) -> Image.Image:
    """A stain over up to a sixth of the symbol's side, off the finder patterns."""
    picture = picture.copy()
    size = random.uniform(0.05, 0.17) * picture.width
    x, y = (picture.width * random.uniform(0.4, 0.6) for _ in range(2))
    ImageDraw.Draw(picture).ellipse((x - size / 2, y - size / 2, x + size / 2, y + size / 2), fill=120)
    return picture


def _torn(picture: Image.Image, random: Random) -> Image.Image:
    """The corner without a finder pattern is gone, up to a fifth of the side along each edge."""
    picture = picture.copy()
    edge = 0.12 * picture.width  # of the card around the code
    right = picture.width - edge
    cut = random.uniform(0.06, 0.2) * (picture.width - 2 * edge)
    ImageDraw.Draw(picture).polygon(
        [(right + edge, right - cut), (right - cut, right + edge), (right + edge, right + edge)], fill=90
    )
    return picture


def _pale(picture: Image.Image, random: Random) -> Image.Image:
    low = random.uniform(90, 150)
    span = random.uniform(18, 60)
    return picture.point(lambda value: int(low + value / 255 * span))


def _shaded(picture: Image.Image, random: Random) -> Image.Image:
    """Light from one side."""
    ramp = Image.linear_gradient("L").rotate(random.choice((0, 90, 180, 270))).resize(picture.size)
    return ImageChops.multiply(picture, ramp.point(lambda value: 70 + value * 180 // 255))


def _photo(picture: Image.Image, random: Random) -> Image.Image:
    """What a telephone takes by good light: a little of everything, and JPEG."""
    picture = picture.rotate(random.uniform(-10, 10), Image.Resampling.BICUBIC, fillcolor=200)
    picture = _perspective(picture, random, by=0.04).filter(ImageFilter.GaussianBlur(random.uniform(0.2, 0.7)))
    return _jpeg(_noisy(picture, random, least=3, most=12), random)


def _bad_photo(picture: Image.Image, random: Random) -> Image.Image:
    """Everything at full strength at once."""
    picture = _perspective(picture.rotate(random.uniform(-20, 20), Image.Resampling.BICUBIC, fillcolor=200), random)
    picture = picture.filter(ImageFilter.GaussianBlur(random.uniform(0.3, 1.0)))
    return _jpeg(_noisy(_shaded(picture, random), random), random)


def _jpeg(picture: Image.Image, random: Random) -> Image.Image:
    out = BytesIO()
    picture.save(out, "JPEG", quality=random.randrange(40, 85))
    return Image.open(out).convert("L")


DISTURBANCES: dict[str, Disturb] = {
    "as printed": lambda picture, _: picture,
    "rotation 0-360°": _rotated,
    "perspective ±10 %": _perspective,
    "blur σ 0.5-1.6 px": _blurred,
    "motion 1-3 px": _moved,
    "noise σ 10-45": _noisy,
    "scratches 1-4": _scratched,
    "stain 5-17 % of side": _spotted,
    "torn corner 6-20 %": _torn,
    "contrast 7-24 %": _pale,
    "light from one side": _shaded,
    "photo-like, JPEG": _photo,
    "all at full strength": _bad_photo,
}


def corpus(name: str, mask: int | None = code_image.MASK, count: int = PICTURES) -> Iterator[Image.Image]:
    """The pictures of one disturbance, the same each time."""
    plain = captured(drawn(text(), mask))
    for number in range(count):
        yield DISTURBANCES[name](plain, Random(f"{name} {number}"))


def rate(name: str, look: Look = scan.search, mask: int | None = code_image.MASK, count: int = PICTURES) -> float:
    """The share that decodes. RuntimeError for a code that decodes to anything else."""
    right = 0
    for picture in corpus(name, mask, count):
        raw = [printed.envelope([found]) for found in look(picture)]
        if any(one != _genuine() for one in raw):
            raise RuntimeError(f"{name}: another code came out")
        right += bool(raw)
    return right / count


def _genuine() -> bytes:
    return printed.envelope([text()])


def _milliseconds(act: Callable[[], object], turns: int = 15) -> float:
    taken = []
    for _ in range(turns):
        begin = time.perf_counter()
        act()
        taken.append((time.perf_counter() - begin) * 1000)
    return median(taken)


def main(write: Callable[[str], object] = print) -> None:
    """Decode rates, then times."""
    of = text()
    write(f"{len(of)} characters; {PICTURES} pictures of each disturbance, {CAPTURED} px a module")
    for name in DISTURBANCES:
        write(f"{name:22} {rate(name):6.1%}   first look alone {rate(name, scan.pixels):6.1%}")
    fixed, best = (_milliseconds(lambda mask=mask: code_image.draw(of, mask=mask)) for mask in (code_image.MASK, None))
    other = min(rate(name, mask=None) - rate(name) for name in ("blur σ 0.5-1.6 px", "scratches 1-4"))
    write(f"best of eight masks instead of the fixed one, blur and scratches: {other:+.1%}")
    version = f"segno {segno.__version__}, version {QR_VERSION}"
    write(f"draw with {version}: fixed mask {fixed:.1f} ms, best of eight {best:.1f} ms")
    png = code_image.render(of, ".png")
    photo = BytesIO()
    next(corpus("photo-like, JPEG")).save(photo, "JPEG", quality=80)
    trust, demanded = authority().trust(), policy()

    def decide(raw: bytes) -> None:
        verdict = printed.verify(printed.envelope(scan.picture(raw)), trust, demanded, now=NOW)
        assert verdict.accepted
        assert verdict.holder is not None
        assert verdict.holder.number == CODE.permit_number

    decide(png)
    envelope = _genuine()
    whole, taken = _milliseconds(lambda: decide(png)), _milliseconds(lambda: decide(photo.getvalue()))
    decoding = _milliseconds(lambda: scan.picture(png))
    deciding = _milliseconds(lambda: printed.verify(envelope, trust, demanded, now=NOW))
    write(f"image to verdict: print {whole:.1f} ms, photo {taken:.1f} ms")
    write(f"  of a print: picture to text {decoding:.1f} ms, text to verdict {deciding:.2f} ms")
