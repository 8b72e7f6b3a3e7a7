"""Finding that two records are one person: keys over names that survive another script, order, spacing and spelling.

Two records are candidates when birth date and sex agree and they share a key. A key says *perhaps*; people decide. Only
the identity number decides alone, and of it only a keyed hash is compared.
"""

from __future__ import annotations

import hmac
import unicodedata

from card_profiles.lds.transliteration import TransliterationError, spelling_for, transliterate

_U_UMLAUT = ("YU", "UE", "V")
"""Ü in pinyin, by ICAO's table A, and as keyboards have it: 吕 is LYU, LUE, LV, and LU where nobody cared."""


def match_keys(native: str, latin_surname: str, latin_given: str) -> frozenset[str]:
    """The keys of a name: of its native form, of its Latin form, and of the native form read by ICAO's tables.

    A Latin key is the sorted letters of the whole name, so that order, spaces and hyphens do not count.
    """
    keys = {f"n:{letters}"} if (letters := search_key(native).replace(" ", "")) else set()
    for text in (f"{latin_surname} {latin_given}", native):
        if key := _latin_key(text):
            keys.add(f"l:{key}")
    return frozenset(keys)


def search_key(name: str) -> str:
    """A name as people search it: compatibility forms and case folded, marks and punctuation gone, words parted once.

    Half- and full-width letters agree, and so do Müller and MULLER; Han, Cyrillic and Arabic letters stay as they are.
    """
    folded = unicodedata.normalize("NFKD", name).casefold()
    kept = "".join(
        character if character.isalnum() else " " if _parts(character) else ""
        for character in folded
        if not unicodedata.combining(character)
    )
    return unicodedata.normalize("NFC", " ".join(kept.split()))


def number_hash(number: str, secret: bytes) -> str:
    """A keyed hash of an identity number, 64 hex digits: without `secret` nobody can try all numbers against it."""
    plain = "".join(c for c in unicodedata.normalize("NFKC", number).upper() if c.isalnum())
    return hmac.digest(secret, b"identity-number\0" + plain.encode(), "sha256").hex()


def _latin_key(text: str) -> str:
    try:
        letters = transliterate(text, spelling_for(text))
    except TransliterationError:
        return ""
    letters = letters.replace(" ", "")
    for form in _U_UMLAUT:
        letters = letters.replace(form, "U")
    return "".join(sorted(letters))


def _parts(character: str) -> bool:
    """Spaces, dashes and the middle dots of Chinese registers part words; apostrophes do not."""
    return (
        unicodedata.category(character)[0] == "Z" or unicodedata.category(character) == "Pd" or character in "·•‧・,_"
    )
