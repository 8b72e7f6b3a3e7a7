"""Round trips and mutations: what is encoded is decoded, what is decoded has one encoding, and nothing else escapes."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import date, datetime
from importlib import resources
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from card_profiles.lds import com, dg1, dg2, dg11, dg12, image_header, mrz, sod, transliteration
from card_profiles.lds.com import Com
from card_profiles.lds.dg2 import ColourSpace, Gender, ImageType, Portrait, SourceType
from card_profiles.lds.dg11 import Dg11
from card_profiles.lds.dg12 import Dg12
from card_profiles.lds.mrz import Mrz
from card_profiles.lds.sod import LdsSecurityObject
from keys.errors import DecodeError

settings.register_profile("lds", max_examples=4_000 if os.environ.get("SOAK") else 200, deadline=None)
PROFILE = settings.get_profile("lds")

UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
ALNUM = UPPER + "0123456789"
IMAGES = [
    (resources.files("issuer.samples") / name).read_bytes() for name in ("01-chen-xiaowen.jpg", "05-cairangzhuoma.jp2")
]

texts = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=40)
names = st.lists(st.text(UPPER, min_size=1, max_size=20), min_size=1, max_size=7).map(" ".join)
days = st.dates(min_value=date(2000, 1, 1), max_value=date(2099, 12, 31)).map(lambda day: f"{day:%y%m%d}")
births = days | st.tuples(days, st.sampled_from([0, 2, 4])).map(lambda pair: pair[0][: pair[1]].ljust(6, "<"))
states = st.text(UPPER, min_size=1, max_size=3)
optional = st.text(ALNUM + "<", max_size=11).map(lambda text: text.rstrip("<"))


@st.composite
def zones(draw: st.DrawFn) -> Mrz:
    number = draw(st.text(ALNUM, min_size=1, max_size=22))
    return Mrz(
        document_code=draw(st.sampled_from(["I", "IR", "AR", "C", "AC", "IX"])),
        issuing_state=draw(states),
        document_number=number,
        birth_date=draw(births),
        sex=draw(st.sampled_from("FMX")),
        expiry_date=draw(days),
        nationality=draw(states),
        primary=draw(names),
        secondary=draw(st.just("") | names),
        optional_data_1=draw(optional) if len(number) <= 9 else "",
        optional_data_2=draw(optional),
    )


coms = st.sets(st.integers(1, 16), min_size=1).map(lambda numbers: Com(data_groups=tuple(sorted(numbers))))
dg11s = st.builds(
    Dg11,
    name=texts,
    other_names=st.lists(texts, max_size=9).map(tuple),
    personal_number=st.none() | texts,
    birth_date=st.none() | st.dates(),
    place_of_birth=st.none() | texts,
    permanent_address=st.none() | texts,
    telephone=st.none() | texts,
    profession=st.none() | texts,
    title=st.none() | texts,
    personal_summary=st.none() | texts,
)
dg12s = st.builds(
    Dg12,
    authority=texts,
    issue_date=st.dates(),
    observations=st.none() | texts,
    personalised_at=st.none() | st.datetimes().map(lambda moment: moment.replace(microsecond=0)),
    personalised_by=st.none() | texts,
)
portraits = st.builds(
    Portrait,
    image=st.sampled_from(IMAGES),
    image_type=st.sampled_from(ImageType),
    gender=st.sampled_from(Gender),
    colour_space=st.sampled_from(ColourSpace),
    source_type=st.sampled_from(SourceType),
    quality=st.integers(0, 0xFFFF),
)
security_objects = st.builds(
    LdsSecurityObject,
    hash_algorithm=st.just("sha256"),
    data_group_hashes=st.dictionaries(st.integers(1, 16), st.binary(min_size=32, max_size=32), min_size=1, max_size=16),
)

Codec = tuple[Callable[[Any], bytes], Callable[[bytes], Any]]
CODECS: dict[str, tuple[st.SearchStrategy[Any], Codec]] = {
    "EF.COM": (coms, (com.encode, com.decode)),
    "DG2": (portraits, (dg2.encode, dg2.decode)),
    "DG11": (dg11s, (dg11.encode, dg11.decode)),
    "DG12": (dg12s, (dg12.encode, dg12.decode)),
    "LDSSecurityObject": (security_objects, (sod.encode, sod.decode)),
}
records = st.sampled_from(sorted(CODECS)).flatmap(
    lambda name: CODECS[name][0].map(lambda record: (name, record, *CODECS[name][1]))
)


def attempt(decode: Callable[[bytes], Any], raw: bytes) -> tuple[Any, DecodeError | None]:
    """What `decode` gives, or its error. Any other error is a failure."""
    try:
        return decode(raw), None
    except DecodeError as error:
        return None, error


@PROFILE
@given(records)
def test_round_trip(case: tuple[str, Any, Callable[[Any], bytes], Callable[[bytes], Any]]) -> None:
    _, record, encode, decode = case
    assert decode(encode(record)) == record


@PROFILE
@given(records, st.data())
def test_a_changed_file_is_refused_or_means_something_else(
    case: tuple[str, Any, Callable[[Any], bytes], Callable[[bytes], Any]], data: st.DataObject
) -> None:
    _, record, encode, decode = case
    raw = bytearray(encode(record))
    at = data.draw(st.integers(0, len(raw) - 1))
    action = data.draw(st.sampled_from(["flip", "cut", "insert", "delete"]))
    if action == "flip":
        raw[at] ^= data.draw(st.integers(1, 255))
    elif action == "cut":
        del raw[at:]
    elif action == "insert":
        raw.insert(at, data.draw(st.integers(0, 255)))
    else:
        del raw[at]
    if bytes(raw) == encode(record):
        return
    read, error = attempt(decode, bytes(raw))
    if error is not None:
        assert 0 <= error.offset <= len(raw)
        return
    assert read != record
    assert encode(read) == bytes(raw)


@PROFILE
@given(st.binary(max_size=400), st.sampled_from([0x60, 0x61, 0x6B, 0x6C, 0x75, 0x77, 0x30]))
def test_decoders_are_total(tail: bytes, tag: int) -> None:
    for raw in (tail, bytes((tag, len(tail) & 0x7F)) + tail[: len(tail) & 0x7F]):
        for decode in (com.decode, dg1.decode, dg2.decode, dg11.decode, dg12.decode, sod.decode, sod.unwrap):
            try:
                decode(raw)
            except DecodeError:
                continue


@PROFILE
@given(zones())
def test_zone_round_trip(zone: Mrz) -> None:
    text = mrz.encode(zone)
    read = mrz.decode(text)
    assert mrz.encode(read) == text
    assert read.information == zone.information
    assert dg1.decode(dg1.encode(zone)) == read
    if not zone.name_may_be_truncated:
        assert read == zone


@PROFILE
@given(zones())
def test_a_name_is_whole_or_known_to_be_cut(zone: Mrz) -> None:
    read = mrz.decode(mrz.encode(zone))
    whole = (read.primary, read.secondary) == (zone.primary, zone.secondary)
    assert whole or read.name_may_be_truncated
    # Every component that is there is the beginning of the component that stands there.
    for short, full in ((read.primary, zone.primary), (read.secondary, zone.secondary)):
        assert all(b.startswith(a) for a, b in zip(short.split(), full.split(), strict=False))
    assert bool(read.secondary) == bool(zone.secondary)


@PROFILE
@given(zones(), st.integers(0, 59), st.sampled_from(ALNUM + "<"))
def test_one_wrong_character_in_the_upper_lines(zone: Mrz, at: int, character: str) -> None:
    text = mrz.encode(zone)
    changed = text[:at] + character + text[at + 1 :]
    try:
        read = mrz.decode(changed)
    except DecodeError:
        return
    assert mrz.encode(read) == changed


@PROFILE
@given(st.text(max_size=90) | st.text(ALNUM + "<", min_size=90, max_size=90))
def test_zone_decoder_is_total(text: str) -> None:
    for decode in (mrz.decode, mrz.from_lines):
        try:
            decode(text)
        except DecodeError:
            continue


@PROFILE
@given(st.text(max_size=60), st.sampled_from(transliteration.Spelling))
def test_transliteration_gives_letters_or_names_what_it_cannot(text: str, spelling: transliteration.Spelling) -> None:
    try:
        written = transliteration.transliterate(text, spelling)
    except transliteration.TransliterationError as error:
        lines = str(error).splitlines()
        written = ""
    else:
        lines = ["none"]
    assert len(lines) == 1
    assert all(component and set(component) <= set(UPPER) for component in written.split(" ") if written)


@PROFILE
@given(st.sampled_from(IMAGES), st.data())
def test_image_headers_are_total(image: bytes, data: st.DataObject) -> None:
    changed = bytearray(image)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, min(len(changed) - 1, 700)))
        changed[at] = data.draw(st.integers(0, 255))
    del changed[data.draw(st.integers(1, len(changed)) | st.just(len(changed))) :]
    try:
        header = image_header.read(bytes(changed))
    except DecodeError:
        return
    assert 1 <= header.width <= image_header.MAX_SIDE
    assert 1 <= header.height <= image_header.MAX_SIDE


def test_dates_that_only_datetime_knows() -> None:
    early = Dg12(authority="A", issue_date=date(1, 1, 1), personalised_at=datetime(1, 1, 1))
    assert dg12.decode(dg12.encode(early)) == early
