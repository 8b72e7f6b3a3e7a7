"""Files of the logical data structure as ICAO Doc 9303-10 prints them, and one whose lengths had to be set right."""

from __future__ import annotations

from datetime import date

from card_profiles.lds import com, dg1, dg11, dg12, sod
from card_profiles.lds.com import Com

from .test_mrz import D2_SHORT


def test_ef_com_of_9303_10_and_9303_11_d4() -> None:
    raw = bytes.fromhex("60145F0104303130365F36063034303030305C026175")
    assert com.decode(raw) == Com(lds_version="0106", unicode_version="040000", data_groups=(1, 2))
    assert com.encode(com.decode(raw)) == raw


def test_dg1_is_5f1f_in_61() -> None:
    raw = bytes.fromhex("615D5F1F5A") + D2_SHORT.encode()
    assert dg1.encode(dg1.decode(raw)) == raw


def test_dg11_of_9303_10_a5() -> None:
    # Printed with 6B63 and 5F120E; the values that stand there have 60 and 0B.
    raw = (
        bytes.fromhex("6B605C0A5F0E5F115F425F125F13")
        + (b"\x5f\x0e\x0dSMITH<<JOHN<J\x5f\x11\x0aANYTOWN<MN\x5f\x42\x17123 MAPLE RD<ANYTOWN<MN")
        + (b"\x5f\x12\x0b16125551212\x5f\x13\x0cTRAVEL<AGENT")
    )
    details = dg11.decode(raw)
    assert (details.name, details.place_of_birth, details.profession) == ("SMITH<<JOHN<J", "ANYTOWN<MN", "TRAVEL<AGENT")
    assert (details.permanent_address, details.telephone) == ("123 MAPLE RD<ANYTOWN<MN", "16125551212")
    assert dg11.encode(details) == raw


def test_dg12_of_9303_10_a6_without_the_other_person() -> None:
    # The printed sample has a third element, 5F1A (another person), which we neither write nor read.
    raw = bytes.fromhex("6C2C5C045F195F26") + b"\x5f\x19\x18UNITED STATES OF AMERICA\x5f\x26\x0820020531"
    details = dg12.decode(raw)
    assert (details.authority, details.issue_date) == ("UNITED STATES OF AMERICA", date(2002, 5, 31))
    assert dg12.encode(details) == raw


def test_lds_security_object_in_der() -> None:
    # 9303-10 §4.6.2.3, written by hand: version 1, SHA-256 without parameters, DG1 and DG2, versions 0108, 040000.
    raw = bytes.fromhex(
        "3070 020101 300B 0609608648016503040201"
        f"304E 3025 020101 0420 {'11' * 32} 3025 020102 0420 {'22' * 32}"
        "300E 1304 30313038 1306 303430303030"
    )
    digests = {1: b"\x11" * 32, 2: b"\x22" * 32}
    expected = sod.LdsSecurityObject(hash_algorithm="sha256", data_group_hashes=digests)
    assert sod.encode(expected) == raw
    assert sod.decode(raw) == expected
