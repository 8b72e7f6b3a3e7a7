"""The committed samples: complete, fictional, small enough for the card; drawn by the script beside them."""

from __future__ import annotations

import json
from datetime import date
from importlib import resources

import pytest

from card_profiles.lds import dg2, image_header, mrz
from card_profiles.lds.dg2 import Portrait
from card_profiles.lds.image_header import ImageFormat
from issuer import application
from issuer.errors import ApplicationRefused, Fault
from issuer.samples import draw
from issuer.samples.faces import FACES

SAMPLES = resources.files("issuer.samples")
STEMS = sorted(face.file.rpartition(".")[0] for face in FACES)


def test_every_application_has_its_portrait() -> None:
    numbered = sorted(item.name for item in SAMPLES.iterdir() if item.name[:2].isdigit())
    assert numbered == sorted([face.file for face in FACES] + [f"{stem}.json" for stem in STEMS])


@pytest.mark.parametrize("stem", STEMS)
@pytest.mark.parametrize("today", [date(2026, 11, 1), date(2028, 2, 29), date(2049, 12, 31)])
def test_applications_are_good_in_any_year(stem: str, today: date) -> None:
    parsed = application.parse((SAMPLES / f"{stem}.json").read_bytes(), today=today)
    assert parsed.valid_from == today
    assert today < parsed.endorsed_until < parsed.expiry_date
    assert parsed.nationality == "UTO"
    assert parsed.personal_number.startswith(("000000", "99"))
    assert len(mrz.name_field(parsed.primary, parsed.secondary)) == 30


def test_numbers_are_given_once() -> None:
    read = [json.loads((SAMPLES / f"{stem}.json").read_bytes()) for stem in STEMS]
    for field in ("permit_number", "document_number", "personal_number"):
        assert len({one[field] for one in read}) == len(read)


@pytest.mark.parametrize(
    ("stem", "line"),
    [
        ("02-lyu-siyuan", "LYU<<SIYUAN<<<<<<<<<<<<<<<<<<<"),
        ("03-abudureheman-maimaiti", "ABUDUREHEMAN<MAIMAITI<<<<<<<<<"),
        ("04-nuerbolati-habuduhalike", "NUERBOLATI<HABUDUHALIKE<JIAKES"),
        ("06-ouyang-jianan", "OUYANG<<JIANAN<<<<<<<<<<<<<<<<"),
        ("07-thordarson-soren", "THORDARSON<STRAUSS<<SOEREN<AEG"),
    ],
)
def test_difficult_names(stem: str, line: str) -> None:
    parsed = application.parse((SAMPLES / f"{stem}.json").read_bytes(), today=date(2026, 11, 1))
    assert mrz.name_field(parsed.primary, parsed.secondary) == line


def test_the_faulty_one_is_refused_for_its_name_only() -> None:
    with pytest.raises(ApplicationRefused) as caught:
        application.parse((SAMPLES / "faulty-name-without-latin.json").read_bytes(), today=date(2026, 11, 1))
    assert {mistake.fault for mistake in caught.value.mistakes} == {Fault.NO_TRANSLITERATION}


@pytest.mark.parametrize("face", FACES, ids=lambda face: str(face.file))
def test_portraits_fit_the_card(face: draw.Face) -> None:
    image = (SAMPLES / face.file).read_bytes()
    header = image_header.read(image)
    assert (header.width, header.height) == (300, 400)
    assert (header.format is ImageFormat.JPEG2000) == face.file.endswith(".jp2")
    assert 5_000 <= len(image) <= 14_000
    assert len(dg2.encode(Portrait(image=image))) <= 15_360


def test_the_script_draws_what_is_committed() -> None:
    # Coders differ between versions of Pillow, the drawing does not: compare pixels, loosely.
    from PIL import Image, ImageChops, ImageStat

    face = FACES[0]
    drawn = draw.portrait(face)
    with Image.open(str(SAMPLES / face.file)) as committed:
        difference = ImageStat.Stat(ImageChops.difference(drawn, committed.convert("RGB"))).mean
    assert max(difference) < 3
