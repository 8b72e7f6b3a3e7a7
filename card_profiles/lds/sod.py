"""EF.SOD: the signed digests of the data groups (ICAO Doc 9303-10 §4.6.2).

This module is the LDSSecurityObject, the content that is signed, and the tag 77 around the CMS SignedData. The
SignedData itself is `keys.envelopes.cms`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from card_profiles.iso7816 import tlv
from keys.errors import DecodeError

from .com import DATA_GROUP_TAGS, LDS_VERSION, UNICODE_VERSION, is_version

TAG = 0x77
MAX_SIZE = 16_384  # bytes of the whole file; ours are about 1,200
MAX_OBJECT_SIZE = 2048  # bytes of an LDSSecurityObject: sixteen SHA-512 digests need 1,150

LDS_SECURITY_OBJECT_OID = "2.23.136.1.1.1"  # 9303-10 §4.6.2.2, id-icao-mrtd-security-ldsSecurityObject

_INTEGER, _OCTETS, _NULL, _OID, _PRINTABLE, _SEQUENCE = 0x02, 0x04, 0x05, 0x06, 0x13, 0x30

_HASHES = {
    "sha256": bytes.fromhex("608648016503040201"),  # 2.16.840.1.101.3.4.2.1
    "sha384": bytes.fromhex("608648016503040202"),
    "sha512": bytes.fromhex("608648016503040203"),
}
_HASH_NAMES = {oid: name for name, oid in _HASHES.items()}
_DIGEST_SIZES = {"sha256": 32, "sha384": 48, "sha512": 64}


@dataclass(frozen=True, slots=True, kw_only=True)
class LdsSecurityObject:
    """Digests of the data groups by their numbers, over the files as they are on the chip.

    With versions this is an LDSSecurityObject v1 (LDS 1.8), without one v0 (LDS 1.7). `hash_algorithm` is a hashlib
    name: sha256, sha384 or sha512; SHA-1 and SHA-224 are refused. The mapping is copied and read-only.
    """

    hash_algorithm: str
    data_group_hashes: Mapping[int, bytes]
    lds_version: str | None = LDS_VERSION
    unicode_version: str | None = UNICODE_VERSION

    def __post_init__(self) -> None:
        size = _DIGEST_SIZES.get(self.hash_algorithm)
        if size is None:
            raise ValueError(f"not a hash algorithm of ours: {self.hash_algorithm!r}")
        digests = dict(sorted(self.data_group_hashes.items()))
        if not digests or any(number not in DATA_GROUP_TAGS for number in digests):
            raise ValueError("no data group, or not a data group number")
        if any(len(digest) != size for digest in digests.values()):
            raise ValueError(f"a digest that has not {size} bytes")
        if (self.lds_version is None) != (self.unicode_version is None):
            raise ValueError("one version without the other")
        if not is_version(self.lds_version or LDS_VERSION, 4) or not is_version(
            self.unicode_version or UNICODE_VERSION, 6
        ):
            raise ValueError("a version is four or six digits")
        object.__setattr__(self, "data_group_hashes", MappingProxyType(digests))

    @classmethod
    def over(cls, files: Mapping[int, bytes], *, hash_algorithm: str = "sha256") -> LdsSecurityObject:
        """The object over whole files, by data group number."""
        return cls(
            hash_algorithm=hash_algorithm,
            data_group_hashes={n: hashlib.new(hash_algorithm, raw).digest() for n, raw in files.items()},
        )

    def matches(self, number: int, raw: bytes) -> bool:
        """Whether data group `number` is listed and `raw`, the file as read, has its digest."""
        expected = self.data_group_hashes.get(number)
        return expected is not None and hashlib.new(self.hash_algorithm, raw).digest() == expected


def encode(security_object: LdsSecurityObject) -> bytes:
    """DER of the LDSSecurityObject, to be signed. The AlgorithmIdentifier has no parameters (RFC 5754 §2)."""
    versions = security_object.lds_version is not None
    hashes = b"".join(
        _hash_head(number, len(digest)) + digest for number, digest in security_object.data_group_hashes.items()
    )
    return tlv.encode(
        _SEQUENCE,
        tlv.encode(_INTEGER, b"\x01" if versions else b"\x00")
        + tlv.encode(_SEQUENCE, tlv.encode(_OID, _HASHES[security_object.hash_algorithm]))
        + tlv.encode(_SEQUENCE, hashes)
        + (_version_info(security_object.lds_version, security_object.unicode_version) if versions else b""),
    )


@lru_cache(maxsize=64)
def _hash_head(number: int, size: int) -> bytes:
    """A DataGroupHash up to its digest of `size` bytes."""
    inner = tlv.encode_sequence(((_INTEGER, bytes((number,))), (_OCTETS, bytes(size))))
    return tlv.encode(_SEQUENCE, inner)[:-size]


@lru_cache(maxsize=4)
def _version_info(*versions: str | None) -> bytes:
    texts = [(_PRINTABLE, text.encode()) for text in versions if text is not None]
    return tlv.encode(_SEQUENCE, tlv.encode_sequence(texts))


def decode(raw: bytes) -> LdsSecurityObject:
    """The record of an LDSSecurityObject in DER. Raises DecodeError.

    Strict but for one thing: the NULL parameters of the hash algorithm that many issuers write are accepted.
    """
    parts = tlv.unwrap(raw, _SEQUENCE, max_size=MAX_OBJECT_SIZE).children()
    path = "LDSSecurityObject"
    if [part.tag for part in parts] not in ([_INTEGER, _SEQUENCE, _SEQUENCE], [_INTEGER, *[_SEQUENCE] * 3]):
        raise DecodeError("not version, algorithm, digests and versions", path=path)
    if parts[0].value != (b"\x01" if len(parts) == 4 else b"\x00"):
        raise DecodeError("version does not fit the fields", offset=parts[0].offset, path=f"{path}/version")
    hash_algorithm = _hash_algorithm(parts[1])
    lds_version = unicode_version = None
    if len(parts) == 4:
        lds_version, unicode_version = _versions(parts[3])
    digests: dict[int, bytes] = {}
    for entry in parts[2].children():
        number, digest = _digest(entry)
        if digests and number <= max(digests):
            raise DecodeError("data groups twice or not in order", offset=entry.offset, path=f"{path}/hashes")
        digests[number] = digest
    try:
        return LdsSecurityObject(
            hash_algorithm=hash_algorithm,
            data_group_hashes=digests,
            lds_version=lds_version,
            unicode_version=unicode_version,
        )
    except ValueError as error:
        raise DecodeError(str(error), offset=parts[2].offset, path=path) from None


def wrap(cms: bytes) -> bytes:
    """EF.SOD: tag 77 around a CMS ContentInfo in DER. Raises ValueError where no `unwrap` would read it."""
    raw = tlv.encode(TAG, cms)
    try:
        tag, length, header = tlv.header(cms)
    except DecodeError as error:
        raise ValueError(f"not a ContentInfo: {error}") from error
    if tag != _SEQUENCE or header + length != len(cms) or len(raw) > MAX_SIZE:
        raise ValueError("not a ContentInfo, or too long")
    return raw


def unwrap(raw: bytes) -> bytes:
    """The CMS ContentInfo inside EF.SOD, not decoded further than its outer SEQUENCE. Raises DecodeError."""
    content = tlv.unwrap(raw, TAG, max_size=MAX_SIZE)
    outer = content.children()
    if [element.tag for element in outer] != [_SEQUENCE]:
        raise DecodeError("not one ContentInfo", offset=content.value_offset, path="EF.SOD")
    return content.value


def _hash_algorithm(element: tlv.Tlv) -> str:
    path = "LDSSecurityObject/hashAlgorithm"
    parts = element.children()
    parameters = [(part.tag, part.value) for part in parts[1:]]
    if not parts or parts[0].tag != _OID or parameters not in ([], [(_NULL, b"")]):
        raise DecodeError("not an AlgorithmIdentifier of a hash", offset=element.offset, path=path)
    if parts[0].value not in _HASH_NAMES:
        raise DecodeError("not a hash algorithm that we accept", offset=parts[0].offset, path=path)
    return _HASH_NAMES[parts[0].value]


def _digest(entry: tlv.Tlv) -> tuple[int, bytes]:
    parts = entry.children() if entry.tag == _SEQUENCE else ()
    if [part.tag for part in parts] != [_INTEGER, _OCTETS] or len(parts[0].value) != 1:
        raise DecodeError("not a number and a digest", offset=entry.offset, path="LDSSecurityObject/hashes")
    return parts[0].value[0], parts[1].value


def _versions(element: tlv.Tlv) -> tuple[str, str]:
    path = "LDSSecurityObject/ldsVersionInfo"
    parts = element.children()
    if [part.tag for part in parts] != [_PRINTABLE, _PRINTABLE]:
        raise DecodeError("not two versions", offset=element.offset, path=path)
    try:
        lds_version, unicode_version = (part.value.decode("ascii") for part in parts)
    except UnicodeDecodeError:
        raise DecodeError("not ASCII", offset=element.offset, path=path) from None
    if not is_version(lds_version, 4) or not is_version(unicode_version, 6):
        raise DecodeError("not versions", offset=element.offset, path=path)
    return lds_version, unicode_version
