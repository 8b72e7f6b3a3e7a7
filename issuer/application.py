"""The application for a permit: from the JSON that a registrar's system hands over to a record that can be trusted.

The parser is strict and patient: it goes on after a mistake and reports them all at once, each with its field, because
an applicant is told one time of everything that is missing (Decree 663 art. 9). The shape of the JSON is described in
`issuer/samples/README.md`. Dates may be relative: ``today``, or ``+1y``, ``+18m``, ``+90d`` counted from `valid_from`.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from card_profiles.entitlements import catalogue
from card_profiles.lds import mrz
from card_profiles.lds.transliteration import Spelling, TransliterationError, identifiers

from .errors import ApplicationRefused, Fault, Mistake

MAX_SIZE = 64 * 1024  # bytes of JSON
MAX_TEXT = 240  # UTF-8 bytes of an address: 80 Han characters
MAX_NAME = 84  # UTF-8 bytes, as EF.NS.permit has them
MAX_YEARS = 10  # from start to expiry

_PERMIT_NUMBER = re.compile(r"[A-Z0-9]{4,20}")
_DOCUMENT_NUMBER = re.compile(r"[A-Z0-9]{1,9}|[A-Z0-9]{10,22}")
_COUNTRY = re.compile(r"[A-Z]{3}|D")  # 9303-3 §5; Germany is the one State with a single letter
_PERSONAL_NUMBER = re.compile(r"[0-9A-Z-]{4,32}")
_CITIZEN_NUMBER = re.compile(r"[0-9]{17}[0-9X]")  # GB 11643
_RELATIVE = re.compile(r"\+([0-9]{1,4})([ymd])")
_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_CITIZEN_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)  # GB 11643-1999, appendix A
_CITIZEN_CHECKS = "10X98765432"

FIELDS = (
    "permit_number",
    "document_number",
    "names",
    "sex",
    "birth_date",
    "nationality",
    "ethnicity",
    "personal_number",
    "hukou_address",
    "address",
    "permit_class",
    "valid_from",
    "endorsed_until",
    "expiry_date",
    "entitlements",
)
OPTIONAL = frozenset({"ethnicity", "personal_number", "hukou_address"})
NAME_FIELDS = ("native", "latin_surname", "latin_given")


@dataclass(frozen=True, slots=True, kw_only=True)
class PermitApplication:
    """A complete, plausible application; every date is absolute. Texts are NFC.

    `primary` and `secondary` are the MRZ identifiers (A to Z, components separated by one space) of the Latin name.
    `entitlements` are service codes, each with the last day on which it holds, ordered by code.
    """

    permit_number: str
    document_number: str
    name_native: str
    latin_surname: str
    latin_given: str
    primary: str
    secondary: str
    sex: str  # F, M or X
    birth_date: date
    nationality: str
    ethnicity: str
    personal_number: str
    hukou_address: str
    address: str
    permit_class: int  # 1 to 3
    valid_from: date
    endorsed_until: date
    expiry_date: date
    entitlements: tuple[tuple[str, date], ...]

    @property
    def mrz_information(self) -> str:
        """The secret of the MRZ password."""
        return mrz.mrz_information(self.document_number, f"{self.birth_date:%y%m%d}", f"{self.expiry_date:%y%m%d}")


def parse(
    raw: bytes, *, today: date, start: date | None = None, endorsed_from: date | None = None
) -> PermitApplication:
    """Read an application. ``today`` in it means `today`, or `start` where the card was begun on that day already.

    At an endorsement the intervals of `endorsed_until` and of the services count from `endorsed_from`, and that of the
    expiry from the start as ever. Raises ApplicationRefused with every mistake found.
    """
    return _Reading(today=today, start=start or today, endorsed_from=endorsed_from).run(raw)


def parse_date(text: str, *, start: date) -> date:
    """``2026-03-31``, ``today`` (which is `start`), or an interval after `start` such as ``+1y``. Raises ValueError."""
    if text == "today":
        return start
    relative = _RELATIVE.fullmatch(text)
    if relative is not None:
        return _later(start, int(relative[1]), relative[2])
    if _ISO_DATE.fullmatch(text) is None:
        raise ValueError(f"not a date: {text!r}")
    return date.fromisoformat(text)


def _later(start: date, count: int, unit: str) -> date:
    """`count` years, months or days after `start`; where a month is too short, its last day."""
    try:
        if unit == "d":
            return start + timedelta(days=count)
        months = start.year * 12 + start.month - 1 + count * (12 if unit == "y" else 1)
        first = date(months // 12, months % 12 + 1, 1)
        following = date(first.year + first.month // 12, first.month % 12 + 1, 1)
        return first + timedelta(days=min(start.day, (following - first).days) - 1)
    except OverflowError as error:
        raise ValueError("beyond the calendar") from error


class _Reading:
    """One pass over an application, collecting mistakes."""

    def __init__(self, *, today: date, start: date, endorsed_from: date | None) -> None:
        self._endorsed_from = endorsed_from
        self._today = today
        self._start = start
        self._mistakes: list[Mistake] = []

    def run(self, raw: bytes) -> PermitApplication:
        fields = self._object(raw)
        names = self._names(fields)
        born = self._date(fields, "birth_date", start=None)
        if born is not None and born > self._today:
            self._mistake("birth_date", Fault.BORN_IN_THE_FUTURE)
        begin = self._date(fields, "valid_from", start=self._start)
        expiry = self._date(fields, "expiry_date", start=begin or self._start)
        endorsed = self._date(fields, "endorsed_until", start=self._endorsed_from or begin or self._start)
        self._periods(begin, endorsed, expiry)
        values: dict[str, Any] = {
            "permit_number": self._pattern(fields, "permit_number", _PERMIT_NUMBER, Fault.NOT_A_PERMIT_NUMBER),
            "document_number": self._pattern(fields, "document_number", _DOCUMENT_NUMBER, Fault.NOT_A_DOCUMENT_NUMBER),
            "sex": self._choice(fields, "sex", ("F", "M", "X"), Fault.NOT_A_SEX),
            "nationality": self._pattern(fields, "nationality", _COUNTRY, Fault.NOT_A_COUNTRY),
            "ethnicity": self._text(fields, "ethnicity", limit=MAX_NAME) or "",
            "personal_number": self._personal_number(fields, born),
            "hukou_address": self._text(fields, "hukou_address") or "",
            "address": self._text(fields, "address"),
            "permit_class": self._class(fields),
            "entitlements": self._entitlements(fields, begin, expiry),
        }
        if self._mistakes or born is None or begin is None or expiry is None or endorsed is None or names is None:
            raise ApplicationRefused(tuple(self._mistakes))
        return PermitApplication(
            **names, **values, birth_date=born, valid_from=begin, endorsed_until=endorsed, expiry_date=expiry
        )

    def _mistake(self, field: str, fault: Fault, **details: object) -> None:
        self._mistakes.append(
            Mistake(field=field, fault=fault, details={name: str(value) for name, value in details.items()})
        )

    def _object(self, raw: bytes) -> Mapping[str, Any]:
        if len(raw) > MAX_SIZE:
            raise ApplicationRefused((Mistake(field="", fault=Fault.TOO_LARGE, details={"limit": str(MAX_SIZE)}),))
        try:
            tree = json.loads(raw.removeprefix(b"\xef\xbb\xbf"), object_pairs_hook=self._unique)
        except (ValueError, RecursionError) as error:
            raise ApplicationRefused(
                (Mistake(field="", fault=Fault.NOT_JSON, details={"where": str(error)}),)
            ) from error
        if not isinstance(tree, dict):
            raise ApplicationRefused((Mistake(field="", fault=Fault.NOT_AN_OBJECT),))
        self._known(tree, FIELDS, "")
        return tree

    def _unique(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        tree: dict[str, Any] = {}
        for name, value in pairs:
            if name in tree:
                self._mistake(name, Fault.DUPLICATE)
            tree[name] = value
        return tree

    def _known(self, tree: Mapping[str, Any], fields: tuple[str, ...], prefix: str) -> None:
        for name in tree:
            if name not in fields:
                self._mistake(prefix + name, Fault.UNKNOWN_FIELD, known=", ".join(fields))
        for name in fields:
            if name not in OPTIONAL and tree.get(name) is None:
                self._mistake(prefix + name, Fault.MISSING)

    def _text(self, tree: Mapping[str, Any], name: str, *, prefix: str = "", limit: int = MAX_TEXT) -> str | None:
        """The text of a field in NFC without outer blanks; None where it is missing or wrong, which is then noted."""
        value = tree.get(name)
        if value is None:
            return None
        field = prefix + name
        if not isinstance(value, str):
            self._mistake(field, Fault.NOT_TEXT)
            return None
        try:
            value.encode()
        except UnicodeEncodeError:  # a lone surrogate out of a \u escape
            self._mistake(field, Fault.CONTROL_CHARACTER)
            return None
        text = unicodedata.normalize("NFC", value).strip()
        if any(unicodedata.category(character) in ("Cc", "Cf", "Cn", "Co") for character in text):
            self._mistake(field, Fault.CONTROL_CHARACTER)
            return None
        if not text and name not in OPTIONAL:
            self._mistake(field, Fault.EMPTY)
            return None
        if len(text.encode()) > limit:
            self._mistake(field, Fault.TOO_LONG, limit=limit)
            return None
        return text

    def _pattern(self, tree: Mapping[str, Any], name: str, pattern: re.Pattern[str], fault: Fault) -> str | None:
        text = self._text(tree, name)
        if text is not None and pattern.fullmatch(text) is None:
            self._mistake(name, fault, value=text)
        return text

    def _choice(self, tree: Mapping[str, Any], name: str, choices: tuple[str, ...], fault: Fault) -> str | None:
        text = self._text(tree, name)
        if text is not None and text not in choices:
            self._mistake(name, fault, value=text)
        return text

    def _date(self, tree: Mapping[str, Any], name: str, *, start: date | None, prefix: str = "") -> date | None:
        text = self._text(tree, name, prefix=prefix)
        if text is None:
            return None
        try:
            if start is None and _ISO_DATE.fullmatch(text) is None:
                raise ValueError("relative")
            return parse_date(text, start=start or self._start)
        except ValueError:
            self._mistake(prefix + name, Fault.NOT_A_DATE, value=text)
            return None

    def _periods(self, begin: date | None, endorsed: date | None, expiry: date | None) -> None:
        if begin is not None and begin > _later(self._today, 1, "y"):
            self._mistake("valid_from", Fault.TOO_FAR_AHEAD)
        if endorsed is not None and endorsed < self._today:
            self._mistake("endorsed_until", Fault.IN_THE_PAST, value=endorsed)
        elif begin is not None and endorsed is not None and endorsed <= begin:
            self._mistake("endorsed_until", Fault.NOT_AFTER_START, value=endorsed)
        if begin is not None and expiry is not None:
            if expiry <= begin:
                self._mistake("expiry_date", Fault.NOT_AFTER_START, value=expiry)
            elif expiry > _later(begin, MAX_YEARS, "y"):
                self._mistake("expiry_date", Fault.TOO_FAR_AHEAD)
        if endorsed is not None and expiry is not None and endorsed > expiry:
            self._mistake("endorsed_until", Fault.AFTER_EXPIRY, value=endorsed, expiry=expiry)

    def _names(self, fields: Mapping[str, Any]) -> dict[str, Any] | None:
        tree = fields.get("names")
        if tree is None:
            return None
        if not isinstance(tree, dict):
            self._mistake("names", Fault.NOT_AN_OBJECT)
            return None
        before = len(self._mistakes)
        # A holder with one name has it as the surname (9303-5 §4.2.2.3): the given name may be empty, not absent.
        self._known(tree, NAME_FIELDS, "names.")
        native = self._text(tree, "native", prefix="names.", limit=MAX_NAME)
        surname = self._text(tree, "latin_surname", prefix="names.", limit=MAX_NAME)
        given = (
            "" if tree.get("latin_given") == "" else self._text(tree, "latin_given", prefix="names.", limit=MAX_NAME)
        )
        if len(self._mistakes) > before or native is None or surname is None or given is None:
            return None
        spelling = Spelling.PINYIN if any("\u3400" <= character <= "\u9fff" for character in native) else Spelling.ICAO
        try:
            primary, secondary = identifiers(surname, given, spelling)
        except TransliterationError as error:
            field = "names.latin_surname" if error.text == surname else "names.latin_given"
            self._mistake(
                field, Fault.NO_TRANSLITERATION, value=error.text, characters=" ".join(error.characters) or error.text
            )
            return None
        try:
            mrz.name_field(primary, secondary)
        except ValueError:
            self._mistake("names.latin_surname", Fault.NAME_TOO_LONG)
            return None
        return {
            "name_native": native,
            "latin_surname": surname,
            "latin_given": given,
            "primary": primary,
            "secondary": secondary,
        }

    def _personal_number(self, fields: Mapping[str, Any], born: date | None) -> str:
        """Any number that an authority gave; that of a Chinese citizen must be sound and agree with the birth date."""
        number = self._text(fields, "personal_number") or ""
        if not number:
            return ""
        citizen = fields.get("nationality") == "CHN"
        if _PERSONAL_NUMBER.fullmatch(number) is None or (citizen and not is_citizen_number(number)):
            self._mistake("personal_number", Fault.NOT_A_PERSONAL_NUMBER, value=number)
        elif citizen and born is not None and number[6:14] != f"{born:%Y%m%d}":
            self._mistake("personal_number", Fault.PERSONAL_NUMBER_BIRTH_DATE, value=number[6:14], birth_date=born)
        return number

    def _class(self, fields: Mapping[str, Any]) -> int | None:
        value = fields.get("permit_class")
        if value is None:
            return None
        if type(value) is not int or value not in (1, 2, 3):
            self._mistake("permit_class", Fault.NOT_A_CLASS, value=value)
            return None
        return value

    def _entitlements(
        self, fields: Mapping[str, Any], begin: date | None, expiry: date | None
    ) -> tuple[tuple[str, date], ...]:
        tree = fields.get("entitlements")
        if tree is None:
            return ()
        if not isinstance(tree, dict):
            self._mistake("entitlements", Fault.NOT_AN_OBJECT)
            return ()
        granted = []
        known = catalogue.load()
        for code in sorted(tree):
            field = f"entitlements.{code}"
            try:
                known.service(code)
            except catalogue.UnknownServiceCode as error:
                self._mistake(field, Fault.UNKNOWN_SERVICE, value=code, nearest=", ".join(error.nearest) or "-")
                continue
            if tree[code] is None:
                self._mistake(field, Fault.MISSING)
                continue
            until = self._date(tree, code, start=self._endorsed_from or begin or self._start, prefix="entitlements.")
            if until is None:
                continue
            if begin is not None and until < begin:
                self._mistake(field, Fault.NOT_AFTER_START, value=until)
            elif expiry is not None and until > expiry:
                self._mistake(field, Fault.AFTER_EXPIRY, value=until, expiry=expiry)
            granted.append((code, until))
        return tuple(granted)


def is_citizen_number(number: str) -> bool:
    """Whether `number` is an 18-character citizen identification number with a right check character (GB 11643)."""
    if _CITIZEN_NUMBER.fullmatch(number) is None:
        return False
    total = sum(int(digit) * weight for digit, weight in zip(number[:17], _CITIZEN_WEIGHTS, strict=True))
    return _CITIZEN_CHECKS[total % 11] == number[17]
