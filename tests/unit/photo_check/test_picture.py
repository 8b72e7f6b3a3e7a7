"""The picture for the card: where its eyes are, how large it is in pixels and bytes; and the words of the findings."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy
import pytest
from PIL import Image

from card_profiles.lds import dg2
from card_profiles.lds.dg2 import Portrait
from issuer import photo_check
from issuer.errors import Refusal, Refused
from issuer.photo_check import Finding, Flaw, Severity, faces, framing, limits
from issuer.photo_check.finding_texts import TEXTS, spoken
from issuer.photo_check.findings import Box
from issuer.texts import Language
from tests.unit.photo_check import scenes
from tests.unit.photo_check.scenes import LIMIT, drawn, jpeg


@pytest.mark.parametrize("scale", [1, 3])
@pytest.mark.parametrize(("right", "down"), [(0, 0), (260, 90)])
def test_eyes_and_head_are_where_a_passport_has_them(scale: int, right: int, down: int) -> None:
    """Wherever the person stands in the frame, and however many pixels it has."""
    room = scenes.padded(drawn(4), left=300, right=300, top=120)
    upload = scenes.moved(right=right, down=-down)(room) if right else room
    upload = upload.resize((upload.width * scale, upload.height * scale), Image.Resampling.BICUBIC)
    report = photo_check.check(jpeg(upload), limit=LIMIT)
    picture = Image.open(io.BytesIO(report.picture))
    eyes = faces.look(numpy.asarray(picture.convert("L"))).eyes
    assert eyes is not None
    across, row = eyes.middle
    assert abs(across / picture.width - 0.5) < 0.03
    assert abs(row / picture.height - limits.EYE_LINE) < 0.03
    head = limits.HEAD_TO_EYES * eyes.distance / picture.height
    assert 0.66 < head < 0.80
    assert abs(picture.width / picture.height - limits.ASPECT) < 0.01
    assert picture.width <= limits.PICTURE_WIDTH
    assert picture.height <= limits.PICTURE_HEIGHT


@pytest.mark.parametrize("limit", [15_360, 9_000, 5_000])
def test_it_fits_into_its_file_and_is_as_good_as_fits(limit: int) -> None:
    picture = photo_check.check(jpeg(scenes.behind(scenes.shelves)(drawn())), limit=limit).picture
    assert limit * 0.5 < len(dg2.encode(Portrait(image=picture))) <= limit


def test_noise_that_never_fits_is_refused() -> None:
    noise = numpy.random.default_rng(1).integers(0, 255, (400, 300, 3), dtype=numpy.uint8)
    with pytest.raises(Refused) as refused:
        photo_check.check(jpeg(Image.fromarray(noise)), limit=2_000)
    assert refused.value.reason is Refusal.PHOTO_TOO_LARGE


@pytest.mark.parametrize("size", [(300, 400), (1280, 720), (90, 500), (2000, 120)])
def test_the_frame_never_leaves_the_picture(size: tuple[int, int]) -> None:
    for left in range(-200, size[0] + 200, 97):
        for top in range(-200, size[1] + 200, 89):
            for side in (40, 400, 3000):
                box = framing.within(framing.wanted(Box(left=left, top=top, width=side, height=side), None), size)
                assert 0 <= box.left < box.right <= size[0]
                assert 0 <= box.top < box.bottom <= size[1]
    box = framing.middle(size)
    assert 0 <= box.left < box.right <= size[0]
    assert 0 <= box.top < box.bottom <= size[1]


def test_every_flaw_says_what_to_do_in_two_languages() -> None:
    assert set(TEXTS) == set(Flaw)
    finding = Finding(flaw=Flaw.DARK, severity=Severity.RETAKE, measured=31.04, limit=95, unit="")
    for flaw in Flaw:
        zh, en = (spoken(replace(finding, flaw=flaw), language) for language in (Language.ZH, Language.EN))
        assert all(any(ord(character) > 0x2E80 for character in line) for line in zh)
        assert all(not any(ord(character) > 0x2E80 for character in line) for line in en)
        assert all("{" not in line for line in (*zh, *en))
        assert zh[1].endswith("。")
        assert en[1].endswith(".")


def test_a_report_is_good_when_nothing_asks_for_another_photo() -> None:
    report = photo_check.check(jpeg(scenes.behind(scenes.wall(70, 76, 84))(drawn())), limit=LIMIT)
    assert [finding.severity for finding in report.findings] == [Severity.LOOK]
    assert report.good
    assert not photo_check.check(jpeg(scenes.two(drawn())), limit=LIMIT).good
