"""Portraits: as they are or not at all, and without what they tell beyond the picture."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from card_profiles.lds import dg2, image_header
from card_profiles.lds.dg2 import Portrait
from issuer import photo
from issuer.errors import Refusal, Refused

LIMIT = 15_360
SAMPLES = Path(photo.__file__).parent / "samples"


def picture(kind: str = "JPEG", size: tuple[int, int] = (120, 160), **options: Any) -> bytes:
    stream = BytesIO()
    Image.linear_gradient("L").resize(size).convert("RGB").save(stream, kind, **options)
    return stream.getvalue()


def reason(raw: bytes, *, limit: int = LIMIT) -> Refusal:
    with pytest.raises(Refused) as refused:
        photo.accept(raw, limit=limit)
    return refused.value.reason


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.jp*g")) + sorted(SAMPLES.glob("*.jp2")), ids=lambda p: p.name)
def test_the_samples(path: Path) -> None:
    image = photo.accept(path.read_bytes(), limit=LIMIT)
    assert len(dg2.encode(Portrait(image=image))) <= LIMIT


@pytest.mark.parametrize("kind", ["JPEG", "JPEG2000"])
def test_the_picture_is_not_touched(kind: str) -> None:
    raw = picture(kind)
    image = photo.accept(raw, limit=LIMIT)
    with Image.open(BytesIO(raw)) as before, Image.open(BytesIO(image)) as after:
        assert before.tobytes() == after.tobytes()


def test_what_the_camera_says_is_cut_out() -> None:
    exif = Image.Exif()
    exif[0x010F] = "ACME camera"
    exif[0x8825] = {2: (30.0, 1.0, 2.0)}  # where it was taken
    raw = picture(exif=exif, comment=b"taken at home", icc_profile=b"profile" * 10)
    assert b"ACME camera" in raw
    image = photo.accept(raw, limit=LIMIT)
    for told in (b"ACME", b"Exif", b"taken at home", b"profile"):
        assert told not in image
    assert image_header.read(image).width == 120


def test_what_a_jp2_says_is_cut_out() -> None:
    raw = picture("JPEG2000")
    box = (8 + 16 + 9).to_bytes(4) + b"uuid" + bytes(16) + b"my secret"
    at = raw.index(b"jp2c") - 4
    image = photo.accept(raw[:at] + box + raw[at:], limit=LIMIT)
    assert b"my secret" not in image


def test_bytes_after_the_picture_are_cut_off() -> None:
    raw = picture()
    assert photo.accept(raw + b"smuggled", limit=LIMIT) == photo.accept(raw, limit=LIMIT)


def test_dg2_is_what_the_limit_is_about() -> None:
    """A photo that is accepted has room, to the byte and with its whole record around it."""
    raw = picture()
    size = len(dg2.encode(Portrait(image=photo.accept(raw, limit=LIMIT))))
    for limit in range(size - 40, size + 60):
        try:
            image = photo.accept(raw, limit=limit)
        except Refused as refused:
            if refused.reason is not Refusal.PHOTO_TOO_LARGE:
                raise
        else:
            assert len(dg2.encode(Portrait(image=image))) <= limit


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", Refusal.PHOTO_KIND),
        (b"GIF89a", Refusal.PHOTO_KIND),
        (picture("PNG"), Refusal.PHOTO_KIND),
        (b"\xff\xd8", Refusal.PHOTO_UNREADABLE),
        (picture()[:-200], Refusal.PHOTO_UNREADABLE),
        (picture(size=(2000, 2600), quality=95), Refusal.PHOTO_TOO_LARGE),
        (picture(size=(60, 80)), Refusal.PHOTO_TOO_SMALL),
        (b"\xff\xd8" * (photo.MAX_INPUT // 2 + 1), Refusal.PHOTO_TOO_LARGE),
    ],
    ids=lambda value: value if isinstance(value, Refusal) else len(value),
)
def test_what_is_refused(raw: bytes, expected: Refusal) -> None:
    assert reason(raw) is expected


@pytest.mark.parametrize("orientation", [2, 3, 6, 8])
def test_a_photo_that_is_upright_only_by_its_mark(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert reason(picture(exif=exif)) is Refusal.PHOTO_ROTATED


GOOD = (picture(), picture("JPEG2000"))


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(GOOD), st.integers(0, 10_000), st.binary(max_size=4), st.integers(0, 8))
def test_damaged_photos_are_refused_or_whole(raw: bytes, at: int, put: bytes, take: int) -> None:
    at %= len(raw)
    damaged = raw[:at] + put + raw[at + take :]
    try:
        image = photo.accept(damaged, limit=LIMIT)
    except Refused:
        return
    image_header.read(image)
