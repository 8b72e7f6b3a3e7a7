"""Names in A to Z: nothing guessed, nothing silently lost."""

from __future__ import annotations

import pytest

from card_profiles.lds.transliteration import Spelling, TransliterationError, identifiers, spelling_for, transliterate


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Þórðarson-Strauß", "THORDARSON STRAUSS"),
        ("Søren Ægir", "SOEREN AEGIR"),
        ("Åsa Ñandú Œuvre Ĳsbrand", "AASA NANDU OEUVRE IJSBRAND"),
        ("Łukasz Ħal Ŋ ı İ", "LUKASZ HAL N I I"),
        ("Nguyễn Thị Hồng Ánh", "NGUYEN THI HONG ANH"),
        ("Trần Đình", "TRAN DINH"),
        ("JIAN’AN", "JIANAN"),
        ("Xi'an", "XIAN"),
        ("ＣＨＥＮ\u3000ｘｉａｏｗｅｎ", "CHEN XIAOWEN"),
        ("ABUDUREHEMAN·MAIMAITI", "ABUDUREHEMAN MAIMAITI"),
        ("J. (Bob) Smith", "J BOB SMITH"),
        ("u\u0308ber", "UEBER"),  # decomposed
        ("", ""),
        ("  ", ""),
        ("Игорь Ёлкин", "IGOR ELKIN"),
    ],
)
def test_names(name: str, expected: str) -> None:
    assert transliterate(name) == expected


@pytest.mark.parametrize(
    ("name", "characters"),
    [
        ("陈晓雯陈", ("陈", "晓", "雯")),
        ("CHEN 2", ("2",)),
        ("CHEN３", ("3",)),
        ("A+B", ("+",)),
        ("Өткір", ("Ө",)),
        ("山田 たろう", ("山", "田", "た", "ろ", "う")),
        ("A\u0000", ("\u0000",)),
        ("A\ud800", ("\ud800",)),
        ("'", ()),
        ("\u0651", ("\u0651",)),  # shadda with nothing to double
        ("A\U0001f600", ("\U0001f600",)),
    ],
)
def test_what_has_no_form_is_named(name: str, characters: tuple[str, ...]) -> None:
    with pytest.raises(TransliterationError) as caught:
        transliterate(name)
    assert caught.value.characters == characters
    assert caught.value.text == name
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("accent", "ǕǗǙǛÜ")
def test_u_diaeresis_in_any_tone(accent: str) -> None:
    assert transliterate(f"L{accent}", Spelling.PINYIN) == "LYU"
    assert transliterate(f"L{accent}") == "LUE"


def test_the_native_name_tells_the_spelling() -> None:
    assert spelling_for("吕思远") is Spelling.PINYIN
    assert spelling_for("\U00020000") is Spelling.PINYIN  # extension B
    assert spelling_for("Müller") is Spelling.ICAO
    assert spelling_for("") is Spelling.ICAO


def test_a_single_name_is_the_primary_identifier() -> None:
    assert identifiers("", "Cairangzhuoma") == ("CAIRANGZHUOMA", "")
    assert identifiers("Chen", "Xiao Wen") == ("CHEN", "XIAO WEN")


def test_no_name_at_all() -> None:
    with pytest.raises(TransliterationError):
        identifiers(" ", "")
