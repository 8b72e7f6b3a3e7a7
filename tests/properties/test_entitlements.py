"""Round trips and mutations of CBOR, the entitlement files and status lists.

Decoders are total: whatever the bytes, a value or a DecodeError. What decodes encodes to bytes that decode to it again.
"""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from cbor2 import CBORTag
from hypothesis import given, settings
from hypothesis import strategies as st

from card_profiles.entitlements import catalogue
from card_profiles.entitlements.active import ActiveFile, ActiveSlot, decode_active, encode_active
from card_profiles.entitlements.catalogue import SERVICE_SECTORS, Sector
from card_profiles.entitlements.mso import MobileSecurityObject, decode_mso, encode_mso
from card_profiles.entitlements.sector_files import (
    MAX_AUTHORITY,
    MAX_LATIN,
    MAX_NATIVE,
    PermitData,
    SectorEntitlements,
    decode_item,
    encode_item,
)
from keys import cbor, status_list
from keys.envelopes import cose
from keys.errors import DecodeError
from keys.status_list import Status
from tests.permit_material import AGGREGATION_URI, KID, SIGNER, STATUS_URI, material, randomness

EXAMPLES = 3_000 if os.environ.get("SOAK") else 200
TAGS = frozenset({0, 1, 2, 24, 30, 35, 100, 258, 1004})
MATERIAL = material()

scalars = st.integers(-(2**64), 2**64 - 1) | st.binary(max_size=40) | st.text(max_size=20) | st.booleans() | st.none()
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=6)
        | st.dictionaries(st.integers(-(2**64), 2**64 - 1) | st.text(max_size=8), inner, max_size=6)
        | st.builds(CBORTag, st.sampled_from(sorted(TAGS)), inner)
    ),
    max_leaves=20,
)


@given(values)
@settings(max_examples=EXAMPLES)
def test_cbor_round_trip(value: Any) -> None:
    assert cbor.decode(cbor.encode(value), max_size=100_000, tags=TAGS) == value


@given(st.dictionaries(st.integers(-300, 70_000) | st.text(max_size=5), st.none(), max_size=20), st.randoms())
@settings(max_examples=EXAMPLES)
def test_cbor_encoding_does_not_depend_on_the_order_of_insertion(value: dict[Any, None], random: Any) -> None:
    keys = list(value)
    random.shuffle(keys)
    raw = cbor.encode(value)
    assert cbor.encode(dict.fromkeys(keys)) == raw
    encoded_keys = [cbor.encode(key) for key in cbor.decode(raw, max_size=100_000)]
    assert encoded_keys == sorted(encoded_keys)


@given(st.binary(max_size=60))
@settings(max_examples=5 * EXAMPLES)
def test_cbor_is_total_and_has_one_form_for_each_value(raw: bytes) -> None:
    try:
        value = cbor.decode(raw, max_size=60, tags=TAGS)
    except DecodeError as error:
        offset = error.offset
    else:
        # Equal up to the order of keys, which reading leaves free.
        assert sorted(cbor.encode(value)) == sorted(raw)
        return
    assert 0 <= offset <= len(raw)


@st.composite
def mutations(draw: st.DrawFn, original: bytes) -> bytes:
    """`original` with up to three bytes changed, removed or put in."""
    raw = bytearray(original)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(raw) - 1))
        match draw(st.sampled_from(("change", "remove", "insert", "cut"))):
            case "change":
                raw[place] = draw(st.integers(0, 255))
            case "remove":
                del raw[place : place + draw(st.integers(1, 4))]
            case "insert":
                raw[place:place] = draw(st.binary(min_size=1, max_size=4))
            case "cut":
                del raw[place + 1 :]
        if not raw:
            raw.append(0)
    return bytes(raw)


@given(mutations(cbor.encode({1: [1, {"a": b"x" * 30}], "k": "zürich", -5: True, "t": CBORTag(24, b"\x01")})))
@settings(max_examples=2 * EXAMPLES)
def test_cbor_mutations(raw: bytes) -> None:
    try:
        value = cbor.decode(raw, max_size=200, tags=TAGS)
    except DecodeError:
        return
    assert sorted(cbor.encode(value)) == sorted(raw)


@given(mutations(encode_mso(MATERIAL.mso)))
@settings(max_examples=2 * EXAMPLES)
def test_mso_mutations(raw: bytes) -> None:
    try:
        mso = decode_mso(raw)
    except DecodeError:
        return
    assert decode_mso(encode_mso(mso)) == mso


@pytest.mark.parametrize("sector", [Sector.PERMIT, Sector.HEALTH])
@given(data=st.data())
@settings(max_examples=EXAMPLES)
def test_item_mutations(sector: Sector, data: st.DataObject) -> None:
    raw = data.draw(mutations(MATERIAL.items[sector]))
    try:
        item = decode_item(raw, sector)
    except DecodeError:
        return
    assert item.value.sector is sector


times = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1)).map(
    lambda time: time.replace(microsecond=0, tzinfo=UTC)
)
ascii_text = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=128)


@st.composite
def msos(draw: st.DrawFn) -> MobileSecurityObject:
    signed = draw(times)
    valid_from = signed + timedelta(seconds=draw(st.integers(0, 10**8)))
    return replace(
        MATERIAL.mso,
        value_digests={number: draw(st.binary(min_size=32, max_size=32)) for number in range(3, 13)},
        signed=signed,
        valid_from=valid_from,
        valid_until=valid_from + timedelta(seconds=draw(st.integers(1, 10**9))),
        status_index=draw(st.integers(0, 2**32 - 1)),
        status_uri=draw(ascii_text),
    )


@given(msos())
@settings(max_examples=EXAMPLES)
def test_mso_round_trip(mso: MobileSecurityObject) -> None:
    raw = encode_mso(mso)
    assert decode_mso(raw) == mso
    assert encode_mso(decode_mso(raw)) == raw


def _texts(limit: int, *, minimum: int = 1) -> st.SearchStrategy[str]:
    letters = st.characters(categories=("L", "N", "P"), include_characters=" ·")
    return st.text(letters, min_size=minimum, max_size=limit).filter(
        lambda text: text.isprintable() and len(text.encode()) <= limit
    )


permits = st.builds(
    PermitData,
    number=st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=1, max_size=20),
    name_native=_texts(MAX_NATIVE, minimum=0),
    name_latin=_texts(MAX_LATIN),
    birth_date=st.dates(date(1850, 1, 1), date(2100, 1, 1)),
    sex=st.sampled_from("FMX"),
    permit_class=st.sampled_from((1, 2, 3)),
    authority=_texts(MAX_AUTHORITY),
    portrait_sha256=st.binary(min_size=32, max_size=32),
    portrait_length=st.integers(1, 2**16 - 1),
)


@given(permits)
@settings(max_examples=EXAMPLES)
def test_permit_round_trip(permit: PermitData) -> None:
    raw = encode_item(permit, random=randomness())
    assert len(raw) <= 446  # two short READ BINARY
    assert decode_item(raw, Sector.PERMIT).value == permit


@st.composite
def sectors(draw: st.DrawFn) -> SectorEntitlements:
    sector = draw(st.sampled_from(SERVICE_SECTORS))
    codes = st.integers(0, 99).map(lambda number: f"{sector.letter}{number:02}")
    return SectorEntitlements(sector=sector, services=draw(st.dictionaries(codes, st.dates(), max_size=32)))


@given(sectors())
@settings(max_examples=EXAMPLES)
def test_sector_round_trip(value: SectorEntitlements) -> None:
    raw = encode_item(value, random=randomness())
    assert decode_item(raw, value.sector).value == value


@given(st.binary(min_size=27, max_size=31) | st.binary(min_size=28, max_size=28).map(lambda tail: b"\x01" + tail))
@settings(max_examples=EXAMPLES)
def test_active_is_total_and_exact(raw: bytes) -> None:
    try:
        active = decode_active(raw)
    except DecodeError:
        return
    assert encode_active(active) == raw


@given(
    st.sampled_from((ActiveSlot.A, ActiveSlot.B)),
    st.integers(1, 2**32 - 1),
    st.tuples(*[st.integers(1, 2**16 - 1)] * 11, st.integers(0, 2**16 - 1)),
)
@settings(max_examples=EXAMPLES)
def test_active_round_trip(slot: ActiveSlot, counter: int, lengths: tuple[int, ...]) -> None:
    active = ActiveFile(slot=slot, update_counter=counter, lengths=lengths)
    assert decode_active(encode_active(active)) == active


@given(st.text(max_size=8))
@settings(max_examples=EXAMPLES)
def test_any_text_is_a_known_code_or_named_unknown(code: str) -> None:
    known = catalogue.load()
    if code in known.services:
        assert known.service(code).code == code
    else:
        with pytest.raises(catalogue.UnknownServiceCode):
            known.service(code)


@given(
    st.binary(max_size=80)
    | mutations(b'{"format":"residence-permit-catalogue-1","version":1,"services":[],"rights":[]}')
)
@settings(max_examples=EXAMPLES)
def test_catalogue_is_total(raw: bytes) -> None:
    try:
        catalogue.parse(raw)
    except DecodeError:
        return


@given(st.dictionaries(st.integers(0, 255), st.sampled_from(Status), max_size=40))
@settings(max_examples=EXAMPLES)
def test_status_round_trip(entries: dict[int, Status]) -> None:
    shard = _verify(_build(entries))
    assert [shard.lookup(index) for index in range(256)] == [entries.get(index, Status.VALID) for index in range(256)]


@given(
    st.dictionaries(st.integers(0, 63), st.sampled_from(Status)),
    st.dictionaries(st.integers(0, 63), st.sampled_from(Status)),
)
@settings(max_examples=EXAMPLES)
def test_succession_is_what_the_rule_says_entry_by_entry(before: dict[int, Status], after: dict[int, Status]) -> None:
    expected = all(after.get(index) is Status.INVALID for index, status in before.items() if status is Status.INVALID)
    assert _verify(_build(after)).succeeds(_verify(_build(before))) is expected


@given(st.lists(st.integers(0, 255), min_size=1, max_size=40), st.sampled_from((1, 2, 4, 8)))
@settings(max_examples=EXAMPLES)
def test_packing(statuses: list[int], bits: int) -> None:
    size = -(-len(statuses) // 8) * 8
    entries = {index: status % (1 << bits) for index, status in enumerate(statuses)}
    packed = status_list.pack(entries, size=size, bits=bits)
    assert {index: status_list.entry(packed, index, bits) for index in entries} == entries


@given(mutations(b"\x78\xda\x3b\xe9\xf2\x13\x00\x03\xdf\x02\x07"))
@settings(max_examples=EXAMPLES)
def test_inflate_is_total_and_bounded(raw: bytes) -> None:
    try:
        assert 1 <= len(status_list.inflate(raw, 10)) <= 10
    except DecodeError:
        return


def _build(entries: dict[int, Status]) -> bytes:
    return status_list.build(
        entries,
        size=256,
        uri=STATUS_URI,
        iat=datetime(2026, 7, 1, tzinfo=UTC),
        exp=datetime(2026, 7, 8, tzinfo=UTC),
        ttl=43_200,
        aggregation_uri=AGGREGATION_URI,
        kid=KID,
        sign=cose.raw_signer(SIGNER),
    )


def _verify(raw: bytes) -> status_list.StatusList:
    return status_list.verify(raw, SIGNER.public_key(), STATUS_URI)


def test_dates_of_a_permit_reach_back_and_forth() -> None:
    for day in (date.min, date(1969, 12, 31), date(1970, 1, 1), date.max):
        value = SectorEntitlements(sector=Sector.LEGAL, services={"L01": day})
        assert decode_item(encode_item(value, random=randomness()), Sector.LEGAL).value == value
