"""EF.COM, DG1, DG2, DG11, DG12 and EF.SOD: records, their limits, and what a portrait may be."""

from __future__ import annotations

import hashlib
import io
from datetime import UTC, date, datetime

import pytest
from PIL import Image

from card_profiles.lds import com, dg2, dg11, dg12, image_header, sod
from card_profiles.lds.com import Com
from card_profiles.lds.dg2 import ColourSpace, Gender, ImageType, Portrait, SourceType
from card_profiles.lds.dg11 import Dg11
from card_profiles.lds.dg12 import Dg12
from card_profiles.lds.image_header import ImageFormat
from card_profiles.lds.sod import LdsSecurityObject
from keys.errors import DecodeError


def picture(form: str, size: tuple[int, int] = (30, 40), mode: str = "RGB", **options: object) -> bytes:
    """A small image file."""
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert(mode).save(buffer, form, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("form", "options", "expected", "media_type"),
    [
        ("JPEG", {}, ImageFormat.JPEG, "image/jpeg"),
        ("JPEG", {"progressive": True}, ImageFormat.JPEG, "image/jpeg"),
        ("JPEG", {"restart_marker_rows": 1, "comment": b"x"}, ImageFormat.JPEG, "image/jpeg"),
        ("JPEG2000", {}, ImageFormat.JPEG2000, "image/jp2"),
        ("JPEG2000", {"no_jp2": True, "tile_size": (16, 16)}, ImageFormat.JPEG2000, "image/j2c"),
    ],
)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_portraits(form: str, options: dict[str, object], expected: ImageFormat, media_type: str, mode: str) -> None:
    portrait = Portrait(image=picture(form, (30, 41), mode, **options))
    header = portrait.header
    assert (header.format, header.width, header.height) == (expected, 30, 41)
    assert portrait.media_type == media_type
    assert dg2.decode(dg2.encode(portrait)) == portrait


def test_a_portrait_with_everything_said() -> None:
    portrait = Portrait(
        image=picture("JPEG"),
        image_type=ImageType.TOKEN_FRONTAL,
        gender=Gender.FEMALE,
        colour_space=ColourSpace.SRGB,
        source_type=SourceType.DIGITAL_CAMERA,
        quality=80,
    )
    assert dg2.decode(dg2.encode(portrait)) == portrait


@pytest.mark.parametrize("form", ["PNG", "GIF", "BMP", "WEBP", "TIFF"])
def test_other_image_formats_are_refused(form: str) -> None:
    with pytest.raises(ValueError):
        Portrait(image=picture(form))


def test_colours_that_portraits_do_not_have() -> None:
    with pytest.raises(DecodeError):
        image_header.read(picture("JPEG", mode="CMYK"))
    with pytest.raises(DecodeError):
        image_header.read(picture("JPEG2000", mode="RGBA"))


def test_too_large_a_portrait() -> None:
    with pytest.raises(ValueError):
        Portrait(image=picture("JPEG", (image_header.MAX_SIDE + 1, 1)))
    noise = Image.effect_noise((300, 400), 100)
    buffer = io.BytesIO()
    noise.save(buffer, "JPEG", quality=95)
    with pytest.raises(ValueError):
        Portrait(image=buffer.getvalue())
    with pytest.raises(ValueError):
        Portrait(image=picture("JPEG"), quality=65536)


def test_the_largest_portrait_fills_the_file() -> None:
    image = picture("JPEG")
    room = dg2.MAX_IMAGE - len(image) - 4
    comment = b"\xff\xfe" + (room + 2).to_bytes(2) + bytes(room)
    largest = image[:2] + comment + image[2:]
    assert len(dg2.encode(Portrait(image=largest))) == dg2.MAX_SIZE
    with pytest.raises(ValueError):
        Portrait(image=image[:2] + b"\xff\xfe" + (room + 3).to_bytes(2) + bytes(room + 1) + image[2:])


def test_com_lists_data_groups_by_their_tags() -> None:
    raw = com.encode(Com(data_groups=(1, 2, 11, 12, 14)))
    assert raw == bytes.fromhex("60175F0104303130385F36063034303030305C0561756B6C6E")
    every = Com(data_groups=tuple(range(1, 17)))
    assert com.decode(com.encode(every)) == every
    assert len(com.encode(every)) <= com.MAX_SIZE


@pytest.mark.parametrize(
    "values",
    [
        {"data_groups": ()},
        {"data_groups": (2, 1)},
        {"data_groups": (1, 1)},
        {"data_groups": (0,)},
        {"data_groups": (17,)},
        {"data_groups": (1,), "lds_version": "107"},
        {"data_groups": (1,), "unicode_version": "04000x"},
        {"data_groups": (1,), "lds_version": "٠١٠٧"},
    ],
)
def test_what_no_com_can_say(values: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        Com(**values)  # type: ignore[arg-type]


def test_dg11_with_everything() -> None:
    details = Dg11(
        name="阿不都热合曼·买买提",
        other_names=("ئابدۇراخمان مەمەت", "ABUDUREHEMAN"),
        personal_number="000000197911030019",
        birth_date=date(1979, 11, 3),
        place_of_birth="乌托邦",
        permanent_address="乌托邦省绿洲地区",
        telephone="000",
        profession="厨师",
        title="Dr",
        personal_summary="维吾尔",
    )
    raw = dg11.encode(details)
    assert dg11.decode(raw) == details
    # The list has the tag of the names, not that of the object which holds them (9303-10 appendix A, sample of DG12).
    assert bytes.fromhex("5C145F0E5F0F5F105F2B5F115F425F125F135F145F15") in raw


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"name": ""},
        {"name": "A\nB"},
        {"name": "\ud800"},
        {"other_names": ("",)},
        {"other_names": ("A",) * 10},
        {"name": "晓" * 1400},
    ],
)
def test_what_no_dg11_can_say(values: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        Dg11(**values)  # type: ignore[arg-type]


def test_dg12_with_everything() -> None:
    details = Dg12(
        authority="乌托邦示例市居住证办理中心",
        issue_date=date(2026, 11, 1),
        observations="无",
        personalised_at=datetime(2026, 11, 1, 9, 5, 7),
        personalised_by="DESK-7",
    )
    raw = dg12.encode(details)
    assert b"20261101090507" in raw
    assert dg12.decode(raw) == details


@pytest.mark.parametrize(
    "values",
    [
        {"authority": ""},
        {"observations": "\x7f"},
        {"personalised_at": datetime(2026, 1, 1, tzinfo=UTC)},
        {"personalised_at": datetime(2026, 1, 1, 0, 0, 0, 1)},
        {"authority": "A" * 2048},
    ],
)
def test_what_no_dg12_can_say(values: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        Dg12(**{"authority": "A", "issue_date": date(2026, 1, 1), **values})  # type: ignore[arg-type]


@pytest.mark.parametrize("hash_algorithm", ["sha256", "sha384", "sha512"])
def test_digests_over_files_as_received(hash_algorithm: str) -> None:
    files = {14: b"n", 1: b"a", 2: b"b"}
    security_object = LdsSecurityObject.over(files, hash_algorithm=hash_algorithm)
    assert security_object == sod.decode(sod.encode(security_object))
    assert security_object.data_group_hashes[1] == hashlib.new(hash_algorithm, b"a").digest()
    assert security_object.matches(1, b"a")
    assert not security_object.matches(1, b"b")
    assert not security_object.matches(3, b"a")  # not listed: an injected data group


def test_version_0_has_no_versions() -> None:
    security_object = LdsSecurityObject(
        hash_algorithm="sha256", data_group_hashes={1: bytes(32)}, lds_version=None, unicode_version=None
    )
    raw = sod.encode(security_object)
    assert raw[2:5] == b"\x02\x01\x00"
    assert sod.decode(raw) == security_object


def test_the_record_cannot_be_changed_from_outside() -> None:
    digests = {1: bytes(32)}
    security_object = LdsSecurityObject(hash_algorithm="sha256", data_group_hashes=digests)
    digests[1] = b"\x01" * 32
    assert security_object.data_group_hashes[1] == bytes(32)


@pytest.mark.parametrize(
    "values",
    [
        {"hash_algorithm": "sha1", "data_group_hashes": {1: bytes(20)}},
        {"data_group_hashes": {}},
        {"data_group_hashes": {17: bytes(32)}},
        {"data_group_hashes": {0: bytes(32)}},
        {"data_group_hashes": {1: bytes(31)}},
        {"lds_version": None},
        {"lds_version": "18"},
        {"unicode_version": "4.0.0."},
    ],
)
def test_what_no_security_object_can_say(values: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        LdsSecurityObject(**{"hash_algorithm": "sha256", "data_group_hashes": {1: bytes(32)}, **values})  # type: ignore[arg-type]


def test_sod_wraps_one_content_info() -> None:
    cms = bytes.fromhex("3003020101")
    assert sod.unwrap(sod.wrap(cms)) == cms
    for wrong in (b"", b"\x04\x00", cms + cms, cms[:-1], b"\x30\x80\x00\x00"):
        with pytest.raises(ValueError):
            sod.wrap(wrong)
