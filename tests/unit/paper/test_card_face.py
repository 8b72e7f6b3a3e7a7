"""The faces of a card: what stands on them, where, in which type; and what is refused rather than printed wrong."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import numpy
import pypdfium2
import pytest
import zxingcpp
from PIL import Image, ImageFilter

from card_profiles.lds import dg1, mrz
from issuer import assemble
from issuer.errors import Refusal, Refused
from issuer.paper import card_face, fonts
from issuer.paper.card import HEIGHT, MRZ_HEIGHT, READING_ZONE_BOTTOM, READING_ZONE_HEIGHT, WIDTH
from issuer.paper.sheet import Sheet
from tests import printed_codes
from tests.unit.paper import pages
from tests.unit.paper.pages import DPI, NAMES, OFFICE, face, sample

PIXEL = 25.4 / DPI


@pytest.fixture(scope="module")
def printed() -> bytes:
    return card_face(face())


ANY = "".join(Random(12).choices("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:", k=419))
"""As long as a code may be, and the same in every run."""


@pytest.fixture(scope="module")
def back() -> Image.Image:
    return pages.picture(card_face(face(text=ANY)), 1)


def test_two_pages_of_a_card(printed: bytes) -> None:
    assert [tuple(round(side, 2) for side in page) for page in pages.size(printed)] == [(85.60, 53.98)] * 2


@pytest.mark.parametrize("name", [NAMES[3], NAMES[4], NAMES[7]])
def test_what_is_printed_is_what_the_chip_says(name: str) -> None:
    of, pdf = sample(name), card_face(face(name))
    front, back = pages.lines(pdf, 0), pages.lines(pdf, 1)
    zone = mrz.encode(dg1.decode(dg1.encode(assemble.zone(of, OFFICE))))
    assert [line for line in back if len(line) == 30 and line.isupper()] == list(mrz.lines(zone))
    for told in (of.name_native, f"{of.latin_surname} {of.latin_given}".strip(), of.permit_number, "314159"):
        assert told in front
    assert str(of.birth_date) in front
    assert str(of.expiry_date) in " ".join(front)
    assert of.address.replace(" ", "") in "".join(front).replace(" ", "")


def test_the_machine_readable_zone_lies_in_its_place(printed: bytes) -> None:
    """OCR-B of size 1, ten characters an inch, in the reading zone, on white; measured in the picture."""
    picture = numpy.asarray(pages.picture(printed, 1))
    lower = picture[round((HEIGHT - MRZ_HEIGHT) / PIXEL) + 2 :]
    dark = lower < 128
    rows = numpy.flatnonzero(dark.any(axis=1)) + round((HEIGHT - MRZ_HEIGHT) / PIXEL) + 2
    assert rows[0] * PIXEL > HEIGHT - READING_ZONE_BOTTOM - READING_ZONE_HEIGHT
    assert rows[-1] * PIXEL < HEIGHT - READING_ZONE_BOTTOM
    groups = numpy.split(rows, numpy.flatnonzero(numpy.diff(rows) > 1) + 1)
    assert len(groups) == 3
    tall = [len(group) * PIXEL for group in groups]
    assert all(2.3 < height < 2.8 for height in tall), tall
    columns = numpy.flatnonzero(dark.any(axis=0)) * PIXEL
    assert 4.0 - 1.0 < columns[0] < 4.0 + 1.5
    assert WIDTH - 6 < columns[-1] < WIDTH - 3
    assert (lower[:8] == 255).all(), "a plain ground"
    with pypdfium2.PdfDocument(printed) as document:
        page = document[1]
        text = page.get_textpage()
        whole = text.get_text_range()
        start = whole.index("IRUTO")
        boxes = [text.get_charbox(at, loose=True) for at in range(start, start + 30)]
        text.close()
        page.close()
    steps = [(after[0] - before[0]) * 25.4 / 72 for before, after in pairwise(boxes)]
    assert max(abs(step - 2.54) for step in steps) < 0.02


# --- the code


Change = Callable[[Image.Image, Random], Image.Image]


def turned(picture: Image.Image, random: Random) -> Image.Image:
    return picture.rotate(random.uniform(-180, 180), Image.Resampling.BICUBIC, expand=True, fillcolor=200)


def askew(picture: Image.Image, random: Random) -> Image.Image:
    width, height = picture.size
    corners = ((0, 0), (0, height), (width, height), (width, 0))
    moved = [(x + random.uniform(-0.06, 0.06) * width, y + random.uniform(-0.06, 0.06) * height) for x, y in corners]
    quad = [part for point in moved for part in point]
    return picture.transform(picture.size, Image.Transform.QUAD, quad, Image.Resampling.BICUBIC)


def blurred(picture: Image.Image, random: Random) -> Image.Image:
    return picture.filter(ImageFilter.GaussianBlur(random.uniform(0.8, 1.6)))


def noisy(picture: Image.Image, random: Random) -> Image.Image:
    pixels = numpy.asarray(picture).astype(float)
    generator = numpy.random.default_rng(random.randrange(2**32))
    ramp = numpy.linspace(1, random.uniform(0.6, 1), pixels.shape[1])[None, :]
    added = pixels * ramp + generator.normal(0, random.uniform(4, 18), pixels.shape)
    return Image.fromarray(numpy.clip(added, 0, 255).astype(numpy.uint8))


def smaller(picture: Image.Image, random: Random) -> Image.Image:
    """About 3.4 pixels a module, as a telephone held at a hand's breadth sees it."""
    return picture.resize((round(picture.width * 0.85), round(picture.height * 0.85)), Image.Resampling.BILINEAR)


def all_of_it(picture: Image.Image, random: Random) -> Image.Image:
    soft = smaller(turned(askew(picture, random), random), random).filter(ImageFilter.GaussianBlur(0.6))
    return noisy(soft, random)


def test_the_code_is_read_from_the_printed_back(printed: bytes) -> None:
    (found,) = zxingcpp.read_barcodes(pages.picture(printed, 1))
    assert found.text == pages.code()
    assert found.ec_level == "M"
    assert printed_codes.decide(found.text).genuine.good


def test_modules_fall_on_the_printers_dots(printed: bytes) -> None:
    """Nothing grey in the symbol: at 300 dpi every edge of a module is the edge of a dot."""
    picture = pages.picture(printed, 1)
    (found,) = zxingcpp.read_barcodes(picture)
    corner = found.position
    inner = numpy.asarray(
        picture.crop(
            (corner.top_left.x + 2, corner.top_left.y + 2, corner.bottom_right.x - 2, corner.bottom_right.y - 2)
        )
    )
    assert ((inner > 8) & (inner < 247)).mean() < 0.002
    assert abs((corner.bottom_right.x - corner.top_left.x) * PIXEL - 22.01) < 0.25


@pytest.mark.parametrize(
    ("change", "least"), [(turned, 8), (askew, 8), (blurred, 8), (noisy, 8), (smaller, 1), (all_of_it, 6)]
)
def test_the_code_is_read_when_a_camera_sees_it_badly(back: Image.Image, change: Change, least: int) -> None:
    """Each disturbance alone is always read; all of them together nearly always, and never as something else."""
    random, page = Random(20261121), back
    picture = Image.new("L", (page.width + 300, page.height + 300), 200)
    picture.paste(page, (150, 150))
    read = 0
    for _ in range(8 if least > 1 else 1):
        found = zxingcpp.read_barcodes(change(picture, random))
        assert all(one.text == ANY for one in found)
        read += len(found) == 1
    assert read >= least


# --- what is refused


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("name_native", "ئابدۇرەھمان", Refusal.NO_GLYPHS),  # Arabic letters must join
        ("name_native", "ཚེ་རིང་ལྷ་མོ", Refusal.NO_GLYPHS),  # Tibetan stacks
        ("name_native", "ᠪᠣᠷᠵᠢᠭᠢᠨ", Refusal.NO_GLYPHS),  # Mongolian runs downwards
        ("name_native", "王\U00030edd", Refusal.NO_GLYPHS),  # rarer than the font knows
        ("name_native", "王\ue863", Refusal.NO_GLYPHS),  # a private character of some old system
        ("name_latin", "n\u0303ame", Refusal.NO_GLYPHS),  # a mark that would stand beside its letter
        ("name_latin", "A\u202eB", Refusal.NO_GLYPHS),
        ("address", "香里\u200b8号", Refusal.NO_GLYPHS),
        ("hukou_address", "गोवा", Refusal.NO_GLYPHS),
        ("name_native", "加" * 60, Refusal.TEXT_TOO_LONG),
        ("name_latin", "W" * 90, Refusal.TEXT_TOO_LONG),
        ("address", "W" * 300, Refusal.TEXT_TOO_LONG),
        ("permit_number", "W" * 40, Refusal.TEXT_TOO_LONG),
        ("can", "31415", Refusal.BAD_CAN),
        ("can", "３１４１５９", Refusal.BAD_CAN),
        ("photo", b"\x00\x00\x00\x0cjP  nothing", Refusal.PHOTO_UNREADABLE),
        ("code", "A" * 500, Refusal.CONTENT_TOO_LARGE),
        ("code", "lower case", Refusal.CONTENT_TOO_LARGE),
    ],
)
def test_what_cannot_be_printed_right_is_not_printed(field: str, value: Any, reason: Refusal) -> None:
    with pytest.raises(Refused) as refused:
        card_face(replace(face(), **{field: value}))
    assert refused.value.reason is reason
    if reason in (Refusal.NO_GLYPHS, Refusal.TEXT_TOO_LONG):
        assert refused.value.details["field"] == field


LETTERS = (
    "阿不都热合曼·买买提",
    "䶮㛃",
    "Nguyễn Thị Hồng Ánh",
    "Þórðarson Søren",
    "Žižek Łukasz",
    "O'Connor-Müller",
    "Ελένη",
    "Владимир",
    "오우양",
)


def test_letters_that_are_printed() -> None:
    for name in LETTERS:
        fonts.check("name_native", name)
    with Sheet(100, 100, title="", day=pages.TODAY) as sheet:
        sheet.page()
        for row, name in enumerate(LETTERS):
            sheet.text(5, 10 + 8 * row, name, 10)
        assert pages.lines(sheet.done()) == list(LETTERS)


def test_the_longest_values_of_the_chip_find_room() -> None:
    """What an application may say is printed, as far as its letters are no wider than Han."""
    crowded = replace(
        face(),
        name_native="加" * 28,
        name_latin="NUERBOLATI HABUDUHALIKE JIAKESILEKE ALIMU AIZEZI TUERXUN",
        address="乌" * 80,
        hukou_address="乌" * 80,
        ethnicity="乌孜别克",
        permit_number="RP0123456789",
        document_number="A" * 22,
        office="乌" * 24,
    )
    text = "".join(pages.lines(card_face(crowded), 0))
    assert "加" * 28 in text
    assert text.count("乌") == 80 + 24 + 1


@pytest.mark.parametrize("missing", list(fonts.Face))
def test_a_missing_font_is_told_by_its_package(missing: fonts.Face, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = replace(fonts.SOURCES[missing], path=Path("/nowhere/at-all.ttf"))
    monkeypatch.setattr(fonts, "SOURCES", {**fonts.SOURCES, missing: gone})
    fonts.coverage.cache_clear()
    try:
        with Sheet(10, 10, title="", day=pages.TODAY) as sheet, pytest.raises(Refused) as refused:
            sheet.face(missing, 8)
    finally:
        fonts.coverage.cache_clear()
    assert refused.value.reason is Refusal.FONT_MISSING
    assert refused.value.details["package"] == gone.package
    assert gone.package.startswith("fonts-")


# --- the file


def test_the_same_card_gives_the_same_bytes() -> None:
    """In another process too, where sets have another order."""
    script = "import sys; from tests.unit.paper.pages import face; from issuer.paper import card_face; "
    script += "sys.stdout.buffer.write(card_face(face(text='A' * 419)))"
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", script], cwd=root, check=True, stdout=subprocess.PIPE, timeout=120)
    assert done.stdout == card_face(face(text="A" * 419))


def test_nothing_of_a_person_in_the_metadata(printed: bytes) -> None:
    told = metadata = pages.metadata(printed)
    assert metadata["Title"] == "Residence permit, card faces"
    assert metadata["CreationDate"].startswith("D:20261121")
    for secret in ("CHEN", "XIAOWEN", "陈晓雯", "RP00000017", "X1234567A", "314159", "199104"):
        assert not any(secret in value for value in told.values())
    assert b"/EmbeddedFile" not in printed
    assert b"/JavaScript" not in printed


def test_fonts_are_embedded_and_cut_to_what_is_used(printed: bytes) -> None:
    assert printed.count(b"/FontFile") >= 3
    assert len(printed) < 150_000
    assert math.isclose(fonts.SOURCES[fonts.Face.HAN].path.stat().st_size, 16_000_000, rel_tol=0.2)
