"""SecurityInfos of EF.CardAccess and DG14 (ICAO 9303-11 §9.2; BSI TR-03110-3 A.1.1): what the chip offers.

SecurityInfos ::= SET OF SEQUENCE { protocol OBJECT IDENTIFIER, requiredData, optionalData OPTIONAL }. Protocols and
versions that this project does not run stay opaque, byte for byte. Strict DER: sorted, no duplicates.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from card_profiles.iso7816 import tlv
from card_profiles.iso7816.tlv import Tlv
from card_profiles.protocols import der, public_key_info
from card_profiles.protocols.points import Point
from keys.errors import DecodeError

MAX_SIZE = 8192  # bytes; the largest DG14 seen in the field has about 1 kB
MAX_INFOS = 32
MAX_ID = 0x7FFFFFFF  # keyId and parameterId; in practice one byte

PACE_VERSION = 2  # §9.2.1: MUST be 2
CA_VERSION = 1  # §9.2.5: MUST be 1; TR-03110 also has versions 2 and 3, which national eID applications offer


class Oid(StrEnum):
    """Object identifiers under bsi-de protocols smartcard, 0.4.0.127.0.7.2.2 (BSI TR-03110-3 A.1.1, A.6.4)."""

    ID_PK_DH = "0.4.0.127.0.7.2.2.1.1"
    ID_PK_ECDH = "0.4.0.127.0.7.2.2.1.2"
    ID_TA = "0.4.0.127.0.7.2.2.2"
    ID_CA_DH_3DES_CBC_CBC = "0.4.0.127.0.7.2.2.3.1.1"
    ID_CA_DH_AES_CBC_CMAC_128 = "0.4.0.127.0.7.2.2.3.1.2"
    ID_CA_DH_AES_CBC_CMAC_192 = "0.4.0.127.0.7.2.2.3.1.3"
    ID_CA_DH_AES_CBC_CMAC_256 = "0.4.0.127.0.7.2.2.3.1.4"
    ID_CA_ECDH_3DES_CBC_CBC = "0.4.0.127.0.7.2.2.3.2.1"
    ID_CA_ECDH_AES_CBC_CMAC_128 = "0.4.0.127.0.7.2.2.3.2.2"
    ID_CA_ECDH_AES_CBC_CMAC_192 = "0.4.0.127.0.7.2.2.3.2.3"
    ID_CA_ECDH_AES_CBC_CMAC_256 = "0.4.0.127.0.7.2.2.3.2.4"
    ID_PACE_DH_GM_3DES_CBC_CBC = "0.4.0.127.0.7.2.2.4.1.1"
    ID_PACE_DH_GM_AES_CBC_CMAC_128 = "0.4.0.127.0.7.2.2.4.1.2"
    ID_PACE_DH_GM_AES_CBC_CMAC_192 = "0.4.0.127.0.7.2.2.4.1.3"
    ID_PACE_DH_GM_AES_CBC_CMAC_256 = "0.4.0.127.0.7.2.2.4.1.4"
    ID_PACE_ECDH_GM_3DES_CBC_CBC = "0.4.0.127.0.7.2.2.4.2.1"
    ID_PACE_ECDH_GM_AES_CBC_CMAC_128 = "0.4.0.127.0.7.2.2.4.2.2"
    ID_PACE_ECDH_GM_AES_CBC_CMAC_192 = "0.4.0.127.0.7.2.2.4.2.3"
    ID_PACE_ECDH_GM_AES_CBC_CMAC_256 = "0.4.0.127.0.7.2.2.4.2.4"
    ID_PACE_DH_IM_3DES_CBC_CBC = "0.4.0.127.0.7.2.2.4.3.1"
    ID_PACE_DH_IM_AES_CBC_CMAC_128 = "0.4.0.127.0.7.2.2.4.3.2"
    ID_PACE_DH_IM_AES_CBC_CMAC_192 = "0.4.0.127.0.7.2.2.4.3.3"
    ID_PACE_DH_IM_AES_CBC_CMAC_256 = "0.4.0.127.0.7.2.2.4.3.4"
    ID_PACE_ECDH_IM_3DES_CBC_CBC = "0.4.0.127.0.7.2.2.4.4.1"
    ID_PACE_ECDH_IM_AES_CBC_CMAC_128 = "0.4.0.127.0.7.2.2.4.4.2"
    ID_PACE_ECDH_IM_AES_CBC_CMAC_192 = "0.4.0.127.0.7.2.2.4.4.3"
    ID_PACE_ECDH_IM_AES_CBC_CMAC_256 = "0.4.0.127.0.7.2.2.4.4.4"
    ID_PACE_ECDH_CAM_AES_CBC_CMAC_128 = "0.4.0.127.0.7.2.2.4.6.2"
    ID_PACE_ECDH_CAM_AES_CBC_CMAC_192 = "0.4.0.127.0.7.2.2.4.6.3"
    ID_PACE_ECDH_CAM_AES_CBC_CMAC_256 = "0.4.0.127.0.7.2.2.4.6.4"


_PACE = frozenset(oid for oid in Oid if oid.name.startswith("ID_PACE_"))
_CHIP_AUTHENTICATION = frozenset(oid for oid in Oid if oid.name.startswith("ID_CA_"))


@dataclass(frozen=True, slots=True, kw_only=True)
class PaceInfo:
    """PACEInfo { protocol, version 2, parameterId OPTIONAL } (§9.2.1). `parameter_id` None: proprietary parameters."""

    oid: Oid
    parameter_id: int | None

    def encode(self) -> bytes:
        return _encode_info(self.oid, der.encode_integer(PACE_VERSION), self.parameter_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChipAuthenticationInfo:
    """ChipAuthenticationInfo { protocol, version 1, keyId OPTIONAL } (§9.2.5)."""

    oid: Oid
    key_id: int | None = None

    def encode(self) -> bytes:
        return _encode_info(self.oid, der.encode_integer(CA_VERSION), self.key_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChipAuthenticationPublicKeyInfo:
    """ChipAuthenticationPublicKeyInfo { id-PK-ECDH, SubjectPublicKeyInfo, keyId OPTIONAL } (§9.2.6)."""

    public_key: Point
    key_id: int | None = None

    def encode(self) -> bytes:
        return _encode_info(Oid.ID_PK_ECDH, public_key_info.encode(self.public_key), self.key_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpaqueSecurityInfo:
    """A SecurityInfo of another protocol: `raw` is the whole SEQUENCE as read."""

    oid: str
    raw: bytes

    def encode(self) -> bytes:
        return self.raw


SecurityInfo = PaceInfo | ChipAuthenticationInfo | ChipAuthenticationPublicKeyInfo | OpaqueSecurityInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityInfos:
    """A SET OF SecurityInfo; at most one public key per keyId, and several keys only with a keyId each (§9.2.6).

    The properties come in DER order, so in the same order on both sides.
    """

    infos: frozenset[SecurityInfo]

    def __post_init__(self) -> None:
        ids = [info.key_id for info in self.infos if isinstance(info, ChipAuthenticationPublicKeyInfo)]
        if len(set(ids)) != len(ids) or (len(ids) > 1 and None in ids):
            raise DecodeError("public keys that no keyId tells apart", path="SecurityInfos")

    @classmethod
    def of(cls, *infos: SecurityInfo) -> SecurityInfos:
        return cls(infos=frozenset(infos))

    @property
    def pace(self) -> tuple[PaceInfo, ...]:
        return tuple(info for info in self._ordered() if isinstance(info, PaceInfo))

    @property
    def chip_authentication(self) -> tuple[ChipAuthenticationInfo, ...]:
        return tuple(info for info in self._ordered() if isinstance(info, ChipAuthenticationInfo))

    @property
    def chip_authentication_keys(self) -> tuple[ChipAuthenticationPublicKeyInfo, ...]:
        return tuple(info for info in self._ordered() if isinstance(info, ChipAuthenticationPublicKeyInfo))

    def confirms(self, card_access: SecurityInfos) -> bool:
        """Whether this DG14 repeats all of EF.CardAccess: that one is unsigned, and PACE could be downgraded there."""
        return card_access.infos <= self.infos

    def encode(self) -> bytes:
        """DER; the elements sorted by their encoding (X.690 §11.6)."""
        return tlv.encode(der.SET, b"".join(sorted(info.encode() for info in self.infos)))

    @classmethod
    def decode(cls, raw: bytes) -> SecurityInfos:
        """Exactly one SET with nothing after it; DecodeError."""
        return cls.from_element(tlv.parse(raw, max_size=MAX_SIZE))

    @classmethod
    def from_element(cls, element: Tlv) -> SecurityInfos:
        """As `decode`, from a SET that stands inside something else."""
        children = der.fields(element, der.SET, "SecurityInfos", least=0, most=MAX_INFOS)
        encoded = [child.encode() for child in children]
        for earlier, later, child in zip(encoded, encoded[1:], children[1:], strict=False):
            if earlier >= later:
                raise DecodeError("SET OF not sorted, or a duplicate", offset=child.offset, path="SecurityInfos")
        return cls(infos=frozenset(_decode_info(child) for child in children))

    def _ordered(self) -> list[SecurityInfo]:
        return sorted(self.infos, key=lambda info: info.encode())


@lru_cache(maxsize=64)  # all but the chip's key are the profile's
def _encode_info(oid: str, required: bytes, optional: int | None) -> bytes:
    tail = b"" if optional is None else der.encode_integer(optional)
    return tlv.encode(der.SEQUENCE, der.encode_oid(oid) + required + tail)


def _decode_info(element: Tlv) -> SecurityInfo:
    protocol, required, *optional = der.fields(element, der.SEQUENCE, "SecurityInfo", least=2, most=3)
    oid = der.decode_oid(protocol, "SecurityInfo/protocol")
    if oid in _PACE and _version(required, "PACEInfo/version") == PACE_VERSION:
        return PaceInfo(oid=Oid(oid), parameter_id=_decode_id(optional, "PACEInfo/parameterId"))
    if oid in _CHIP_AUTHENTICATION and _version(required, "ChipAuthenticationInfo/version") == CA_VERSION:
        return ChipAuthenticationInfo(oid=Oid(oid), key_id=_decode_id(optional, "ChipAuthenticationInfo/keyId"))
    if oid == Oid.ID_PK_ECDH:
        key_id = _decode_id(optional, "ChipAuthenticationPublicKeyInfo/keyId")
        return ChipAuthenticationPublicKeyInfo(public_key=public_key_info.decode(required), key_id=key_id)
    return OpaqueSecurityInfo(oid=oid, raw=element.encode())


def _version(element: Tlv, path: str) -> int:
    return der.decode_integer(element, path, most=MAX_ID)


def _decode_id(optional: list[Tlv], path: str) -> int | None:
    return der.decode_integer(optional[0], path, most=MAX_ID) if optional else None
