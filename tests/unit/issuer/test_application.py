"""The application parser: one record, or every mistake at once."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from issuer.application import is_citizen_number, parse, parse_date
from issuer.errors import ApplicationRefused, Fault, Mistake

TODAY = date(2026, 11, 21)


def application(**changes: Any) -> dict[str, Any]:
    tree: dict[str, Any] = {
        "permit_number": "CN3306000123",
        "document_number": "RP0000123",
        "names": {"native": "吕小丽", "latin_surname": "Lü", "latin_given": "Xiaoli"},
        "sex": "F",
        "birth_date": "1990-03-07",
        "nationality": "CHN",
        "ethnicity": "汉族",
        "personal_number": "11010519900307002X",
        "hukou_address": "贵州省贵阳市云岩区中华北路1号",
        "address": "浙江省绍兴市越城区解放路2号",
        "permit_class": 2,
        "valid_from": "today",
        "endorsed_until": "+1y",
        "expiry_date": "+5y",
        "entitlements": {"H01": "+1y", "E02": "2027-08-31"},
    }
    tree.update(changes)
    return {name: value for name, value in tree.items() if value is not ...}


def read(tree: Any, **keywords: Any) -> Any:
    return parse(json.dumps(tree, ensure_ascii=False).encode(), today=TODAY, **keywords)


def mistakes(tree: Any) -> set[tuple[str, Fault]]:
    with pytest.raises(ApplicationRefused) as refused:
        read(tree)
    return {(mistake.field, mistake.fault) for mistake in refused.value.mistakes}


def _check_character(first: str) -> str:
    return next(first + last for last in "0123456789X" if is_citizen_number(first + last))


PERSONAL = _check_character("11010519900307002")


def good(**changes: Any) -> dict[str, Any]:
    return application(**{"personal_number": PERSONAL, **changes})


def test_a_complete_application() -> None:
    record = read(good())
    assert (record.primary, record.secondary) == ("LYU", "XIAOLI")  # Ü of a Chinese name
    assert record.valid_from == TODAY
    assert record.endorsed_until == date(2027, 11, 21)
    assert record.expiry_date == date(2031, 11, 21)
    assert record.entitlements == (("E02", date(2027, 8, 31)), ("H01", date(2027, 11, 21)))
    number, birth, expiry = record.mrz_information[:10], record.mrz_information[10:17], record.mrz_information[17:]
    assert (number[:9], birth[:6], expiry[:6]) == ("RP0000123", "900307", "311121")


def test_a_resume_counts_from_the_day_on_which_the_card_was_begun() -> None:
    record = read(good(), start=date(2026, 11, 19))
    assert record.valid_from == date(2026, 11, 19)
    assert record.expiry_date == date(2031, 11, 19)


def test_every_mistake_at_once() -> None:
    tree = good(
        permit_number="x",
        sex="W",
        names={"native": "Иван", "latin_surname": "王", "latin_given": "Ivan"},
        birth_date="07.03.1990",
        address=...,
        entitlements={"H99": "+1y", "H01": "soon"},
        hobby="chess",
    )
    assert mistakes(tree) == {
        ("permit_number", Fault.NOT_A_PERMIT_NUMBER),
        ("sex", Fault.NOT_A_SEX),
        ("names.latin_surname", Fault.NO_TRANSLITERATION),
        ("birth_date", Fault.NOT_A_DATE),
        ("address", Fault.MISSING),
        ("entitlements.H99", Fault.UNKNOWN_SERVICE),
        ("entitlements.H01", Fault.NOT_A_DATE),
        ("hobby", Fault.UNKNOWN_FIELD),
    }


@pytest.mark.parametrize(
    ("changes", "field", "fault"),
    [
        ({"permit_number": "AB-123"}, "permit_number", Fault.NOT_A_PERMIT_NUMBER),
        ({"permit_number": ""}, "permit_number", Fault.EMPTY),
        ({"permit_number": 123}, "permit_number", Fault.NOT_TEXT),
        ({"document_number": "a1"}, "document_number", Fault.NOT_A_DOCUMENT_NUMBER),
        ({"nationality": "CN", "personal_number": ...}, "nationality", Fault.NOT_A_COUNTRY),
        ({"permit_class": True}, "permit_class", Fault.NOT_A_CLASS),
        ({"permit_class": 4}, "permit_class", Fault.NOT_A_CLASS),
        ({"permit_class": "2"}, "permit_class", Fault.NOT_A_CLASS),
        ({"personal_number": "11010519900307003X"}, "personal_number", Fault.NOT_A_PERSONAL_NUMBER),
        ({"birth_date": "1990-03-08"}, "personal_number", Fault.PERSONAL_NUMBER_BIRTH_DATE),
        ({"birth_date": "2026-11-22", "personal_number": ...}, "birth_date", Fault.BORN_IN_THE_FUTURE),
        ({"birth_date": "today", "personal_number": ...}, "birth_date", Fault.NOT_A_DATE),
        ({"endorsed_until": "2026-11-20"}, "endorsed_until", Fault.IN_THE_PAST),
        ({"endorsed_until": "+6y", "entitlements": {}}, "endorsed_until", Fault.AFTER_EXPIRY),
        ({"expiry_date": "+11y"}, "expiry_date", Fault.TOO_FAR_AHEAD),
        ({"valid_from": "2028-01-01", "entitlements": {}}, "valid_from", Fault.TOO_FAR_AHEAD),
        ({"entitlements": {"H01": "2032-01-01"}}, "entitlements.H01", Fault.AFTER_EXPIRY),
        ({"entitlements": {"H01": "2026-01-01"}}, "entitlements.H01", Fault.NOT_AFTER_START),
        ({"entitlements": []}, "entitlements", Fault.NOT_AN_OBJECT),
        ({"names": "Lü"}, "names", Fault.NOT_AN_OBJECT),
        ({"address": "x\u202ey"}, "address", Fault.CONTROL_CHARACTER),
        ({"address": "\ud800"}, "address", Fault.CONTROL_CHARACTER),
        ({"address": "路" * 81}, "address", Fault.TOO_LONG),
    ],
)
def test_one_mistake(changes: dict[str, Any], field: str, fault: Fault) -> None:
    raw = json.dumps(good(**changes)).encode()
    with pytest.raises(ApplicationRefused) as refused:
        parse(raw, today=TODAY)
    assert [(mistake.field, mistake.fault) for mistake in refused.value.mistakes] == [(field, fault)]


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        (b"", Fault.NOT_JSON),
        (b"\xff\xfe", Fault.NOT_JSON),
        (b"[" * 100_000, Fault.TOO_LARGE),
        (b"[" * 60_000, Fault.NOT_JSON),
        (b"[]", Fault.NOT_AN_OBJECT),
        (b"1e400", Fault.NOT_AN_OBJECT),
    ],
)
def test_no_application_at_all(raw: bytes, fault: Fault) -> None:
    with pytest.raises(ApplicationRefused) as refused:
        parse(raw, today=TODAY)
    assert [mistake.fault for mistake in refused.value.mistakes] == [fault]


def test_a_field_that_stands_twice() -> None:
    raw = json.dumps(good()).encode().replace(b'"sex": "F"', b'"sex": "F", "sex": "M"')
    with pytest.raises(ApplicationRefused) as refused:
        parse(raw, today=TODAY)
    assert refused.value.mistakes == (Mistake(field="sex", fault=Fault.DUPLICATE),)


def test_a_holder_with_one_name() -> None:
    tree = good(names={"native": "Suharto", "latin_surname": "Suharto", "latin_given": ""})
    record = read(tree)
    assert (record.primary, record.secondary) == ("SUHARTO", "")


@pytest.mark.parametrize(
    ("start", "text", "expected"),
    [
        (date(2028, 2, 29), "+1y", date(2029, 2, 28)),
        (date(2026, 8, 31), "+6m", date(2027, 2, 28)),
        (date(2026, 12, 31), "+1d", date(2027, 1, 1)),
        (date(2026, 12, 31), "+12m", date(2027, 12, 31)),
    ],
)
def test_intervals(start: date, text: str, expected: date) -> None:
    assert parse_date(text, start=start) == expected


@given(st.dates(max_value=date(2200, 1, 1)), st.integers(0, 1200))
def test_months_never_run_past_the_month(start: date, months: int) -> None:
    later = parse_date(f"+{months}m", start=start)
    assert (later.year * 12 + later.month) - (start.year * 12 + start.month) == months
    assert later.day <= start.day


@given(st.binary(max_size=200))
def test_any_bytes_give_mistakes_and_no_other_error(raw: bytes) -> None:
    with pytest.raises(ApplicationRefused):
        parse(raw, today=TODAY)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(sorted(application())), JSON)
def test_any_value_in_any_field_gives_a_record_or_mistakes(field: str, value: Any) -> None:
    found: tuple[Mistake, ...] = ()
    record = None
    try:
        record = parse(json.dumps(good(**{field: value})).encode(), today=TODAY)
    except ApplicationRefused as refused:
        found = refused.mistakes
    assert (record is None) == bool(found)
