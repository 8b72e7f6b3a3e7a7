"""EF.NS.*: each file is one IssuerSignedItemBytes (ISO/IEC 18013-5 §8.3.2.1.2.2).

One holds what every counter needs, nine hold the services of a sector each.

The digest in the MSO is over the bytes of the file as read, tag 24 included. The salt keeps a counter that read the MSO
from guessing what other sectors' files hold.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache
from typing import Any

from cbor2 import CBORTag

from keys import cbor
from keys.errors import DecodeError

from .catalogue import Sector

SALT_SIZE = 16
"""Bytes of `random` that we write. Reading admits up to `MAX_SALT_SIZE`: the lengths in EF.Active tell every counter
how much each sector holds, and a longer salt is how an issuer can pad all sectors to one length."""
MAX_SALT_SIZE = 255
MAX_SIZE = {sector: 1024 if sector is Sector.PERMIT else 512 for sector in Sector}
"""Bytes of a file, as the profile has them."""
MAX_SERVICES = 32
MAX_NUMBER, MAX_NATIVE, MAX_LATIN, MAX_AUTHORITY = 20, 84, 66, 74
"""UTF-8 bytes of the texts: 28 Han characters of name, the 66 of an ICAO data page, 24 Han characters of authority.
With all of them full EF.NS.permit stays within 446 bytes, two short READ BINARY under secure messaging."""
MAX_ADDRESS = 240
"""UTF-8 bytes: 80 Han characters."""

_DAYS, _EMBEDDED = 100, 24  # RFC 8943 §1.1: days since 1970-01-01
_EPOCH = date(1970, 1, 1).toordinal()
_JOINERS = "\u200c\u200d"  # zero-width, but letters of a name in some scripts depend on them
_SEXES = frozenset({"F", "M", "X"})
_ADDRESS = "address"  # no service code: those are a capital letter and digits


@dataclass(frozen=True, slots=True, kw_only=True)
class PermitData:
    """The element ``permit``: what every counter needs.

    `sex` is F, M or X (unspecified). `permit_class` is 1 to 3. `portrait_sha256` (32 bytes) and `portrait_length` are
    those of the whole DG2 file, so a counter checks the face without EF.SOD. `name_native` may be empty. Texts are
    printable, without bidirectional overrides. Raises `ValueError`.
    """

    number: str
    name_native: str
    name_latin: str
    birth_date: date
    sex: str
    permit_class: int
    authority: str
    portrait_sha256: bytes
    portrait_length: int

    def __post_init__(self) -> None:
        _check_text(self.number, "number", MAX_NUMBER)
        _check_text(self.name_native, "name_native", MAX_NATIVE, empty=True)
        _check_text(self.name_latin, "name_latin", MAX_LATIN)
        _check_text(self.authority, "authority", MAX_AUTHORITY)
        if not (self.number.isascii() and self.number.isalnum()):
            raise ValueError("the number has ASCII letters and digits only")
        if self.sex not in _SEXES:
            raise ValueError("sex is F, M or X")
        if self.permit_class not in (1, 2, 3):
            raise ValueError("the class is 1, 2 or 3")
        if len(self.portrait_sha256) != 32:
            raise ValueError("a SHA-256 digest has 32 bytes")
        if not 0 < self.portrait_length < 2**16:
            raise ValueError("the length of the portrait has 16 bits")

    @property
    def sector(self) -> Sector:
        return Sector.PERMIT


@dataclass(frozen=True, slots=True, kw_only=True)
class SectorEntitlements:
    """The element of one sector: service code → last day on which the service may be had. Empty when there is none.

    A code belongs to the sector (its letter says so): a counter cannot learn of another sector from the file that it
    may read. `address` is the holder's residence, which changes without a new card: the household offices' own, empty
    in every other sector. Raises `ValueError`.
    """

    sector: Sector
    services: Mapping[str, date]
    address: str = ""

    def __post_init__(self) -> None:
        if self.sector is Sector.PERMIT:
            raise ValueError("the element permit carries no services")
        if len(self.services) > MAX_SERVICES:
            raise ValueError(f"at most {MAX_SERVICES} services in a sector")
        for code in self.services:
            if Sector.of_code(code) is not self.sector:
                raise ValueError(f"service {code} is not of the sector {self.sector}")
        if self.address and self.sector is not Sector.HOUSEHOLD:
            raise ValueError(f"the sector {self.sector} carries no address")
        if self.address:
            _check_text(self.address, _ADDRESS, MAX_ADDRESS)


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerSignedItem:
    """A decoded item; digestID and elementIdentifier are those of `value.sector`. `random` has 16 to 255 bytes."""

    random: bytes
    value: PermitData | SectorEntitlements

    @property
    def sector(self) -> Sector:
        return self.value.sector

    @property
    def digest_id(self) -> int:
        return self.value.sector.digest_id


def digest(raw: bytes) -> bytes:
    """SHA-256 of a file as read: what the MSO has in valueDigests."""
    return hashlib.sha256(raw).digest()


def encode_item(value: PermitData | SectorEntitlements, *, random: Callable[[int], bytes]) -> bytes:
    """IssuerSignedItemBytes, tag 24 included; what the records admit always fits the file.

    `random(n)` gives n fresh random bytes: a salt is never used twice.
    """
    salt = random(SALT_SIZE)
    if len(salt) != SALT_SIZE:
        raise ValueError(f"the random source gave {len(salt)} bytes instead of {SALT_SIZE}")
    values = {"random": cbor.encode(salt), "elementValue": _element(value)}
    return cbor.embed(_template(value.sector).fill(values))


def decode_item(raw: bytes, sector: Sector) -> IssuerSignedItem:
    """Read the file of `sector`. Raises `DecodeError`, also for a well-formed item of another sector."""
    path = f"EF.NS.{sector}"
    outer = cbor.decode(raw, max_size=MAX_SIZE[sector], tags=frozenset({_EMBEDDED}), path=path)
    if not isinstance(outer, CBORTag) or type(outer.value) is not bytes:
        raise DecodeError("not an embedded CBOR item (tag 24)", path=path)
    start = len(raw) - len(outer.value)
    inner = cbor.decode(outer.value, max_size=len(raw), tags=frozenset({_DAYS}), path=path, offset=start)
    digest_id, salt, name, element = _members(
        inner, path, digestID=int, random=bytes, elementIdentifier=str, elementValue=dict
    )
    if digest_id != sector.digest_id or name != sector:
        raise DecodeError(f"an item of digestID {digest_id}", path=path)
    if not SALT_SIZE <= len(salt) <= MAX_SALT_SIZE:  # 18013-5 §9.1.2.5: at least 16
        raise DecodeError(f"random has {len(salt)} bytes", path=f"{path}/random")
    path = f"{path}/elementValue"
    try:
        value = _permit(element, path) if sector is Sector.PERMIT else _services(element, sector, path)
    except DecodeError:
        raise
    except ValueError as error:
        raise DecodeError(str(error), offset=start, path=path) from error
    return IssuerSignedItem(random=salt, value=value)


@cache
def _template(sector: Sector) -> cbor.Template:
    return cbor.Template(
        {
            "digestID": sector.digest_id,
            "random": cbor.hole("random"),
            "elementIdentifier": sector,
            "elementValue": cbor.hole("elementValue"),
        }
    )


def _element(value: PermitData | SectorEntitlements) -> bytes:
    if isinstance(value, SectorEntitlements):
        entries = {_code(code): _day(until) for code, until in value.services.items()}
        if value.address:
            entries[_code(_ADDRESS)] = cbor.encode(value.address)
        return cbor.encode_map(entries)
    return cbor.encode(
        {
            "number": value.number,
            "name_native": value.name_native,
            "name_latin": value.name_latin,
            "birth_date": CBORTag(_DAYS, value.birth_date.toordinal() - _EPOCH),
            "sex": value.sex,
            "class": value.permit_class,
            "authority": value.authority,
            "portrait": [value.portrait_length, value.portrait_sha256],
        }
    )


@lru_cache(maxsize=256)
def _code(code: str) -> bytes:
    """The key of a service: they are few."""
    return cbor.encode(code)


@lru_cache(maxsize=256)
def _day(until: date) -> bytes:
    """The last day of a service: holders endorsed on one day share theirs."""
    return cbor.encode(CBORTag(_DAYS, until.toordinal() - _EPOCH))


def _permit(element: Any, path: str) -> PermitData:
    number, native, latin, birth, sex, permit_class, authority, portrait = _members(
        element,
        path,
        number=str,
        name_native=str,
        name_latin=str,
        birth_date=CBORTag,
        sex=str,
        **{"class": int},
        authority=str,
        portrait=list,
    )
    if [type(part) for part in portrait] != [int, bytes]:
        raise DecodeError("must be a length and a digest", path=f"{path}/portrait")
    return PermitData(
        number=number,
        name_native=native,
        name_latin=latin,
        birth_date=_date(birth, f"{path}/birth_date"),
        sex=sex,
        permit_class=permit_class,
        authority=authority,
        portrait_length=portrait[0],
        portrait_sha256=portrait[1],
    )


def _services(element: dict[Any, Any], sector: Sector, path: str) -> SectorEntitlements:
    if any(type(code) is not str for code in element):
        raise DecodeError("a service code is a text", path=path)
    address = element.get(_ADDRESS, "")
    if type(address) is not str or (not address and _ADDRESS in element):
        raise DecodeError("an address is a text, or absent", path=f"{path}/{_ADDRESS}")
    dates = sorted((code, until) for code, until in element.items() if code != _ADDRESS)
    services = {code: _date(until, f"{path}/{code}") for code, until in dates}
    return SectorEntitlements(sector=sector, services=services, address=address)


def _members(value: Any, path: str, **kinds: type) -> list[Any]:
    """The values of a map that has exactly the members `kinds`, each of its type (and no bool for an int)."""
    if type(value) is not dict or value.keys() != kinds.keys():
        raise DecodeError(f"must be a map of {', '.join(kinds)}", path=path)
    for name, kind in kinds.items():
        if type(value[name]) is not kind:
            raise DecodeError(f"not of type {kind.__name__}", path=f"{path}/{name}")
    return [value[name] for name in kinds]


def _date(value: Any, path: str) -> date:
    if not isinstance(value, CBORTag) or type(value.value) is not int:
        raise DecodeError("must be days since 1970-01-01 (tag 100)", path=path)
    try:
        return date.fromordinal(value.value + _EPOCH)
    except (ValueError, OverflowError) as error:
        raise DecodeError(f"no date is {value.value} days from 1970-01-01", path=path) from error


def _check_text(text: str, name: str, limit: int, *, empty: bool = False) -> None:
    if not text and not empty:
        raise ValueError(f"{name} is empty")
    if not text.isprintable() and not all(character.isprintable() or character in _JOINERS for character in text):
        raise ValueError(f"{name} has a character that does not print")
    if len(text.encode()) > limit:  # printable, so free of surrogates
        raise ValueError(f"{name} has more than {limit} bytes")
