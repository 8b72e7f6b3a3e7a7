"""Names in the letters of the machine readable zone: A to Z (ICAO Doc 9303-3 §4.6 and §6, tables A, B and C).

Where table A leaves a choice the first form is taken (Ä → AE, Å → AA, Ñ → N, Ö → OE, Ü → UE). A name in Chinese
characters has no table: its Latin form (pinyin) comes with the application. In pinyin, Ü is written YU, as Chinese
passports write it (GB/T 28039-2011: 吕 → LYU), so `Spelling.PINYIN` is the rule for holders whose native name is in
Chinese characters.

Letters outside the tables that are a Latin letter with marks (ễ, ǚ) give that letter; any other raises
`TransliterationError`, which names them. Nothing is guessed and nothing is silently left out but punctuation.
"""

from __future__ import annotations

import unicodedata
from enum import StrEnum


class Spelling(StrEnum):
    """By whose custom the few letters with several forms are written."""

    ICAO = "icao"
    PINYIN = "pinyin"  # Ü → YU
    BELARUSIAN = "be"
    BULGARIAN = "bg"
    MACEDONIAN = "mk"
    SERBIAN = "sr"
    UKRAINIAN = "uk"


class TransliterationError(ValueError):
    """Characters that have no form in A to Z; `characters` are these, each once, in the order of the name.

    The message is one line for a clerk.
    """

    def __init__(self, text: str, characters: tuple[str, ...]) -> None:
        named = ", ".join(f"{c} (U+{ord(c):04X})" if c.isprintable() else f"U+{ord(c):04X}" for c in characters)
        reason = f"no Latin form for {named}" if characters else "no letter in it"
        super().__init__(f"the name {text!r} cannot be written in A-Z: {reason}; give its Latin (pinyin) form")
        self.text = text
        self.characters = characters


def _table(rows: str) -> dict[str, str]:
    """`rows` of ``FORM letters``: each letter of the second column is written as the first."""
    return {letter: form for form, letters in (row.split() for row in rows.strip().splitlines()) for letter in letters}


# Table A, multinational Latin-based characters; forms that are the base letter alone come from `_base`.
_LATIN = _table("""
AE ÄÆ
AA Å
D ÐĐ
H Ħ
I ı
IJ Ĳ
L ĿŁ
N Ŋ
OE ÖØŒ
SS ẞ
T Ŧ
TH Þ
UE Ü
""")

# Table B, Cyrillic. The soft sign has no row in the table: it is a mark on the consonant before and is left out, as all
# States that use the table do.
_CYRILLIC = _table("""
A А
B Б
C Һ
CH Ч
D ДЂ
DZ ЅЏ
E ЕЁЭ
F Ф
G ГҐҒ
I ИІЇЙ
IA Я
IE ЄЪ
IU Ю
J Ј
K КЌ
KH Х
L Л
LJ Љ
M М
N Н
NJ Њ
O О
P П
R Р
S С
SH Ш
SHCH Щ
T Т
TS Ц
U УЎѪ
V В
Y ЫѴ
Z З
ZH Ж
""") | {"Ь": ""}

# Table C, Arabic script. Vowel signs are not encoded; shadda doubles the letter before.
_ARABIC = _table("""
A ا
B ب
D د
E ع
F ف
G غ
H ه
I إ
J ج
K ك
L ل
M م
N ن
P پ
Q ق
R ر
S س
T ت
U ؤ
W و
XAA آ
XAE أ
XAY ى
XBE ۓ
XC چ
XDH ذ
XDO ھ
XDR ډ
XDZ ض
XE ء
XGE ۂ
XGG گ
XH ح
XI ئ
XJ ژ
XKE ځ
XKH خ
XKK ک
XNG ڭ
XNN ں
XRR ړ
XRT ټ
XRX ږ
XSH ش
XSS ص
XTA ة
XTG ۃ
XTH ث
XTT ط
XXA ٱ
XXD ڈ
XXG ہ
XXH څ
XXK ګ
XXN ڼ
XXR ڑ
XXS ښ
XXT ٹ
XXY ۍ
XYA ی
XYB ے
XYH ۀ
XZZ ظ
Y يې
Z ز
""") | dict.fromkeys("ـًٌٍَُِْٰ\u069c\u06a2\u06a7\u06a8", "")
_TEH_MARBUTA, _TEH_MARBUTA_LAST = "ة", "XAH"
_SHADDA = "\u0651"

_TABLES = _LATIN | _CYRILLIC | _ARABIC

# The exceptions in the last column of tables A and B.
_BY_SPELLING: dict[Spelling, dict[str, str]] = {
    Spelling.ICAO: {},
    Spelling.PINYIN: {"Ü": "YU"},
    Spelling.BELARUSIAN: {"Ё": "IO", "Г": "H"},
    Spelling.BULGARIAN: {"Щ": "SHT"},
    Spelling.MACEDONIAN: {"Ќ": "KJ", "Џ": "DJ", "Х": "H", "Ц": "C", "Ғ": "GJ"},
    Spelling.SERBIAN: {"Г": "H", "Ж": "Z", "Х": "H", "Ц": "C", "Ч": "C", "Ш": "S"},
    Spelling.UKRAINIAN: {"Г": "H", "И": "Y"},
}
_UKRAINIAN_INITIAL = {"Є": "YE", "Ї": "YI", "Й": "Y", "Ю": "YU", "Я": "YA"}

_SEPARATING = frozenset("-,\u2010\u2011\u2012\u2013\u2014\u2212\u00b7\u2022\u2027\u30fb")
"""Hyphens, the comma, and the middle dots that part the components of a name in Chinese registers (阿依古丽·买买提)."""
_APOSTROPHES = frozenset("'`\u00b4\u02b9\u02bb\u02bc\u02bd\u02be\u02bf\u02c8\u2018\u2019\u201b\u2032\u2035")


def spelling_for(native_name: str) -> Spelling:
    """PINYIN where the native name has a Chinese character, ICAO otherwise."""
    is_chinese = any(unicodedata.name(c, "").startswith("CJK UNIFIED IDEOGRAPH") for c in native_name)
    return Spelling.PINYIN if is_chinese else Spelling.ICAO


def transliterate(name: str, spelling: Spelling = Spelling.ICAO) -> str:
    """`name` in A to Z, its components separated by one space; empty for a blank name.

    Apostrophes and other punctuation are left out, hyphens, commas and middle dots part components (9303-3 §4.6).
    Raises TransliterationError for digits, symbols and letters that no table has, and for a name of punctuation only.
    """
    components: list[str] = []
    unknown: dict[str, None] = {}
    for word in _words(name):
        letters: list[str] = []
        for position, character in enumerate(word):
            form = _form(character, word, position, letters, spelling)
            if form is None:
                unknown[character] = None
            elif form:
                letters.append(form)
        if letters:
            components.append("".join(letters))
    if unknown or (name.strip() and not components):
        raise TransliterationError(name, tuple(unknown))
    return " ".join(components)


def identifiers(surname: str, given: str, spelling: Spelling = Spelling.ICAO) -> tuple[str, str]:
    """Primary and secondary identifier. A holder with one name has it as the primary one (9303-5 §4.2.2.3).

    Raises TransliterationError, also when both names are blank.
    """
    primary, secondary = transliterate(surname, spelling), transliterate(given, spelling)
    if not primary and not secondary:
        raise TransliterationError(surname + given, ())
    return (primary, secondary) if primary else (secondary, "")


def _words(name: str) -> list[str]:
    """The components of `name` in upper case and composed form; full-width letters of Chinese keyboards as ASCII."""
    ascii_width = "".join(chr(ord(c) - 0xFEE0) if "\uff01" <= c <= "\uff5e" else c for c in name)
    upper = unicodedata.normalize("NFC", unicodedata.normalize("NFC", ascii_width).upper())
    return "".join(" " if c in _SEPARATING else c for c in upper).split()


def _form(character: str, word: str, position: int, before: list[str], spelling: Spelling) -> str | None:
    """What `character` is written as; None where there is no form."""
    if "A" <= character <= "Z":
        return character
    if character in _APOSTROPHES:
        return ""
    if spelling is Spelling.UKRAINIAN and position == 0 and character in _UKRAINIAN_INITIAL:
        return _UKRAINIAN_INITIAL[character]
    if character == _SHADDA:  # the letters are repeated, the X that announces them is not: ضّ is XDZDZ
        return before[-1].lstrip("X") if before else None
    if character == _TEH_MARBUTA and position == len(word) - 1:
        return _TEH_MARBUTA_LAST
    form = _lookup(character, spelling)
    if form is None and unicodedata.category(character).startswith("P"):
        return ""
    return form


def _lookup(character: str, spelling: Spelling) -> str | None:
    form = _BY_SPELLING[spelling].get(character, _TABLES.get(character))
    if form is not None:
        return form
    # A Latin letter with marks is written as the letter with one mark less, so that Ǚ is written as Ü is.
    parts = unicodedata.normalize("NFD", character)
    if len(parts) < 2 or not ("A" <= parts[0] <= "Z" or parts[0] in _LATIN):
        return None
    rest = unicodedata.normalize("NFC", parts[:-1])
    return rest if "A" <= rest <= "Z" else _lookup(rest, spelling)
