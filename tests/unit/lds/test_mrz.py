"""The zone: what it holds, long document numbers, unknown dates, and names that do not fit."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from card_profiles.lds import mrz
from card_profiles.lds.mrz import Mrz
from keys.errors import DecodeError

HOLDER = Mrz(
    issuing_state="UTO",
    document_number="X1234567A",
    birth_date="910417",
    sex="F",
    expiry_date="311121",
    nationality="UTO",
    primary="CHEN",
    secondary="XIAOWEN",
)


def test_a_residence_permit() -> None:
    assert mrz.lines(mrz.encode(HOLDER)) == (
        "IRUTOX1234567A7<<<<<<<<<<<<<<<",
        "9104174F3111219UTO<<<<<<<<<<<8",
        "CHEN<<XIAOWEN<<<<<<<<<<<<<<<<<",
    )


@pytest.mark.parametrize("length", range(1, 23))
def test_document_numbers_up_to_22_characters(length: int) -> None:
    number = "A1B2C3D4E5F6G7H8I9J0K1"[:length]
    zone = mrz.encode(replace(HOLDER, document_number=number))
    assert mrz.decode(zone).document_number == number
    assert (zone[14] == "<") == (length > 9)


def test_optional_data_beside_a_long_number() -> None:
    record = replace(HOLDER, document_number="D23145890734", optional_data_1="AB<1", optional_data_2="Z")
    assert mrz.encode(record)[:30] == "IRUTOD23145890<7349<AB<1<<<<<<"
    assert mrz.decode(mrz.encode(record)) == record


@pytest.mark.parametrize("birth", ["<<<<<<", "91<<<<", "9104<<", "<<0229", "000229", "<<<<31"])
def test_unknown_parts_of_a_birth_date(birth: str) -> None:
    record = replace(HOLDER, birth_date=birth)
    assert mrz.decode(mrz.encode(record)) == record
    assert record.born(not_after=date(2026, 1, 1)) == (date(2000, 2, 29) if birth == "000229" else None)


@pytest.mark.parametrize(
    ("birth", "today", "born"),
    [
        ("260101", date(2026, 1, 1), date(2026, 1, 1)),
        ("260102", date(2026, 1, 1), date(1926, 1, 2)),
        ("000229", date(1999, 1, 1), None),  # 1900 had no such day
    ],
)
def test_the_century_of_a_birth(birth: str, today: date, born: date | None) -> None:
    assert replace(HOLDER, birth_date=birth).born(not_after=today) == born


def test_only_characters_of_the_zone_have_a_check_digit() -> None:
    with pytest.raises(ValueError):
        mrz.check_digit("A b")


def test_expiry_is_in_this_century() -> None:
    assert HOLDER.expires == date(2031, 11, 21)


@pytest.mark.parametrize(
    "change",
    [
        {"document_code": "P"},
        {"document_code": "IV"},
        {"document_code": "AI"},
        {"issuing_state": ""},
        {"issuing_state": "UTOP"},
        {"document_number": ""},
        {"document_number": "x1"},
        {"document_number": "A" * 23},
        {"document_number": "AB<CD<EFGH"},
        {"birth_date": "911317"},
        {"birth_date": "910230"},
        {"birth_date": "910229"},
        {"birth_date": "9104<7"},
        {"birth_date": "٩١٠٤١٧"},
        {"sex": "<"},
        {"expiry_date": "31<<<<"},
        {"expiry_date": "310431"},
        {"nationality": "U1O"},
        {"primary": ""},
        {"primary": "CHEN  X"},
        {"primary": "Chen"},
        {"primary": "CHEN2"},
        {"secondary": " X"},
        {"optional_data_1": "A" * 16},
        {"optional_data_1": "A<"},
        {"optional_data_2": "A" * 12},
        {"document_number": "A" * 22, "optional_data_1": "A"},
        {"primary": " ".join("ABCDEFGHIJKLMNOP"), "secondary": ""},
    ],
)
def test_what_no_zone_can_say(change: dict[str, str]) -> None:
    with pytest.raises(ValueError):
        replace(HOLDER, **change)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("primary", "secondary", "line"),
    [
        ("BENNELONG WOOLOOMOOLOO WARRANDYTE WARNAMBOOL", "DINGO POTOROO", "BENNELONG<WOOLOOMOOLO<W<W<<D<P"),
        ("NUERBOLATI HABUDUHALIKE JIAKESILEKE", "", "NUERBOLATI<HABUDUHALIKE<JIAKES"),
        ("A" * 40, "B" * 40, "A" * 27 + "<<B"),
        ("ABDUL", " ".join(["KARIM"] * 12), "ABDUL<<K<K<K<K<K<K<K<K<K<K<K<K"),
        ("A B C D", " ".join("EFGHIJKLMNOPQRSTUVW"), "A<B<C<D<<E<F<G<H<I<J<K<L<M<N<O"),
    ],
)
def test_truncation_keeps_initials_and_ends_with_a_letter(primary: str, secondary: str, line: str) -> None:
    assert mrz.name_field(primary, secondary) == line
    assert replace(HOLDER, primary=primary, secondary=secondary).name_may_be_truncated


def test_a_name_that_would_look_whole_is_never_written() -> None:
    # Cut at 30 this ends with a filler, as a whole name does.
    whole = "NILAVADHANANANDA<<ARNPOL<PETCH"[:-1]
    line = mrz.name_field("NILAVADHANANANDA", "ARNPOL PETC CHARONGUANG")
    assert line[-1].isalpha()
    assert not line.startswith(whole + "<")


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_lines_of_a_scanner(end: str) -> None:
    zone = mrz.encode(HOLDER)
    assert mrz.from_lines("\r\n".join(mrz.lines(zone)) + end) == HOLDER


@pytest.mark.parametrize("text", ["", "\n\n", "A" * 90, ("A" * 30 + "\n") * 4, ("A" * 30 + "\n") * 2 + "A" * 29])
def test_not_three_lines(text: str) -> None:
    with pytest.raises(DecodeError):
        mrz.from_lines(text)


def test_information_of_a_long_number_counts_it_whole() -> None:
    assert mrz.mrz_information("X12345740000HN", "950101", "311121") == "X12345740000HN395010163111219"


@pytest.mark.parametrize("values", [("", "950101", "311121"), ("X1", "950132", "311121"), ("X1", "950101", "<<<<<<")])
def test_information_of_nonsense(values: tuple[str, str, str]) -> None:
    with pytest.raises(ValueError):
        mrz.mrz_information(*values)
