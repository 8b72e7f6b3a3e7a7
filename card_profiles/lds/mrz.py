"""The machine readable zone of a TD1 card: three lines of 30 characters (ICAO Doc 9303-5 §4.2, 9303-3 §4).

`Mrz` holds what the zone says, in plain letters: components of a name are separated by one space, and no field carries
its fillers. `encode` writes the 90 characters, truncating a name that is too long by the rules of 9303-5; `decode` is
total and strict, checks every check digit, and gives the record back.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from keys.errors import DecodeError

LINE_LENGTH = 30
TD1_LENGTH = 3 * LINE_LENGTH
NAME_LENGTH = 30  # 9303-5 §4.2.2.3
SHORT_NUMBER_LENGTH = 9  # 9303-5 §4.2.2.1, positions 6 to 14
LONG_NUMBER_LENGTH = 22  # note j: nine principal characters, and up to thirteen more in positions 16 to 28

RESIDENCE_PERMIT = "IR"
"""The document code we write. 9303-5 note k leaves the second character to the issuer (I, A or C first; never V, never
AI); IR is what residence permits in use carry, AR is the other custom, and both are read."""

_WEIGHTS = (7, 3, 1)  # 9303-3 §4.9
_VALUES = {character: value for value, character in enumerate("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")} | {"<": 0}

_DOCUMENT_CODE = re.compile(r"[ACI][A-UW-Z]?")
_STATE = re.compile(r"[A-Z]{1,3}")
_SHORT_NUMBER = re.compile(r"[A-Z0-9]([A-Z0-9<]{0,7}[A-Z0-9])?")  # spaces inside a number are fillers
_LONG_NUMBER = re.compile(r"[A-Z0-9]{10,22}")
_OPTIONAL = re.compile(r"([A-Z0-9<]*[A-Z0-9])?")
_IDENTIFIER = re.compile(r"[A-Z]+( [A-Z]+)*")
_NAME_FIELD = re.compile(r"(?P<primary>[A-Z]+(?:<[A-Z]+)*)(?:<<(?P<secondary>[A-Z]+(?:<[A-Z]+)*))?<*")
_BIRTH = re.compile(r"([0-9]{2}|<<)([0-9]{2}|<<)([0-9]{2}|<<)")
_EXPIRY = re.compile(r"[0-9]{6}")
_SEX_TO_MRZ = {"F": "F", "M": "M", "X": "<"}  # 9303-5 note f
_SEX_FROM_MRZ = {value: key for key, value in _SEX_TO_MRZ.items()}
_MONTH_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mrz:
    """What a TD1 machine readable zone says. Raises ValueError for a value that no zone can say.

    `birth_date` and `expiry_date` are YYMMDD; unknown parts of a birth date are ``<<``. `sex` is F, M or X (not
    stated). `primary` and `secondary` are the identifiers in A to Z, components separated by one space; a holder with
    one name has it in `primary`. They may be longer than the zone: `encode` truncates, and then `decode` gives the
    truncated form.
    """

    document_code: str = RESIDENCE_PERMIT
    issuing_state: str  # 1 to 3 letters, 9303-3 §5
    document_number: str  # 1 to 22 of A-Z, 0-9
    birth_date: str
    sex: str
    expiry_date: str
    nationality: str  # 1 to 3 letters
    primary: str
    secondary: str = ""
    optional_data_1: str = ""  # upper line, up to 15; less beside a long document number
    optional_data_2: str = ""  # middle line, up to 11

    def __post_init__(self) -> None:
        _require(_DOCUMENT_CODE.fullmatch(self.document_code) and self.document_code != "AI", "document code")
        _require(_STATE.fullmatch(self.issuing_state), "issuing State")
        _require(_SHORT_NUMBER.fullmatch(self.document_number) or self._long, "document number")
        _require(_is_birth_date(self.birth_date), "date of birth")
        _require(self.sex in _SEX_TO_MRZ, "sex")
        _require(_is_expiry_date(self.expiry_date), "date of expiry")
        _require(_STATE.fullmatch(self.nationality), "nationality")
        _require(_IDENTIFIER.fullmatch(self.primary), "primary identifier")
        _require(not self.secondary or _IDENTIFIER.fullmatch(self.secondary), "secondary identifier")
        name_field(self.primary, self.secondary)
        _require(_OPTIONAL.fullmatch(self.optional_data_1), "optional data of the upper line")
        _require(len(self._upper_optional()) <= 15, "optional data of the upper line")
        _require(_OPTIONAL.fullmatch(self.optional_data_2), "optional data of the middle line")
        _require(len(self.optional_data_2) <= 11, "optional data of the middle line")

    @property
    def _long(self) -> bool:
        return _LONG_NUMBER.fullmatch(self.document_number) is not None

    def _upper_optional(self) -> str:
        """Positions 16 to 30 without trailing fillers; the end of a long number goes first (9303-5 note j)."""
        if not self._long:
            return self.optional_data_1
        end = self.document_number[SHORT_NUMBER_LENGTH:] + check_digit(self.document_number)
        return f"{end}<{self.optional_data_1}"

    @property
    def name_may_be_truncated(self) -> bool:
        """A letter in the last position of the name: the name must be assumed to be truncated (9303-5 §4.2.3.3)."""
        return name_field(self.primary, self.secondary)[-1] != "<"

    @property
    def expires(self) -> date:
        """The date of expiry; a document in use expires in this century."""
        return date(2000 + int(self.expiry_date[:2]), int(self.expiry_date[2:4]), int(self.expiry_date[4:]))

    def born(self, *, not_after: date) -> date | None:
        """The date of birth in the latest century that is not after `not_after`; None where a part is unknown."""
        if "<" in self.birth_date:
            return None
        year, month, day = (int(self.birth_date[i : i + 2]) for i in (0, 2, 4))
        for century in range(not_after.year // 100, 17, -1):
            try:
                born = date(100 * century + year, month, day)
            except ValueError:  # 29 February, in the wrong century
                continue
            if born <= not_after:
                return born
        return None

    @property
    def information(self) -> str:
        """The "MRZ information" of BAC and PACE, see `mrz_information`."""
        return mrz_information(self.document_number, self.birth_date, self.expiry_date)


def check_digit(field: str) -> str:
    """The check digit of `field`, 9303-3 §4.9. Raises ValueError for a character that no zone has."""
    try:
        sums = (weight * sum(map(_VALUES.__getitem__, field[at::3])) for at, weight in enumerate(_WEIGHTS))
        return str(sum(sums) % 10)
    except KeyError as unknown:
        raise ValueError(f"not a character of the machine readable zone: {unknown.args[0]!r}") from None


def mrz_information(document_number: str, birth_date: str, expiry_date: str) -> str:
    """Document number, date of birth and date of expiry, each with its check digit: the secret of BAC and PACE.

    9303-11 §4.3.2 and appendix D.2: a number shorter than nine characters is filled up with ``<``; of a longer one all
    characters count. Dates are YYMMDD. Raises ValueError for values that no zone can say.
    """
    short, long = _SHORT_NUMBER.fullmatch(document_number), _LONG_NUMBER.fullmatch(document_number)
    _require(short or long, "document number")
    _require(_is_birth_date(birth_date), "date of birth")
    _require(_is_expiry_date(expiry_date), "date of expiry")
    return "".join(
        field + check_digit(field)
        for field in (document_number.ljust(SHORT_NUMBER_LENGTH, "<"), birth_date, expiry_date)
    )


def name_field(primary: str, secondary: str, *, width: int = NAME_LENGTH) -> str:
    """`primary` and `secondary` in `width` positions, filled up with ``<`` or truncated (9303-5 §4.2.2.3 and §4.2.3).

    Truncation keeps every component at least as an initial, the primary identifier whole where it can, and gives what
    room there is from left to right. A truncated name always ends with a letter in the last position: that is the mark
    by which a reader knows that it may not be complete. Raises ValueError where no such form exists (a name of sixteen
    or more single letters).
    """
    first, second = primary.split(), secondary.split()
    whole = "<<".join("<".join(part) for part in (first, second) if part)
    if len(whole) <= width:
        return whole.ljust(width, "<")
    if not second:
        candidates = [_shorten(first, width)]
    else:
        # The most room for the primary identifier that leaves the initials of the secondary one; down to an initial,
        # because with some lengths the last position would be a filler.
        most = max(width - 2 - (2 * len(second) - 1), width // 2)
        candidates = []
        for room in range(min(most, len("<".join(first))), 0, -1):
            head = _shorten(first, room)
            candidates.append(f"{head}<<{_shorten(second, width - 2 - len(head))}")
    for candidate in candidates:
        if len(candidate) == width:
            return candidate
    raise ValueError("the name has no truncated form that ends with a letter")


def _shorten(components: list[str], width: int) -> str:
    """The components within `width` characters: all as initials at least (the last left out if need be), the rest of
    the room given from left to right. Ends with a letter, and is shorter than `width` only where it must be."""
    components = components[: (width + 1) // 2]
    room = width - (2 * len(components) - 1)
    shortened = []
    for component in components:
        extra = min(len(component) - 1, room)
        room -= extra
        shortened.append(component[: 1 + extra])
    return "<".join(shortened)


def encode(mrz: Mrz) -> str:
    """The 90 characters of the zone, without line breaks."""
    number = mrz.document_number[:SHORT_NUMBER_LENGTH].ljust(SHORT_NUMBER_LENGTH, "<")
    number_check = "<" if len(mrz.document_number) > SHORT_NUMBER_LENGTH else check_digit(number)
    upper = number + number_check + mrz._upper_optional().ljust(15, "<")
    birth = mrz.birth_date + check_digit(mrz.birth_date)
    expiry = mrz.expiry_date + check_digit(mrz.expiry_date)
    optional = mrz.optional_data_2.ljust(11, "<")
    composite = check_digit(upper + birth + expiry + optional)
    return (
        f"{mrz.document_code:<<2}{mrz.issuing_state:<<3}{upper}"
        f"{birth}{_SEX_TO_MRZ[mrz.sex]}{expiry}{mrz.nationality:<<3}{optional}{composite}"
        f"{name_field(mrz.primary, mrz.secondary)}"
    )


def lines(zone: str) -> tuple[str, str, str]:
    """The three lines to print, of an encoded zone."""
    return zone[:30], zone[30:60], zone[60:]


def decode(zone: str) -> Mrz:
    """The record of a zone: exactly 90 characters without line breaks. Raises DecodeError; `offset` is a position."""
    if len(zone) != TD1_LENGTH:
        raise DecodeError(f"a TD1 zone has {TD1_LENGTH} characters, not {len(zone)}", path="MRZ")
    for offset, character in enumerate(zone):
        if character not in _VALUES:
            raise DecodeError("not a character of the machine readable zone", offset=offset, path="MRZ")
    upper, middle, name = lines(zone)
    _check(upper[5:] + middle[0:7] + middle[8:15] + middle[18:29], middle[29], 59, "compositeCheckDigit")
    number, optional_data_1 = _document_number(upper[5:14], upper[14], upper[15:])
    _check(middle[0:6], middle[6], 36, "dateOfBirth")
    _check(middle[8:14], middle[14], 44, "dateOfExpiry")
    match = _NAME_FIELD.fullmatch(name)
    if match is None:
        raise DecodeError("not a name", offset=60, path="MRZ/name")
    if middle[7] not in _SEX_FROM_MRZ:
        raise DecodeError("not F, M or a filler", offset=37, path="MRZ/sex")
    try:
        return Mrz(
            document_code=_unfill(upper[0:2]),
            issuing_state=_unfill(upper[2:5]),
            document_number=number,
            birth_date=middle[0:6],
            sex=_SEX_FROM_MRZ[middle[7]],
            expiry_date=middle[8:14],
            nationality=_unfill(middle[15:18]),
            primary=match["primary"].replace("<", " "),
            secondary=(match["secondary"] or "").replace("<", " "),
            optional_data_1=optional_data_1,
            optional_data_2=_unfill(middle[18:29]),
        )
    except ValueError as error:
        raise DecodeError(str(error), path="MRZ") from None


def from_lines(text: str) -> Mrz:
    """The record of three lines as a scanner or a keyboard gives them: LF or CR LF between, one at the end allowed."""
    rows = text.replace("\r\n", "\n").removesuffix("\n").split("\n")
    if [len(row) for row in rows] != [LINE_LENGTH] * 3:
        raise DecodeError("not three lines of 30 characters", path="MRZ")
    return decode("".join(rows))


def _document_number(principal: str, digit: str, optional: str) -> tuple[str, str]:
    """Document number and optional data of the upper line, 9303-5 note j."""
    if digit != "<":
        _check(principal, digit, 14, "documentNumber")
        return _unfill(principal), _unfill(optional)
    end, filler, rest = optional.partition("<")
    if len(end) < 2 or not filler:
        raise DecodeError("a long document number lacks its end or its filler", offset=15, path="MRZ/documentNumber")
    number = principal + end[:-1]
    _check(number, end[-1], 15 + len(end) - 1, "documentNumber")
    if _LONG_NUMBER.fullmatch(number) is None:
        raise DecodeError("not a document number", offset=5, path="MRZ/documentNumber")
    return number, _unfill(rest)


def _check(field: str, digit: str, offset: int, name: str) -> None:
    if check_digit(field) != digit:
        raise DecodeError("wrong check digit", offset=offset, path=f"MRZ/{name}")


def _unfill(field: str) -> str:
    return field.rstrip("<")


def _require(condition: object, what: str) -> None:
    if not condition:
        raise ValueError(f"not a valid {what} for a machine readable zone")


def _is_expiry_date(text: str) -> bool:
    return _EXPIRY.fullmatch(text) is not None and _is_day(text)


def _is_birth_date(text: str) -> bool:
    return _BIRTH.fullmatch(text) is not None and _is_day(text)


def _is_day(text: str) -> bool:
    """Whether some year has this day. Two digits of 00 may be a leap year, 2000."""
    year, month, day = text[:2], text[2:4], text[4:]
    if month != "<<" and not 1 <= int(month) <= 12:
        return False
    if day == "<<":
        return True
    days = 31 if month == "<<" else _MONTH_DAYS[int(month) - 1]
    if month == "02" and year != "<<" and int(year) % 4:
        days = 28
    return 1 <= int(day) <= days
