"""The signed code on the back of the card: a CWT (RFC 8392) with the identity of claim 169, as QR text.

    claims (CBOR) → COSE_Sign1, ES256, tag 18 → zlib → base45 → QR version 12, ECC M, alphanumeric: 419 characters

Anybody who sees the back of a card can read it, and a copy looks the same. So it says who the holder is (which the
front of the card says in print), what opens the chip, and of the services only those that tell nothing but that there
is a permit: `OPEN_SERVICES`. docs/adr/0009 says why, and what it costs.

====== ================================================================================================================
claim  value
====== ================================================================================================================
4      exp: the next endorsement date, seconds since 1970
5      nbf: only where it is later than iat
6      iat: when it was signed
169    identity (MOSIP): 1 document number, 4 Latin name, 8 birth date YYYYMMDD, 9 sex, 19 native name (if it fits)
-65537 permit: [number, class, expiry of the card (days since 1970), status index, status URI, open services or null]
====== ================================================================================================================

Open services are a map from the last day (days since 1970) to the codes that end with it, put together in their order:
``{21139: "C03J02"}``; null where they were left out for want of room. The status URI stands without its ``https://``: a
status claim of the standard form (65535) would cost 25 bytes more, which is eight Han characters of a name.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

from keys import cbor
from keys.algorithms import CoseAlgorithm
from keys.envelopes import cose
from keys.errors import DecodeError

from .entitlements.catalogue import Sector
from .lds import mrz

QR_VERSION = 12
QR_ERROR = "M"
MAX_TEXT = 419
"""Characters of a QR code of version 12 with error correction M, alphanumeric (ISO/IEC 18004 table 7)."""
MAX_COSE = 512
"""Bytes after inflating; what fits the text never has more than some 280."""
OPEN_SERVICES = frozenset({"H05", "J02", "J08", "P02", "P03", "R03", "C01", "C02", "C03"})
"""Services that whoever has a permit may ask for: to have one tells nothing of health, family, income, work or strife.
A service is not printed unless it stands here; family planning never does."""

CUT = "…"
"""The end of a native name that did not fit."""

EXP, NBF, IAT = 4, 5, 6  # RFC 8392 §3.1
IDENTITY = 169  # IANA CWT claims: MOSIP
PERMIT = -65537  # private use: less than -65536
_ID, _FULL_NAME, _BIRTH, _GENDER, _SECOND_NAME = 1, 4, 8, 9, 19
_SEXES = {1: "M", 2: "F", 3: "X"}
_GENDERS = {sex: number for number, sex in _SEXES.items()}
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"  # RFC 9285 table 1
_VALUES = {character: value for value, character in enumerate(_ALPHABET)}
_EPOCH = date(1970, 1, 1).toordinal()
_LAST_SECOND = 253402300799  # 9999-12-31T23:59:59Z
_ZLIB_HEADER = b"\x78\x01"  # 32 kB window, no dictionary (RFC 1950 §2.2)
_MAX_NAME, _MAX_NUMBER, _MAX_URI = 84, 20, 128
_HTTPS = "https://"
_JOINERS = "\u200c\u200d"
_LONGEST_SIGNATURE = bytes([0xFF]) * 64  # each byte is nine bits in fixed codes: what fits with it fits with any
_PATH = "PrintedCode"


class DoesNotFit(ValueError):
    """The code is longer than its symbol holds, shortened as far as the rules allow; `length` in characters."""

    def __init__(self, length: int) -> None:
        super().__init__(f"{length} characters, at most {MAX_TEXT} fit")
        self.length = length


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintedCode:
    """What the code says. Times are UTC, whole seconds; `expiry_date` is the card's, `valid_until` the endorsement's.

    `services` are open services with their last days; None: left out. `name_native` may be empty. Raises `ValueError`.
    """

    document_number: str
    birth_date: date
    expiry_date: date
    name_latin: str
    name_native: str
    sex: str
    permit_number: str
    permit_class: int
    services: Mapping[str, date] | None
    signed: datetime
    valid_from: datetime
    valid_until: datetime
    status_index: int
    status_uri: str

    def __post_init__(self) -> None:
        self.mrz_password()
        _check_name(self.name_latin, empty=False)
        _check_name(self.name_native, empty=True)
        number = self.permit_number
        if not (0 < len(number) <= _MAX_NUMBER and number.isascii() and number.isalnum()):
            raise ValueError(f"the permit number is not 1 to {_MAX_NUMBER} ASCII letters and digits")
        if self.sex not in _GENDERS or self.permit_class not in (1, 2, 3):
            raise ValueError("sex is F, M or X, the class 1, 2 or 3")
        if self.services is not None and not self.services.keys() <= OPEN_SERVICES:
            raise ValueError("a service that is not open is not printed")
        for time in (self.signed, self.valid_from, self.valid_until):
            if time.tzinfo is None or time.utcoffset() or time.microsecond:
                raise ValueError("times are UTC and whole seconds")
        if not self.signed <= self.valid_from < self.valid_until:
            raise ValueError("iat, nbf and exp must follow each other")
        if not 0 <= self.status_index < 2**32:
            raise ValueError("the status index has 32 bits")
        uri = self.status_uri
        if not (uri.isascii() and uri.isprintable() and 0 < len(uri) <= _MAX_URI):
            raise ValueError(f"the status URI must be 1 to {_MAX_URI} printable ASCII characters")
        if "://" not in uri:
            raise ValueError("the status URI lacks its scheme")

    def mrz_password(self) -> str:
        """The MRZ information that opens the chip: `Password.from_mrz` takes it."""
        return mrz.mrz_information(self.document_number, f"{self.birth_date:%y%m%d}", f"{self.expiry_date:%y%m%d}")

    def of(self, sector: Sector) -> Mapping[str, date]:
        """The open services of one sector."""
        return {code: until for code, until in (self.services or {}).items() if Sector.of_code(code) is sector}


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedCode:
    """A code as scanned: what it claims is *not* to be believed before `envelope.verify` returned."""

    envelope: cose.Sign1
    code: PrintedCode


def encode(code: PrintedCode, *, sign: cose.RawSign, kid: bytes) -> str:
    """The text to print, at most `MAX_TEXT` characters, `code` shortened by the rules of `fitted`.

    Raises `DoesNotFit`, before anything is signed.
    """
    payload = encode_claims(fitted(code, kid=kid))
    return wrap(cose.sign1(payload, sign=sign, kid=kid, tagged=True))


def fitted(code: PrintedCode, *, kid: bytes) -> PrintedCode:
    """`code` itself, or shortened until it fits whatever its signature: the first of these rules that is enough, each
    on top of those before. Latin name as the MRZ has it; open services left out; native name cut at its end, with a
    ``…`` for the rest.

    An address is never in it. Raises `DoesNotFit`.
    """
    length = 0
    for candidate in _shortenings(code):
        trial = cose.sign1(encode_claims(candidate), sign=lambda _: _LONGEST_SIGNATURE, kid=kid, tagged=True)
        length = len(wrap(trial))
        if length <= MAX_TEXT:
            return candidate
    raise DoesNotFit(length)


def decode(text: str) -> SignedCode:
    """Read the text of a code: strict at each layer, total; `DecodeError` for whatever `encode` does not write."""
    return parse(unwrap(text))


def parse(raw: bytes) -> SignedCode:
    """Read the COSE_Sign1 of a code. Raises `DecodeError`."""
    envelope = cose.parse(
        raw,
        max_size=MAX_COSE,
        tagged=True,
        protected_labels=frozenset({cose.ALG}),
        unprotected_labels=frozenset({cose.KID}),
        path=_PATH,
    )
    if envelope.algorithm != CoseAlgorithm.ES256 or envelope.headers.keys() != {cose.ALG}:
        raise DecodeError("signed by another algorithm than ES256", path=_PATH)
    return SignedCode(envelope=envelope, code=decode_claims(envelope.payload))


def wrap(raw: bytes) -> str:
    """The text of a COSE_Sign1: the one zlib stream that `deflate` makes, in base45."""
    return base45_encode(deflate(raw))


def deflate(raw: bytes) -> bytes:
    """A zlib stream of one last block, fixed codes, literals only (RFC 1951 §3.2.6).

    By hand, because zlib stores what does not shrink, even under Z_FIXED, and an inflater common in JavaScript stumbles
    over stored blocks; and because the same bytes then have one text only, whatever zlib is installed.
    """
    bits = ["110"]  # BFINAL, then BTYPE 01 from its low bit
    for byte in raw:
        bits.append(f"{0x30 + byte:08b}" if byte < 144 else f"{0x190 + byte - 144:09b}")
    stream = "".join(bits) + "0000000"  # end of block
    stream += "0" * (-len(stream) % 8)
    block = bytes(int(stream[at : at + 8][::-1], 2) for at in range(0, len(stream), 8))
    return _ZLIB_HEADER + block + zlib.adler32(raw).to_bytes(4, "big")


def unwrap(text: str) -> bytes:
    """The bytes inside the text of a code, at most `MAX_COSE`; only the text that `wrap` makes of them is taken."""
    if len(text) > MAX_TEXT:
        raise DecodeError(f"{len(text)} characters, at most {MAX_TEXT} fit a code", offset=MAX_TEXT, path=_PATH)
    packed = base45_decode(text)
    inflate = zlib.decompressobj()
    try:
        raw = inflate.decompress(packed, MAX_COSE)
    except zlib.error as error:
        raise DecodeError(f"does not inflate: {error}", path=_PATH) from error
    if deflate(raw) != packed:  # cut short, too long, with bytes behind it, or packed in another way
        raise DecodeError("not one block of literals in fixed codes", path=_PATH)
    return raw


def base45_encode(data: bytes) -> str:
    """RFC 9285 §4: two bytes are three characters, a last single byte two."""
    text = []
    for at in range(0, len(data), 2):
        pair = data[at : at + 2]
        number = int.from_bytes(pair, "big")
        for _ in range(len(pair) + 1):
            number, digit = divmod(number, 45)
            text.append(_ALPHABET[digit])
    return "".join(text)


def base45_decode(text: str) -> bytes:
    """RFC 9285 §4 and §6: `DecodeError` for another character, a length no encoder makes, a number too large."""
    if len(text) % 3 == 1:
        raise DecodeError("a single character is left over", offset=len(text) - 1, path="base45")
    data = bytearray()
    for at in range(0, len(text), 3):
        group = text[at : at + 3]
        number = 0
        for place, character in enumerate(group):
            value = _VALUES.get(character)
            if value is None:
                raise DecodeError("not a character of base45", offset=at + place, path="base45")
            number += value * 45**place
        size = len(group) - 1
        if number >> 8 * size:
            raise DecodeError("a group that no bytes encode to", offset=at, path="base45")
        data += number.to_bytes(size, "big")
    return bytes(data)


def encode_claims(code: PrintedCode) -> bytes:
    """The CWT claims set to sign."""
    identity: dict[int, Any] = {
        _ID: code.document_number,
        _FULL_NAME: code.name_latin,
        _BIRTH: f"{code.birth_date.year:04}{code.birth_date:%m%d}",
        _GENDER: _GENDERS[code.sex],
    }
    if code.name_native:
        identity[_SECOND_NAME] = code.name_native
    claims: dict[int, Any] = {
        EXP: int(code.valid_until.timestamp()),
        IAT: int(code.signed.timestamp()),
        IDENTITY: identity,
        PERMIT: [
            code.permit_number,
            code.permit_class,
            _days(code.expiry_date),
            code.status_index,
            code.status_uri.removeprefix(_HTTPS),
            _packed(code.services),
        ],
    }
    if code.valid_from > code.signed:
        claims[NBF] = int(code.valid_from.timestamp())
    return cbor.encode(claims)


def decode_claims(payload: bytes) -> PrintedCode:
    """Read what `encode_claims` writes, and only that: the same claims in another order or form are refused."""
    claims = cbor.decode(payload, max_size=MAX_COSE, path=_PATH)
    if type(claims) is not dict or claims.keys() - {NBF} != {EXP, IAT, IDENTITY, PERMIT}:
        raise DecodeError("the claims are not those of a printed code", path=_PATH)
    identity = _typed(claims[IDENTITY], dict, "169")
    if identity.keys() - {_SECOND_NAME} != {_ID, _FULL_NAME, _BIRTH, _GENDER}:
        raise DecodeError("the identity data is not that of a printed code", path=f"{_PATH}/169")
    permit = _typed(claims[PERMIT], list, "permit")
    if len(permit) != 6:
        raise DecodeError("not an array of six", path=f"{_PATH}/permit")
    signed = _time(claims[IAT], "iat")
    try:
        code = PrintedCode(
            document_number=_typed(identity[_ID], str, "169/1"),
            name_latin=_typed(identity[_FULL_NAME], str, "169/4"),
            birth_date=_birth(_typed(identity[_BIRTH], str, "169/8")),
            sex=_SEXES.get(_typed(identity[_GENDER], int, "169/9"), ""),
            name_native=_typed(identity.get(_SECOND_NAME, ""), str, "169/19"),
            permit_number=_typed(permit[0], str, "permit/0"),
            permit_class=_typed(permit[1], int, "permit/1"),
            expiry_date=_day(permit[2], "permit/2"),
            services=_unpacked(permit[5]),
            signed=signed,
            valid_from=_time(claims[NBF], "nbf") if NBF in claims else signed,
            valid_until=_time(claims[EXP], "exp"),
            status_index=_typed(permit[3], int, "permit/3"),
            status_uri=_uri(_typed(permit[4], str, "permit/4")),
        )
    except DecodeError:
        raise
    except ValueError as error:
        raise DecodeError(str(error), path=_PATH) from error
    if encode_claims(code) != payload:
        raise DecodeError("not in the form that is written", path=_PATH)
    return code


def _shortenings(code: PrintedCode) -> Iterator[PrintedCode]:
    yield code
    code = replace(code, name_latin=_as_in_mrz(code.name_latin))
    yield code
    code = replace(code, services=None)
    yield code
    for length in range(len(code.name_native) - 1, 0, -1):
        yield replace(code, name_native=code.name_native[:length] + CUT)
    yield replace(code, name_native="")


def _as_in_mrz(name: str) -> str:
    """``PRIMARY, SECONDARY`` within the 30 positions of the zone, by the rules of 9303-5 §4.2.3."""
    primary, _, secondary = name.partition(", ")
    try:
        field = mrz.name_field(primary, secondary).rstrip("<")
    except ValueError:
        return name
    return field.replace("<<", ", ").replace("<", " ")


def _packed(services: Mapping[str, date] | None) -> dict[int, str] | None:
    if services is None:
        return None
    packed: dict[int, str] = {}
    for code in sorted(services):
        last = _days(services[code])
        packed[last] = packed.get(last, "") + code
    return packed


def _unpacked(value: Any) -> Mapping[str, date] | None:
    if value is None:
        return None
    services: dict[str, date] = {}
    for last, codes in _typed(value, dict, "permit/5").items():
        text, day = _typed(codes, str, "permit/5"), _day(last, "permit/5")
        for at in range(0, len(text), 3):
            services[text[at : at + 3]] = day
    return services


def _days(day: date) -> int:
    return day.toordinal() - _EPOCH


def _day(value: Any, name: str) -> date:
    try:
        return date.fromordinal(int(_typed(value, int, name)) + _EPOCH)
    except (ValueError, OverflowError) as error:
        raise DecodeError(f"no date is {value} days from 1970-01-01", path=f"{_PATH}/{name}") from error


def _birth(text: str) -> date:
    if not (len(text) == 8 and text.isascii() and text.isdigit()):
        raise DecodeError("a birth date is YYYYMMDD", path=f"{_PATH}/169/8")
    return date(int(text[:4]), int(text[4:6]), int(text[6:]))


def _time(value: Any, name: str) -> datetime:
    seconds: int = _typed(value, int, name)
    if not 0 <= seconds <= _LAST_SECOND:
        raise DecodeError("not a time that a permit can have", path=f"{_PATH}/{name}")
    return datetime.fromtimestamp(seconds, UTC)


def _typed(value: Any, kind: type, name: str) -> Any:
    if type(value) is not kind:  # bool is an int to isinstance
        raise DecodeError(f"not of type {kind.__name__}", path=f"{_PATH}/{name}")
    return value


def _uri(text: str) -> str:
    return text if "://" in text else _HTTPS + text


def _check_name(text: str, *, empty: bool) -> None:
    if not text and not empty:
        raise ValueError("a name is empty")
    if not all(character.isprintable() or character in _JOINERS for character in text):
        raise ValueError("a name has a character that does not print")
    if len(text.encode()) > _MAX_NAME:
        raise ValueError(f"a name has more than {_MAX_NAME} bytes")
