"""The MobileSecurityObject of ISO/IEC 18013-5 §9.1.2.4, as the permit profile has it: one form, no option.

EF.MSO is a COSE_Sign1 over ``MobileSecurityObjectBytes = #6.24(bstr .cbor MobileSecurityObject)``; the two functions
here write and read that payload. The envelope is `keys.envelopes.cose`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Any

from cbor2 import CBORTag

from keys import cbor
from keys.errors import DecodeError

from .catalogue import Sector

DOC_TYPE = "org.residencepermit.1"
NAMESPACE = "org.residencepermit.1"
VERSION = "1.0"
DIGEST_ALGORITHM = "SHA-256"
DIGEST_SIZE = 32
DIGEST_IDS = frozenset(sector.digest_id for sector in Sector)
"""3 to 12: all ten are always present, so that the MSO does not tell where the holder has entitlements."""
MAX_SIZE = 1024
"""Bytes of the payload; EF.MSO itself has 1,024."""
MAX_URI = 128

_TDATE, _EMBEDDED = 0, 24
_DIGESTS = {n: f"digest {n}" for n in DIGEST_IDS}  # holes of the template
_TDATE_SHAPE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_KTY, _CRV, _X, _Y = 1, -1, -2, -3  # RFC 9052 §7.1, RFC 9053 §7.1.1
_EC2, _P256 = 2, 1

_P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B


@dataclass(frozen=True, slots=True, kw_only=True)
class MobileSecurityObject:
    """What the entitlement signer signs.

    `value_digests`: SHA-256 of each IssuerSignedItemBytes by digestID, exactly 3 to 12. `device_key`: the chip's public
    key, an uncompressed P-256 point (04 x y, 65 bytes). Times are UTC, whole seconds; `valid_until` is the next
    endorsement date. Raises `ValueError` when a value is not as the profile has it.
    """

    value_digests: Mapping[int, bytes]
    device_key: bytes
    signed: datetime
    valid_from: datetime
    valid_until: datetime
    status_index: int
    status_uri: str
    version: str = VERSION
    digest_algorithm: str = DIGEST_ALGORITHM
    doc_type: str = DOC_TYPE

    def __post_init__(self) -> None:
        if (self.version, self.digest_algorithm, self.doc_type) != (VERSION, DIGEST_ALGORITHM, DOC_TYPE):
            raise ValueError(f"version {VERSION}, {DIGEST_ALGORITHM} and docType {DOC_TYPE} are all there is")
        if self.value_digests.keys() != DIGEST_IDS:
            raise ValueError("the digestIDs must be 3 to 12, each of them")
        if any(len(digest) != DIGEST_SIZE for digest in self.value_digests.values()):
            raise ValueError(f"a digest has {DIGEST_SIZE} bytes")
        _check_point(self.device_key)
        for time in (self.signed, self.valid_from, self.valid_until):
            if time.tzinfo is None or time.utcoffset() or time.microsecond:
                raise ValueError("times are UTC and whole seconds")
        if not self.signed <= self.valid_from < self.valid_until:  # 18013-5 §9.1.2.4
            raise ValueError("signed, validFrom and validUntil must follow each other")
        if not 0 <= self.status_index < 2**32:
            raise ValueError("the status index has 32 bits")
        if not (self.status_uri.isascii() and self.status_uri.isprintable() and 0 < len(self.status_uri) <= MAX_URI):
            raise ValueError(f"the status URI must be 1 to {MAX_URI} printable ASCII characters")


def encode_mso(mso: MobileSecurityObject) -> bytes:
    """The payload to sign: MobileSecurityObjectBytes, tag 24 included."""
    values = {
        **{_DIGESTS[n]: cbor.encode(digest) for n, digest in mso.value_digests.items()},
        "x": cbor.encode(mso.device_key[1:33]),
        "y": cbor.encode(mso.device_key[33:]),
        "signed": _tdate(mso.signed),
        "validFrom": _tdate(mso.valid_from),
        "validUntil": _tdate(mso.valid_until),
        "idx": cbor.encode(mso.status_index),
        "uri": cbor.encode(mso.status_uri),
    }
    return cbor.embed(_template().fill(values))


@cache
def _template() -> cbor.Template:
    hole = cbor.hole
    return cbor.Template(
        {
            "version": VERSION,
            "digestAlgorithm": DIGEST_ALGORITHM,
            "valueDigests": {NAMESPACE: {n: hole(name) for n, name in _DIGESTS.items()}},
            "deviceKeyInfo": {"deviceKey": {_KTY: _EC2, _CRV: _P256, _X: hole("x"), _Y: hole("y")}},
            "docType": DOC_TYPE,
            "validityInfo": {time: CBORTag(_TDATE, hole(time)) for time in ("signed", "validFrom", "validUntil")},
            "status": {"status_list": {name: hole(name) for name in ("idx", "uri")}},
        }
    )


@lru_cache(maxsize=4)  # reader and verdict read the same bytes in turn; there is nothing personal in them
def decode_mso(raw: bytes) -> MobileSecurityObject:
    """Read a payload made by `encode_mso`; any other member, digestID, form or order of times raises `DecodeError`."""
    path = "MobileSecurityObject"
    outer = cbor.decode(raw, max_size=MAX_SIZE, tags=frozenset({_EMBEDDED}), path=f"{path}Bytes")
    if not isinstance(outer, CBORTag) or type(outer.value) is not bytes:
        raise DecodeError("not an embedded CBOR item (tag 24)", path=f"{path}Bytes")
    inner = cbor.decode(
        outer.value, max_size=MAX_SIZE, tags=frozenset({_TDATE}), path=path, offset=len(raw) - len(outer.value)
    )
    version, algorithm, digests, key_info, doc_type, validity, status = _members(
        inner, path, "version", "digestAlgorithm", "valueDigests", "deviceKeyInfo", "docType", "validityInfo", "status"
    )
    (by_id,) = _members(digests, f"{path}/valueDigests", NAMESPACE)
    (key,) = _members(key_info, f"{path}/deviceKeyInfo", "deviceKey")
    times = _members(validity, f"{path}/validityInfo", "signed", "validFrom", "validUntil")
    (reference,) = _members(status, f"{path}/status", "status_list")
    index, uri = _members(reference, f"{path}/status/status_list", "idx", "uri")
    signed, valid_from, valid_until = (_time(time, f"{path}/validityInfo") for time in times)
    try:
        return MobileSecurityObject(
            version=_typed(version, str, f"{path}/version"),
            digest_algorithm=_typed(algorithm, str, f"{path}/digestAlgorithm"),
            doc_type=_typed(doc_type, str, f"{path}/docType"),
            value_digests=_digests(by_id, f"{path}/valueDigests/{NAMESPACE}"),
            device_key=_point(key, f"{path}/deviceKeyInfo/deviceKey"),
            signed=signed,
            valid_from=valid_from,
            valid_until=valid_until,
            status_index=_typed(index, int, f"{path}/status/status_list/idx"),
            status_uri=_typed(uri, str, f"{path}/status/status_list/uri"),
        )
    except DecodeError:
        raise
    except ValueError as error:
        raise DecodeError(str(error), path=path) from error


def _members(value: Any, path: str, *names: str) -> list[Any]:
    """The values of a map that has exactly the members `names`."""
    if type(value) is not dict or value.keys() != set(names):
        raise DecodeError(f"must be a map of {', '.join(names)}", path=path)
    return [value[name] for name in names]


def _typed(value: Any, kind: type, path: str) -> Any:
    if type(value) is not kind:  # bool is an int to isinstance
        raise DecodeError(f"not of type {kind.__name__}", path=path)
    return value


def _digests(value: Any, path: str) -> Mapping[int, bytes]:
    if type(value) is not dict or value.keys() != DIGEST_IDS:
        raise DecodeError("must be a map of the digestIDs 3 to 12", path=path)
    return MappingProxyType({n: _typed(value[n], bytes, f"{path}/{n}") for n in sorted(value)})


def _point(value: Any, path: str) -> bytes:
    if type(value) is not dict or value.keys() != {_KTY, _CRV, _X, _Y}:
        raise DecodeError("must be a COSE_Key of kty, crv, x and y", path=path)
    if _typed(value[_KTY], int, path) != _EC2 or _typed(value[_CRV], int, path) != _P256:
        raise DecodeError("must be an EC2 key on P-256", path=path)
    x: bytes = _typed(value[_X], bytes, path)
    y: bytes = _typed(value[_Y], bytes, path)
    if len(x) != 32 or len(y) != 32:  # RFC 9053 §7.1.1: leading zeros are kept
        raise DecodeError("x and y have 32 bytes each", path=path)
    return b"\x04" + x + y


def _check_point(point: bytes) -> None:
    """The verifier multiplies its ephemeral secret with this point, so a point of another curve never gets that far."""
    if len(point) != 65 or point[0] != 4:
        raise ValueError("a device key is an uncompressed point of 65 bytes")
    x, y = int.from_bytes(point[1:33], "big"), int.from_bytes(point[33:], "big")
    if x >= _P or y >= _P or (y * y - (x * x * x - 3 * x + _B)) % _P:
        raise ValueError("the device key is not a point of P-256")


def _tdate(time: datetime) -> bytes:
    """The text of a tdate."""
    return cbor.encode(time.isoformat()[: -len("+00:00")] + "Z")


def _time(value: Any, path: str) -> datetime:
    if not isinstance(value, CBORTag) or type(value.value) is not str or not _TDATE_SHAPE.fullmatch(value.value):
        raise DecodeError("must be a tdate (tag 0) in UTC without fractions: YYYY-MM-DDThh:mm:ssZ", path=path)
    try:
        return datetime.fromisoformat(value.value[:-1]).replace(tzinfo=UTC)
    except ValueError as error:
        raise DecodeError(str(error), path=path) from error
