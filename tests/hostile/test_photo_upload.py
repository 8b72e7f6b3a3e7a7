"""Photos from somebody who chooses every byte: refused with a reason before they cost much, or nothing left of them but
the picture; by the function, and over HTTP."""

from __future__ import annotations

import base64
import io
import shutil
import struct
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from card_profiles.lds import image_header
from issuer import photo, photo_check
from issuer.domain.roles import Role
from issuer.errors import Refusal, Refused
from issuer.service import photo_desk
from issuer.service.problems import Problem
from tests.hostile.photo_files import (
    chunk,
    entity_svg,
    jpeg_of_many_scans,
    png,
    with_exif_place,
    with_segment,
)
from tests.service import house as houses
from tests.unit.photo_check import scenes
from tests.unit.photo_check.scenes import LIMIT, drawn, encoded, jpeg

SECRETS = (b"<script>", b"Kanazawa", b"GPS", b"Exif", b"ACME", b"PK\x03\x04", b"http://ns.adobe.com")

REFUSED: dict[str, tuple[Callable[[], bytes], Refusal]] = {
    "nothing": (lambda: b"", Refusal.PHOTO_KIND),
    "html": (lambda: b"<html><script>1</script></html>", Refusal.PHOTO_KIND),
    "svg": (entity_svg, Refusal.PHOTO_KIND),
    "svg behind a byte order mark": (lambda: b"\xef\xbb\xbf" + entity_svg(), Refusal.PHOTO_KIND),
    "gif that is a zip": (lambda: encoded(drawn(), "GIF") + b"PK\x03\x04" + bytes(60), Refusal.PHOTO_KIND),
    "tiff": (lambda: encoded(drawn(), "TIFF"), Refusal.PHOTO_KIND),
    "webp": (lambda: encoded(drawn(), "WEBP"), Refusal.PHOTO_KIND),
    "bmp": (lambda: encoded(drawn(), "BMP"), Refusal.PHOTO_KIND),
    "pdf": (lambda: b"%PDF-1.7\n" + jpeg(drawn()), Refusal.PHOTO_KIND),
    "an icon": (lambda: encoded(drawn(), "ICO"), Refusal.PHOTO_KIND),
    "a hundred megabytes": (lambda: b"\xff\xd8\xff" + bytes(100_000_000), Refusal.PHOTO_TOO_LARGE),
    "png of a gigapixel in 100 kB": (lambda: png(32_000, 32_000, bytes(10**6)), Refusal.PHOTO_PIXELS),
    "png wider than any memory": (lambda: png(2**31 - 1, 2**31 - 1, b""), Refusal.PHOTO_PIXELS),
    "png with no side": (lambda: png(0, 400, b""), Refusal.PHOTO_UNREADABLE),
    "jpeg of 65500 squared": (
        lambda: jpeg(drawn()).replace(struct.pack(">HH", 400, 300), struct.pack(">HH", 65_500, 65_500), 1),
        Refusal.PHOTO_PIXELS,
    ),
    "progressive jpeg of many scans": (lambda: jpeg_of_many_scans(4000, 4000, 300), Refusal.PHOTO_PIXELS),
    "truncated jpeg": (lambda: jpeg(drawn())[:4000], Refusal.PHOTO_UNREADABLE),
    "truncated png": (lambda: encoded(drawn(), "PNG")[:9000], Refusal.PHOTO_UNREADABLE),
    "truncated jp2": (lambda: encoded(drawn(), "JPEG2000")[:300], Refusal.PHOTO_UNREADABLE),
    "two bytes of a jpeg": (lambda: b"\xff\xd8", Refusal.PHOTO_KIND),
    "three bytes of a jpeg": (lambda: b"\xff\xd8\xff", Refusal.PHOTO_UNREADABLE),
    "animated png": (
        lambda: encoded(drawn(), "PNG", save_all=True, append_images=[drawn(1)]),
        Refusal.PHOTO_ANIMATED,
    ),
    "png whose text is a bomb": (
        lambda: png(120, 160, bytes(160 * (120 * 3 + 1)), chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(2 * 10**8)))),
        Refusal.PHOTO_UNREADABLE,
    ),
    "too few pixels": (lambda: jpeg(drawn().resize((60, 80))), Refusal.PHOTO_TOO_SMALL),
}

CLEANED: dict[str, Callable[[], bytes]] = {
    "where it was taken": lambda: with_exif_place(drawn()),
    "a comment and xmp": lambda: with_segment(
        with_segment(jpeg(drawn()), 0xFE, b"<script>alert(1)</script>"),
        0xE1,
        b"http://ns.adobe.com/xap/1.0/\0<x>Kanazawa</x>",
    ),
    "html behind the picture": lambda: jpeg(drawn()) + b"<script>alert(1)</script>\xff\xd9",
    "a zip behind the picture": lambda: jpeg(drawn()) + b"PK\x03\x04" + bytes(40) + b"\xff\xd9",
    "html in the first segment": lambda: with_segment(jpeg(drawn()), 0xE0, b"JFXX\0\x13<script>alert(1)</script>"),
    "a second picture behind the first": lambda: jpeg(drawn()) + jpeg(drawn(1)),
    "png with texts": lambda: encoded(drawn(), "PNG", pnginfo=_texts()),
    "png with html behind": lambda: encoded(drawn(), "PNG") + b"<script>alert(1)</script>",
    "jp2 with a box": lambda: _boxed(encoded(drawn(), "JPEG2000")),
    "a colour profile": lambda: jpeg(drawn(), icc_profile=_profile()),
    "a broken colour profile": lambda: jpeg(drawn(), icc_profile=b"ACME" * 300),
    "cmyk": lambda: jpeg(drawn().convert("CMYK")),
    "grey": lambda: jpeg(drawn().convert("L")),
    "palette": lambda: encoded(drawn().convert("P", palette=Image.Palette.ADAPTIVE), "PNG"),
    "transparent": lambda: encoded(_transparent(), "PNG"),
    "sixteen bits": lambda: encoded(_sixteen(), "PNG"),
    "black and white": lambda: encoded(drawn().convert("1"), "PNG"),
    "12 megapixels": lambda: jpeg(drawn().resize((3000, 4000))),
}


def _texts() -> PngInfo:
    told = PngInfo()
    told.add_text("Comment", "<script>alert(1)</script>")
    told.add_itxt("Location", "Kanazawa")
    return told


def _boxed(raw: bytes) -> bytes:
    at = raw.index(b"jp2c") - 4
    return raw[:at] + (8 + 16 + 8).to_bytes(4) + b"uuid" + bytes(16) + b"Kanazawa" + raw[at:]


def _profile() -> bytes:
    from PIL import ImageCms

    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def _transparent() -> Image.Image:
    layer = drawn().convert("RGBA")
    layer.putalpha(Image.linear_gradient("L").resize(layer.size))
    return layer


def _sixteen() -> Image.Image:
    import numpy

    return Image.fromarray((numpy.asarray(drawn().convert("L")).astype(numpy.uint16) << 8) | 0x55)


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_costs_little(name: str) -> None:
    make, expected = REFUSED[name]
    raw = make()
    tracemalloc.start()
    began = time.process_time()
    try:
        with pytest.raises(Refused) as refused:
            photo_check.check(raw, limit=LIMIT)
        took, (_, peak) = time.process_time() - began, tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert refused.value.reason is expected
    assert peak < 40_000_000
    assert took < 3
    with pytest.raises(Refused) as again:
        photo_check.for_card(raw, limit=LIMIT)
    assert again.value.reason is expected


@pytest.mark.parametrize("name", CLEANED)
def test_what_is_cleaned_holds_a_picture_and_nothing_else(name: str) -> None:
    raw = CLEANED[name]()
    report = photo_check.check(raw, limit=LIMIT)
    assert photo_check.for_card(raw, limit=LIMIT) == report.picture
    header = image_header.read(report.picture)  # strict: no byte before, between or after that is not the picture's
    assert (header.width, header.height) == (report.picture_width, report.picture_height)
    assert photo.accept(report.picture, limit=LIMIT) == report.picture
    for secret in SECRETS:
        assert secret not in report.picture
    with Image.open(io.BytesIO(report.picture)) as picture:
        assert picture.mode == "RGB"
        assert not picture.getexif()
        assert set(picture.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


def test_what_was_seen_is_what_is_kept() -> None:
    """The picture of the check, handed in again, stays the same to the byte; the samples too."""
    shown = photo_check.check(jpeg(scenes.far(drawn())), limit=LIMIT).picture
    assert photo_check.for_card(shown, limit=LIMIT) == shown
    for path in sorted((Path(photo.__file__).parent / "samples").glob("*.jp*")):
        assert photo_check.for_card(path.read_bytes(), limit=LIMIT) == path.read_bytes()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_mark_of_orientation_is_carried_out(orientation: int) -> None:
    """As the camera held sideways stores it, and what the mark says to do about it."""
    ways = {
        2: [Image.Transpose.FLIP_LEFT_RIGHT],
        3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE],
        6: [Image.Transpose.ROTATE_90],
        7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_270],
    }
    stored = drawn()
    for way in ways.get(orientation, []):
        stored = stored.transpose(way)
    exif = Image.Exif()
    exif[0x0112] = orientation
    report = photo_check.check(encoded(stored, "JPEG", quality=92, exif=exif), limit=LIMIT)
    assert not report.findings
    assert (report.width, report.height) == (300, 400)
    assert b"Exif" not in report.picture


def test_every_prefix_of_a_photo_is_refused_or_whole() -> None:
    raw = jpeg(drawn().resize((120, 160)))
    for end in range(0, len(raw) - 1, 97):
        with pytest.raises(Refused) as refused:
            photo_check.check(raw[:end], limit=LIMIT)
        assert refused.value.reason in (Refusal.PHOTO_KIND, Refusal.PHOTO_UNREADABLE), end


# --- over HTTP


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[houses.House]:
    from issuer.acts import staff
    from tests.store.conftest import _sqlite_template

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(staff, "_hasher", lambda: houses.CHEAP)
        directory = tmp_path_factory.mktemp("photos")
        database = shutil.copy(_sqlite_template(), directory / "issuer.db")
        with houses.opened(directory, f"sqlite:///{database}") as opened:
            yield opened


@pytest.fixture(scope="module")
def application(house: houses.House) -> int:
    return int(house.registered(1)["application"])


def post(house: houses.House, raw: Any, kind: str = "image/jpeg", role: Role = Role.REGISTRAR) -> Any:
    client = house.as_(role, "community")
    return client.post("/api/v1/photos/check", content=raw, headers={"Content-Type": kind})


def put(house: houses.House, application: int, raw: Any, kind: str = "image/jpeg") -> Any:
    client = house.as_(Role.REGISTRAR, "community")
    headers = house.key() | {"Content-Type": kind}
    return client.put(f"/api/v1/applications/{application}/photo", content=raw, headers=headers)


def test_findings_and_picture_over_http(house: houses.House) -> None:
    answer = post(house, jpeg(scenes.far(drawn())))
    assert answer.status_code == 200
    told = answer.json()
    assert not told["good"]
    assert [finding["flaw"] for finding in told["findings"]] == ["too-far"]
    assert told["findings"][0]["action"] == "Come closer."
    picture = base64.b64decode(told["picture"])
    assert len(picture) == told["picture_size"]
    assert photo.accept(picture, limit=LIMIT) == picture


def test_looking_stores_nothing_and_keeping_keeps_the_clean_picture(house: houses.House, application: int) -> None:
    client = house.as_(Role.REGISTRAR, "community")
    raw = with_exif_place(drawn())
    shown = base64.b64decode(post(house, raw).json()["picture"])
    assert client.get(f"/api/v1/applications/{application}/photo").json()["code"] == "no-capture"
    assert put(house, application, raw).status_code == 200
    kept = client.get(f"/api/v1/applications/{application}/photo")
    assert kept.content == shown
    assert kept.headers["content-type"] == "image/jpeg"
    assert kept.headers["x-content-type-options"] == "nosniff"
    for secret in SECRETS:
        assert secret not in kept.content


@pytest.mark.parametrize("name", REFUSED)
def test_refused_over_http(house: houses.House, application: int, name: str) -> None:
    make, reason = REFUSED[name]
    raw = make()
    for answer in (post(house, raw), put(house, application, raw)):
        if len(raw) > photo.MAX_INPUT:
            assert (answer.status_code, answer.json()["code"]) == (413, "too-large")
        else:
            assert (answer.status_code, answer.json()["code"]) == (422, "photo")
            assert answer.json()["facts"]["reason"] == reason.value


def test_a_body_without_end_is_cut_off(house: houses.House) -> None:
    """The client announces no length and does not stop by itself: what is taken stays under the limit."""
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while sent < 100_000_000:
            sent += 65_536
            yield bytes(65_536)

    assert post(house, endless()).status_code == 413


@pytest.mark.parametrize("kind", ["image/svg+xml", "text/html", "image/gif", "multipart/form-data; boundary=x", ""])
def test_other_kinds_are_not_taken(house: houses.House, application: int, kind: str) -> None:
    raw = jpeg(drawn())
    assert post(house, raw, kind).status_code == 415
    assert put(house, application, raw, kind).status_code == 415


@pytest.mark.parametrize("role", [Role.APPROVER, Role.AUDITOR, Role.KEY_ADMINISTRATOR])
def test_only_who_takes_photos_has_them_looked_at(house: houses.House, role: Role) -> None:
    assert post(house, jpeg(drawn()), role=role).status_code == 403


async def _crowd() -> list[object]:
    import asyncio
    import threading

    gate = threading.Event()
    places = photo_desk.AT_A_TIME + photo_desk.WAITING
    waiting = [asyncio.ensure_future(photo_desk.beside(gate.wait)) for _ in range(places)]
    await asyncio.sleep(0)
    outcomes: list[object] = []
    for seconds in (5.0, 5.0):
        try:
            await photo_desk.beside(lambda: None, seconds=seconds)
        except Problem as problem:
            outcomes.append(problem.code)
    gate.set()
    outcomes.append(all(await asyncio.gather(*waiting)))
    return outcomes


def test_a_crowd_is_sent_away_and_does_not_grow() -> None:
    import asyncio

    assert asyncio.run(_crowd()) == ["unavailable", "unavailable", True]


def test_nobody_waits_for_ever() -> None:
    import asyncio
    import threading

    gate = threading.Event()

    async def late() -> None:
        await photo_desk.beside(lambda: gate.wait(30), seconds=0.05)

    with pytest.raises(Problem) as problem:
        asyncio.run(late())
    gate.set()
    assert problem.value.code == "unavailable"
