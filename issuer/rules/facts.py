"""The facts that rules may ask about: a closed list, each with its type and the document that proves it.

Nothing else can be asked. Criminal records, policing tags, marital and pregnancy data never become facts: their names
are refused as such, and no fact of this list may stand in for them (there is no fact *sex* either).

Each value has one text form, which is also its form in a database column and in JSON:

| kind | value | form |
|---|---|---|
| period | `Period` | ``2024-03-01/..`` still running, ``2024-03-01/2026-02-28`` with its last day, ``never`` |
| birth | `date` | ``1991-04-17`` |
| births | tuple of `date`, sorted | ``2015-02-03,2019-07-08``; empty: none |
| number | `int` from 0 | ``60`` (an integer in JSON and in the database) |
| level, choice, code | `str` | one of the names in the list; a code of capitals, digits and ``-`` |
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Any, TypeAlias

from .faults import Fault, Mistake, RulesRefused

MAX_NUMBER = 10**12
MAX_CHILDREN = 20
_CODE = re.compile(r"[A-Z0-9-]{1,20}", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_OPEN = ".."
_NEVER = "never"
_FORBIDDEN = re.compile(
    r"crim|convict|offen[cs]|polic(e|ing)|wanted|arrest|detention|suspect|marit|marri|divorc|spous|wedded|"
    r"pregnan|gestation|abortion|contracepti|犯罪|前科|刑事|违法|涉案|重点人员|拘留|婚|配偶|怀孕|孕妇|孕期|流产|避孕",
    re.IGNORECASE,
)


class Kind(StrEnum):
    PERIOD = "period"
    BIRTH = "birth"
    BIRTHS = "births"
    NUMBER = "number"
    LEVEL = "level"
    CHOICE = "choice"
    CODE = "code"


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """An uninterrupted time, counted in full months. After a gap that the law bridges, the recorder moves `since`.

    `since` None: it never was. `until` is its last day; None: it goes on.
    """

    since: date | None
    until: date | None = None


Value: TypeAlias = Period | date | tuple[date, ...] | int | str
Row: TypeAlias = tuple[str | int | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A fact of the list. `choices` in rising order for a level. `unit` is what a number counts."""

    name: str
    kind: Kind
    choices: tuple[str, ...] = ()


FACTS: tuple[Fact, ...] = (
    Fact(name="residence", kind=Kind.PERIOD),  # since the registration of residence: the clock of Decree 663 art. 2
    Fact(name="employment", kind=Kind.PERIOD),  # lawful employment or self-employment, to the end of the contract
    Fact(name="social_insurance", kind=Kind.PERIOD),  # contributions paid here
    Fact(name="study", kind=Kind.PERIOD),  # continuous study, to the end of the enrolment
    Fact(name="home", kind=Kind.PERIOD),  # the right to live where one lives: the lease, or the deed
    Fact(name="home_kind", kind=Kind.CHOICE, choices=("owned", "rented", "employer", "school", "relatives", "public")),
    Fact(
        name="education",
        kind=Kind.LEVEL,
        choices=("none", "primary", "junior", "senior", "college", "bachelor", "master", "doctor"),
    ),
    Fact(  # the five grades of the national vocational qualifications, under "none"
        name="skill",
        kind=Kind.LEVEL,
        choices=("none", "elementary", "intermediate", "advanced", "technician", "senior-technician"),
    ),
    Fact(name="skill_test", kind=Kind.PERIOD),  # since the certificate of the latest skill test was issued
    Fact(name="business", kind=Kind.PERIOD),  # an own business, registered here
    Fact(name="investment", kind=Kind.NUMBER),  # yuan, paid in here
    Fact(name="birth", kind=Kind.BIRTH),
    Fact(name="children", kind=Kind.BIRTHS),  # of the children who live here with the holder
    Fact(name="points", kind=Kind.NUMBER),  # of the city's points scheme
    Fact(name="hardship", kind=Kind.PERIOD),  # a certificate of the family's economic hardship
    Fact(name="district", kind=Kind.CODE),  # of residence, GB/T 2260
)
INDEX: Mapping[str, int] = {fact.name: at for at, fact in enumerate(FACTS)}


def forbidden(name: str) -> bool:
    """Whether a name speaks of what must never be a fact."""
    return _FORBIDDEN.search(name) is not None


def check_name(name: str) -> Fault | None:
    """Why `name` is not the name of a fact."""
    if name in INDEX:
        return None
    return Fault.FORBIDDEN_FACT if forbidden(name) else Fault.UNKNOWN_FACT


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one holder, in the order of `FACTS`; None: not known."""

    values: tuple[Value | None, ...] = (None,) * len(FACTS)

    def __getitem__(self, name: str) -> Value | None:
        return self.values[INDEX[name]]

    def with_value(self, name: str, value: Value | None) -> Facts:
        """The same facts but for one. Raises ValueError where the value is not of the fact's type."""
        at = INDEX[name]
        if value is not None:
            decode(FACTS[at], encode(value))
        return replace(self, values=(*self.values[:at], value, *self.values[at + 1 :]))

    def row(self) -> Row:
        """One database column for each fact of `FACTS`."""
        return tuple(None if value is None else encode(value) for value in self.values)

    def record(self) -> dict[str, str | int]:
        """For JSON: the known facts by name."""
        return {fact.name: cell for fact, cell in zip(FACTS, self.row(), strict=True) if cell is not None}


def from_row(row: Row) -> Facts:
    """Raises RulesRefused with every cell that is not the form of its fact."""
    return from_record({fact.name: cell for fact, cell in zip(FACTS, row, strict=True) if cell is not None})


def from_record(record: Mapping[str, Any]) -> Facts:
    """Facts by name, as in JSON; a null is not known. Raises RulesRefused with every mistake."""
    mistakes: list[Mistake] = []
    values: list[Value | None] = [None] * len(FACTS)
    for name, form in record.items():
        fault = check_name(name)
        if fault is not None:
            mistakes.append(Mistake(path=name, fault=fault, details={"value": name, "known": ", ".join(INDEX)}))
        elif form is not None:
            fact = FACTS[INDEX[name]]
            try:
                values[INDEX[name]] = decode(fact, form)
            except ValueError:
                details = {"value": str(form)[:80], "known": ", ".join(fact.choices)}
                mistakes.append(Mistake(path=name, fault=_FAULTS[fact.kind], details=details))
    if mistakes:
        raise RulesRefused(tuple(mistakes))
    return Facts(tuple(values))


def encode(value: Value) -> str | int:
    """The one form of a value."""
    if isinstance(value, Period):
        if value.since is None:
            return _NEVER
        return f"{value.since}/{value.until or _OPEN}"
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value) if isinstance(value, date) else value


def decode(fact: Fact, form: object) -> Value:
    """The value of a form. Raises ValueError for any other form than the one that `encode` writes."""
    value = _decode(fact, form)
    if type(form) is not type(encode(value)) or form != encode(value):
        raise ValueError(f"{fact.name}: {form!r}")
    return value


def _decode(fact: Fact, form: object) -> Value:
    if fact.kind is Kind.NUMBER:
        if type(form) is not int or not 0 <= form <= MAX_NUMBER:
            raise ValueError(f"{fact.name}: not a number from 0 to {MAX_NUMBER}")
        return form
    if not isinstance(form, str):
        raise ValueError(f"{fact.name}: not text")
    match fact.kind:
        case Kind.PERIOD:
            return _period(form)
        case Kind.BIRTH:
            return parse_date(form)
        case Kind.BIRTHS:
            births = tuple(parse_date(text) for text in form.split(",")) if form else ()
            if len(births) > MAX_CHILDREN:
                raise ValueError(f"{fact.name}: more than {MAX_CHILDREN}")
            return tuple(sorted(births))
        case Kind.CODE:
            if _CODE.fullmatch(form) is None:
                raise ValueError(f"{fact.name}: not a code")
            return form
        case _:
            if form not in fact.choices:
                raise ValueError(f"{fact.name}: not one of its choices")
            return form


def _period(form: str) -> Period:
    if form == _NEVER:
        return Period(since=None)
    since, slash, until = form.partition("/")
    if not slash:
        raise ValueError("a period has two ends")
    period = Period(since=parse_date(since), until=None if until == _OPEN else parse_date(until))
    if period.since is not None and period.until is not None and period.until < period.since:
        raise ValueError("a period that ends before it begins")
    return period


def parse_date(text: str) -> date:
    """``2026-03-31`` only. Raises ValueError."""
    if _DATE.fullmatch(text) is None:
        raise ValueError(f"not a date: {text!r}")
    return date.fromisoformat(text)


_FAULTS = {
    Kind.PERIOD: Fault.NOT_A_PERIOD,
    Kind.BIRTH: Fault.NOT_A_DATE,
    Kind.BIRTHS: Fault.NOT_A_DATE,
    Kind.NUMBER: Fault.NOT_A_NUMBER,
    Kind.LEVEL: Fault.UNKNOWN_CHOICE,
    Kind.CHOICE: Fault.UNKNOWN_CHOICE,
    Kind.CODE: Fault.NOT_A_CODE,
}
