"""EF.NS.*: one item a file, sized for short reads, salted, digested as read."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import date

import pytest
from cbor2 import CBORTag

from card_profiles.entitlements.catalogue import SERVICE_SECTORS, Sector, load
from card_profiles.entitlements.sector_files import (
    MAX_ADDRESS,
    MAX_SERVICES,
    MAX_SIZE,
    SectorEntitlements,
    decode_item,
    digest,
    encode_item,
)
from card_profiles.residence_permit_v1 import PERMIT as PERMIT_APPLICATION
from keys import cbor
from keys.errors import DecodeError
from tests.permit_material import PERMIT, entitlements, material, randomness

SHORT_READ = 223


@pytest.mark.parametrize("sector", Sector)
def test_round_trip(sector: Sector) -> None:
    value = PERMIT if sector is Sector.PERMIT else entitlements(sector)
    item = decode_item(encode_item(value, random=randomness()), sector)
    assert item.value == value
    assert item.random == randomness()(16)
    assert (item.sector, item.digest_id) == (sector, sector.digest_id)


def test_structure_is_that_of_iso_18013_5() -> None:
    outer = cbor.decode(material().items[Sector.HOUSING], max_size=512, tags=frozenset({24}))
    inner = cbor.decode(outer.value, max_size=512, tags=frozenset({100}))
    assert inner.keys() == {"digestID", "random", "elementIdentifier", "elementValue"}
    assert (inner["digestID"], inner["elementIdentifier"]) == (10, "housing")
    # RFC 8943: days since 1970-01-01. R02 is only proposed.
    assert {code: tag.value for code, tag in inner["elementValue"].items()} == dict.fromkeys(
        ["R01", "R03", "R04"], (date(2027, 6, 30) - date(1970, 1, 1)).days
    )


def test_the_digest_is_over_the_file_as_read() -> None:
    raw = material().items[Sector.HEALTH]
    assert raw[:2] == b"\xd8\x18"  # tag 24 included
    assert digest(raw) == hashlib.sha256(raw).digest() == material().mso.value_digests[4]


def test_a_sector_without_services_has_a_file_all_the_same() -> None:
    empty = SectorEntitlements(sector=Sector.FAMILY, services={})
    assert decode_item(encode_item(empty, random=randomness()), Sector.FAMILY).value == empty


def test_equal_contents_have_unequal_digests() -> None:
    random = randomness()
    first, second = (encode_item(entitlements(Sector.LEGAL), random=random) for _ in range(2))
    assert digest(first) != digest(second)


def test_a_source_that_gives_too_little_randomness_is_refused() -> None:
    with pytest.raises(ValueError):
        encode_item(PERMIT, random=lambda size: bytes(size - 1))


def test_sizes_on_the_wire() -> None:
    """What a counter reads beside EF.MSO: two short reads for the permit's data, one for its own sector."""
    items = material().items
    assert len(items[Sector.PERMIT]) == 292
    assert len(items[Sector.HEALTH]) == 141
    every = SectorEntitlements(sector=Sector.HEALTH, services=dict.fromkeys(_codes(Sector.HEALTH), date(2027, 6, 30)))
    assert len(encode_item(every, random=randomness())) == 159
    assert all(len(items[sector]) <= SHORT_READ for sector in SERVICE_SECTORS)


def test_the_longest_texts_fit_two_short_reads() -> None:
    longest = replace(
        PERMIT,
        number="Z" * 20,
        name_native="汉" * 28,
        name_latin="L" * 66,
        authority="汉" * 24 + "ab",
        portrait_length=65535,
    )
    assert len(encode_item(longest, random=randomness())) == 2 * SHORT_READ


@pytest.mark.parametrize("sector", SERVICE_SECTORS)
def test_the_most_services_fit_the_file(sector: Sector) -> None:
    codes = [f"{sector.letter}{number:02}" for number in range(MAX_SERVICES)]
    full = SectorEntitlements(sector=sector, services=dict.fromkeys(codes, date.max))
    raw = encode_item(full, random=randomness())
    assert decode_item(raw, sector).value == full
    with pytest.raises(ValueError):
        SectorEntitlements(sector=sector, services={**full.services, f"{sector.letter}99": date.max})


def test_the_household_offices_read_the_address_and_nobody_else_does() -> None:
    address = "乌托邦省示例市新城区和平街道幸福社区"
    home = SectorEntitlements(sector=Sector.HOUSEHOLD, services={"P01": date(2027, 1, 1)}, address=address)
    raw = encode_item(home, random=randomness())
    assert decode_item(raw, Sector.HOUSEHOLD).value == home
    assert len(raw) <= SHORT_READ
    for sector in set(SERVICE_SECTORS) - {Sector.HOUSEHOLD}:
        with pytest.raises(ValueError):
            SectorEntitlements(sector=sector, services={}, address=address)


def test_the_longest_address_fits_the_file_with_every_service() -> None:
    codes = [f"P{number:02}" for number in range(MAX_SERVICES)]
    home = SectorEntitlements(
        sector=Sector.HOUSEHOLD, services=dict.fromkeys(codes[:16], date.max), address="汉" * (MAX_ADDRESS // 3)
    )
    assert len(encode_item(home, random=randomness())) <= MAX_SIZE[Sector.HOUSEHOLD]
    with pytest.raises(ValueError):
        replace(home, address=home.address + "汉")


@pytest.mark.parametrize("address", ["", 1, b"x", None, "a\nb", "汉" * 81])
@pytest.mark.parametrize("sector", [Sector.HOUSEHOLD, Sector.HEALTH])
def test_an_address_that_is_none_is_refused(address: object, sector: Sector) -> None:
    inner: dict[str, object] = {"digestID": sector.digest_id, "random": bytes(16), "elementIdentifier": str(sector)}
    inner["elementValue"] = {"address": address}
    raw = cbor.encode(CBORTag(24, cbor.encode(inner)))
    with pytest.raises(DecodeError):
        decode_item(raw, sector)


def test_caps_are_the_sizes_of_the_files() -> None:
    for file in PERMIT_APPLICATION.files:
        if file.element:
            assert MAX_SIZE[Sector(file.element)] == file.size


def test_a_service_of_another_sector_cannot_be_written() -> None:
    with pytest.raises(ValueError):
        SectorEntitlements(sector=Sector.EDUCATION, services={"F01": date(2027, 1, 1)})
    with pytest.raises(ValueError):
        SectorEntitlements(sector=Sector.PERMIT, services={})


@pytest.mark.parametrize("name", ["O'NEIL JÜRGEN", "ŞÜKRÜ ÇAĞLAR", "علی\u200cرضا", "ནོར་བུ།", "Nguyễn Thị Hà"])
def test_names_of_the_world_are_written_as_they_are(name: str) -> None:
    data = replace(PERMIT, name_native=name)
    item = decode_item(encode_item(data, random=randomness()), Sector.PERMIT)
    assert item.value == data


WRONG = {
    "no number": {"number": ""},
    "number with a space": {"number": "GY 2026"},
    "number in wide digits": {"number": "１２３"},
    "long number": {"number": "A" * 21},
    "no Latin name": {"name_latin": ""},
    "long Latin name": {"name_latin": "L" * 67},
    "long native name": {"name_native": "汉" * 29},
    "right-to-left override": {"name_latin": "AB\u202eCD"},
    "line break": {"authority": "a\nb"},
    "no authority": {"authority": ""},
    "lone surrogate": {"name_native": "\ud800"},
    "sex": {"sex": "f"},
    "class 0": {"permit_class": 0},
    "class 4": {"permit_class": 4},
    "short digest": {"portrait_sha256": bytes(31)},
    "no portrait": {"portrait_length": 0},
    "large portrait": {"portrait_length": 65536},
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG.keys())
def test_what_the_profile_does_not_have_cannot_be_made(change: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        replace(PERMIT, **change)  # type: ignore[arg-type]


def _codes(sector: Sector) -> list[str]:
    return [service.code for service in load().of(sector)]
