"""The content of a printed code: what goes in, what never does, how it is made to fit; base45 and zlib."""

from __future__ import annotations

import zlib
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from card_profiles import printed_code
from card_profiles.entitlements.catalogue import Sector, load
from card_profiles.printed_code import CUT, MAX_TEXT, OPEN_SERVICES, DoesNotFit, PrintedCode
from keys.errors import DecodeError
from tests.factory import authority
from tests.printed_codes import CODE, text

SIGNER = authority().entitlement_signer
KID = SIGNER.kid
HAN = "欧阳慕容司徒上官诸葛东方夏侯皇甫尉迟公孙长孙宇文赫连"
EVERY_OPEN = dict.fromkeys(OPEN_SERVICES, date(2027, 3, 28))


def read(code: PrintedCode) -> PrintedCode:
    """Printed and read again."""
    decoded = printed_code.decode(text(code))
    decoded.envelope.verify(SIGNER.private_key.public_key())
    return decoded.code


def test_what_is_printed_is_read() -> None:
    assert read(CODE) == CODE
    for changed in (
        replace(CODE, services={}),
        replace(CODE, services=None),
        replace(CODE, services={"C01": date(2026, 1, 1), "C02": date(2027, 1, 1), "P02": date(2026, 1, 1)}),
        replace(CODE, name_native="", sex="X", permit_class=3),
        replace(CODE, document_number="X1234567890123", status_uri="http://status.example/7"),
        replace(CODE, valid_from=CODE.signed + timedelta(days=3)),
    ):
        assert read(changed) == changed


def test_it_opens_the_chip() -> None:
    assert CODE.mrz_password() == "RP0402137" + "7" + "910314" + "4" + "310520" + "5"


# --- what never goes in


def test_no_service_that_tells_of_its_holder_is_open() -> None:
    """Family planning as a sector; aid, unemployment, strife, housing and membership by name."""
    assert not any(Sector.of_code(code) is Sector.FAMILY for code in OPEN_SERVICES)
    telling = {"H03", "H04", "H07", "H08", "E04", "J01", "J05", "R01", "L01", "L02", "L03", "L04", "C04", "P01"}
    assert not OPEN_SERVICES & telling
    assert load().services.keys() >= OPEN_SERVICES


@pytest.mark.parametrize("code", ["F01", "H01", "E04", "Z99", "C3", "", "C03 "])
def test_any_other_service_is_refused(code: str) -> None:
    with pytest.raises(ValueError):
        replace(CODE, services={code: date(2027, 1, 1)})


def test_no_address_and_no_portrait() -> None:
    assert not {name for name in PrintedCode.__dataclass_fields__ if "address" in name or "portrait" in name}


# --- one symbol size


def test_what_fits_is_not_shortened() -> None:
    assert printed_code.fitted(CODE, kid=KID) == CODE


def test_the_order_of_shortening() -> None:
    latin = replace(
        CODE, name_latin="ABUDUREHEMAN ABUDUKELIMU MAIMAITIAILI, AYIGULI NUERBIYE ZUOREGULI", name_native=HAN[:4]
    )
    fitted = printed_code.fitted(replace(latin, services=EVERY_OPEN), kid=KID)
    assert len(fitted.name_latin) <= 31
    assert fitted.name_native == latin.name_native
    longer = printed_code.fitted(replace(latin, services=EVERY_OPEN, name_native=HAN[:12]), kid=KID)
    assert longer.services is None
    assert longer.name_native == HAN[:12]
    longest = printed_code.fitted(replace(latin, services=EVERY_OPEN, name_native=HAN), kid=KID)
    assert longest.services is None
    assert longest.name_native.endswith(CUT)
    assert HAN.startswith(longest.name_native.removesuffix(CUT))
    assert len(longest.name_native) > 8


def test_what_can_not_be_made_to_fit_is_refused_before_signing() -> None:
    def sign(_: bytes) -> bytes:
        raise AssertionError("signed")

    with pytest.raises(DoesNotFit) as refused:
        printed_code.encode(replace(CODE, status_uri="https://" + "s" * 120), sign=sign, kid=bytes(64))
    assert refused.value.length > MAX_TEXT


NAMES = st.text(st.characters(categories=("Lu", "Ll", "Lo")), max_size=28).filter(lambda name: len(name.encode()) <= 84)
LATIN = st.from_regex(r"[A-Z]{1,12}( [A-Z]{1,9}){0,2}(, [A-Z]{1,12}( [A-Z]{1,9}){0,2})?", fullmatch=True)


@given(
    native=NAMES, latin=LATIN, services=st.sets(st.sampled_from(sorted(OPEN_SERVICES))), index=st.integers(0, 2**32 - 1)
)
def test_every_name_fits_or_is_cut(native: str, latin: str, services: set[str], index: int) -> None:
    code = replace(
        CODE,
        name_native=native,
        name_latin=latin,
        services=dict.fromkeys(services, date(2027, 3, 28)),
        status_index=index,
    )
    printed = text(code)
    assert len(printed) <= MAX_TEXT
    assert printed_code.decode(printed).code == printed_code.fitted(code, kid=KID)


# --- records that no code can say


@pytest.mark.parametrize(
    "wrong",
    [
        {"document_number": "x1"},
        {"name_latin": ""},
        {"name_native": "\u202e陈"},
        {"name_native": "陈" * 29},
        {"permit_number": "RP-1"},
        {"permit_number": "R" * 21},
        {"permit_class": 4},
        {"sex": "?"},
        {"valid_until": CODE.valid_from},
        {"signed": CODE.signed.replace(microsecond=1)},
        {"signed": CODE.signed.replace(tzinfo=None)},
        {"status_index": -1},
        {"status_uri": "permits.example/status/0"},
        {"status_uri": "https://é"},
    ],
)
def test_values_out_of_range(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        replace(CODE, **wrong)  # type: ignore[arg-type]


# --- base45 (RFC 9285 §4.3, §4.4, §6) and zlib


@pytest.mark.parametrize(
    ("data", "encoded"),
    [(b"AB", "BB8"), (b"Hello!!", "%69 VD92EX0"), (b"base-45", "UJCLQE7W581"), (b"ietf!", "QED8WEX0")],
)
def test_base45_vectors(data: bytes, encoded: str) -> None:
    assert printed_code.base45_encode(data) == encoded
    assert printed_code.base45_decode(encoded) == data


@pytest.mark.parametrize("wrong", ["A", "BB8A", "GGW", "::", "bb8", "BB8\n", "BB\u00bd"])
def test_base45_refuses(wrong: str) -> None:
    with pytest.raises(DecodeError):
        printed_code.base45_decode(wrong)


@given(st.binary(max_size=300))
def test_wrapping_goes_both_ways_and_zlib_reads_it(raw: bytes) -> None:
    assert printed_code.base45_decode(printed_code.base45_encode(raw)) == raw
    packed = printed_code.deflate(raw)
    assert zlib.decompress(packed) == raw
    assert packed[2] & 7 == 0b011  # last block, fixed codes: never stored
