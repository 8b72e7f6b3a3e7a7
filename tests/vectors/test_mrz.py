"""Machine readable zones and names as ICAO Doc 9303 prints them."""

from __future__ import annotations

from datetime import date

import pytest

from card_profiles.lds import mrz
from card_profiles.lds.transliteration import Spelling, identifiers, transliterate

# 9303-11 appendix D.2: TD1 with a short and with a long document number, and the MRZ information made of each.
D2_SHORT = "I<UTOL898902C<3<<<<<<<<<<<<<<<6908061F9406236UTO<<<<<<<<<<<2ERIKSSON<<ANNA<MARIA<<<<<<<<<<"
D2_LONG = "I<UTOD23145890<7349<<<<<<<<<<<3407127M9507122UTO<<<<<<<<<<<2STEVENSON<<PETER<JOHN<<<<<<<<<"


@pytest.mark.parametrize(
    ("field", "digit"),
    [
        ("520727", "3"),  # 9303-3 appendix A, example 1
        ("AB2134<<<", "5"),  # example 2
        ("HA672242<658022549601086<<<<<<<<<<<<<<0", "8"),  # example 3, composite of a TD3 zone
        ("D231458907<<<<<<<<<<<<<<<34071279507122<<<<<<<<<<<", "2"),  # example 4, composite of a TD1 zone
    ],
)
def test_check_digits_of_9303_3_appendix_a(field: str, digit: str) -> None:
    assert mrz.check_digit(field) == digit


@pytest.mark.parametrize(
    ("zone", "number", "information"),
    [
        (D2_SHORT, "L898902C", "L898902C<369080619406236"),
        (D2_LONG, "D23145890734", "D23145890734934071279507122"),
    ],
)
def test_zones_of_9303_11_d2(zone: str, number: str, information: str) -> None:
    record = mrz.decode(zone)
    assert (record.document_number, record.information) == (number, information)
    assert mrz.encode(record) == zone


def test_information_of_pace_g1() -> None:
    assert mrz.mrz_information("T22000129", "640812", "101031") == "T22000129364081251010318"


def test_name_of_d2() -> None:
    record = mrz.decode(D2_SHORT)
    assert (record.primary, record.secondary, record.sex) == ("ERIKSSON", "ANNA MARIA", "F")
    assert record.born(not_after=date(2026, 1, 1)) == date(1969, 8, 6)


@pytest.mark.parametrize(
    ("surname", "given", "line"),
    [  # 9303-5 §4.2.3
        ("NILAVADHANANANDA", "CHAYAPA DEJTHAMRONG KRASUANG", "NILAVADHANANANDA<<CHAYAPA<DE<K"),
        ("PAPANDROPOULOUS", "JONATHON ALEC", "PAPANDROPOULOUS<<JONATHON<ALEC"),
        ("VAN DER MUELLEN", "MARTIN", "VAN<DER<MUELLEN<<MARTIN<<<<<<<"),
        ("AL-BASRI", "HUDA MUHAMMAD JAWAD", "AL<BASRI<<HUDA<MUHAMMAD<JAWAD<"),
        ("VILARCHAO FERNANDEZ", "JOSE RAMON", "VILARCHAO<FERNANDEZ<<JOSE<RAMO"),
        ("ARKFREITH", "", "ARKFREITH<<<<<<<<<<<<<<<<<<<<<"),
        ("SATRIYA SUDARPA", "", "SATRIYA<SUDARPA<<<<<<<<<<<<<<<"),
        ("", "ARKFREITH", "ARKFREITH<<<<<<<<<<<<<<<<<<<<<"),
    ],
)
def test_name_lines_of_9303_5(surname: str, given: str, line: str) -> None:
    assert mrz.name_field(*identifiers(surname, given)) == line


@pytest.mark.parametrize(
    "line",
    [  # 9303-5 §4.2.3.1 and §4.2.3.2: the other forms that a State may choose; we must read them all
        "NILAVADHANANANDA<<ARNPOL<PE<CH",
        "BENNELONG<WOOLOOMOOLOO<W<W<<DI",
        "BENNELONG<WOOLOOM<WA<WARN<<D<P",
        "BENNE<WOOLO<WARRA<WARNA<<DIN<P",
    ],
)
def test_other_truncations_are_read_and_known_as_such(line: str) -> None:
    record = mrz.decode(D2_SHORT[:60] + line)
    assert record.name_may_be_truncated
    assert mrz.encode(record)[60:] == line


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("D'ARTAGNAN", "DARTAGNAN"),  # 9303-3 §4.6
        ("MARIE-ELISE", "MARIE ELISE"),
        ("ANNA, MARIA", "ANNA MARIA"),
        ("Térèsa CAÑON", "TERESA CANON"),  # appendix B, with the first form of table A for Ñ
        ("Ж", "ZH"),
        ("Юлия Щеглова", "IULIIA SHCHEGLOVA"),
        ("عبّاس", "EBBAS"),  # table C, note 3: shadda
        ("فضّة", "FXDZDZXAH"),
    ],
)
def test_transliterations_of_9303_3(name: str, expected: str) -> None:
    assert transliterate(name) == expected


@pytest.mark.parametrize(
    ("spelling", "name", "expected"),
    [
        (Spelling.PINYIN, "LǙ", "LYU"),  # GB/T 28039-2011
        (Spelling.ICAO, "Müller", "MUELLER"),
        (Spelling.UKRAINIAN, "Юрій Згорський", "YURII ZHORSKYI"),
        (Spelling.BULGARIAN, "Щерев", "SHTEREV"),
        (Spelling.SERBIAN, "Жика Хаџич", "ZIKA HADZIC"),
    ],
)
def test_exceptions_by_language(spelling: Spelling, name: str, expected: str) -> None:
    assert transliterate(name, spelling) == expected
