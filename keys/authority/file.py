"""The authority file: what a person writes before `permit-keys init`, JSON or TOML.

    {
      "country": "UT",                                     ISO 3166-1 alpha-2, capitals
      "mrz_country": "UTO",                                as in the MRZ, one to three capitals
      "name_zh": "…", "name_en": "…",                      the authority's name, for people
      "status_uri": "https://permits.utopia.example/status/1",
      "contact_uri": "https://permits.utopia.example/",    optional, else the host of status_uri
      "crl_uri": "https://…/crl/UTO.crl",                  optional, else beside it
      "document_types": ["IR"],                            optional, how the MRZ of its documents may begin
      "validity": {                                        optional, each in whole days
        "csca_key_days": 1461, "signer_key_days": 90, "entitlement_key_days": 90, "longest_card_days": 1827,
        "crl_days": 90, "status_days": 30, "csca_staging_days": 60, "staging_days": 14, "card_key_days": 1827,
        "audit_key_days": 365
      },
      "documents_per_key": 100000,                         optional, signatures of one document or entitlement signer
      "custody": "pkcs11:token=permit",                    optional, else "file:": where new keys are made
      "transport_keys": {"enc": "…", "mac": "…", "dek": "…"}   optional, hex: the card maker's keys of blank cards
    }

URIs are https and at most 128 ASCII characters; samples and tests use the reserved domain `.example` (RFC 2606).
Members that are not listed here are refused: a misspelt setting must not be a setting that is silently missing.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from ..certificates import AuthorityNames
from ..custody import CardKeys
from ..errors import DecodeError

MAX_FILE = 1 << 16
_DAYS = {
    "csca_key_days": (30, 1826),
    "signer_key_days": (1, 366),
    "entitlement_key_days": (1, 366),
    "longest_card_days": (1, 3653),
    "crl_days": (1, 90),
    "status_days": (1, 90),
    "csca_staging_days": (0, 366),
    "staging_days": (0, 60),
    "card_key_days": (30, 3653),
    "audit_key_days": (1, 1826),
}
_OPTIONAL = {
    "contact_uri",
    "crl_uri",
    "document_types",
    "validity",
    "transport_keys",
    "documents_per_key",
    "custody",
}
FILES = "file:"
"""The custody of an authority that names none: encrypted files in its home."""
MAX_DOCUMENTS_PER_KEY = 10_000_000
_CUSTODY = re.compile(r"file:|pkcs11:token=[A-Za-z0-9._~%-]+(?:;serial=[A-Za-z0-9]+)?")
_TEXTS = ("country", "mrz_country", "name_zh", "name_en", "status_uri", "contact_uri", "crl_uri")


@dataclass(frozen=True, slots=True, kw_only=True)
class Validity:
    """Periods in days (Doc 9303-12 §4.2: CSCA key three to five years, signer key three months, CRL 90 days).

    What Doc 9303 says of signers is about document and status signers; an entitlement signer's key may be used longer.

    `staging_days` is how long a certificate is published before its key signs: what a counter may be behind.
    """

    csca_key_days: int = 1461
    signer_key_days: int = 90
    entitlement_key_days: int = 90
    longest_card_days: int = 1827
    crl_days: int = 90
    status_days: int = 30
    csca_staging_days: int = 60
    staging_days: int = 14
    card_key_days: int = 1827
    audit_key_days: int = 365

    def __post_init__(self) -> None:
        for name, (least, most) in _DAYS.items():
            if not least <= getattr(self, name) <= most:
                raise DecodeError(f"must be {least} to {most} days", path=f"validity/{name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthoritySettings:
    """A read authority file. `transport_keys` is None when the blanks carry the GlobalPlatform test key."""

    country: str
    mrz_country: str
    name_zh: str
    name_en: str
    status_uri: str
    contact_uri: str
    crl_uri: str
    document_types: tuple[str, ...] = ("IR",)
    validity: Validity = field(default_factory=Validity)
    transport_keys: CardKeys | None = field(default=None, repr=False)
    documents_per_key: int = 100_000
    custody: str = FILES
    """Scheme and token of the URIs of new keys; existing keys stay where they are."""

    def key_uri(self, name: str, suffix: str = "") -> str:
        """Where a key called `name` (letters, digits and hyphens) is kept; `suffix` is for files only."""
        return f"{FILES}{name}{suffix}" if self.custody == FILES else f"{self.custody};object={name}"

    @property
    def names(self) -> AuthorityNames:
        """What goes into certificates."""
        return AuthorityNames(
            country=self.country, mrz_country=self.mrz_country, contact_uri=self.contact_uri, crl_uri=self.crl_uri
        )

    def public(self) -> dict[str, Any]:
        """The settings as JSON members, without the transport keys: those are the custody's to keep."""
        members: dict[str, Any] = {name: getattr(self, name) for name in _TEXTS}
        members["document_types"] = list(self.document_types)
        members["validity"] = {name: getattr(self.validity, name) for name in _DAYS}
        members["documents_per_key"] = self.documents_per_key
        members["custody"] = self.custody
        return members


def parse(data: bytes, *, toml: bool = False) -> AuthoritySettings:
    """Read an authority file; `DecodeError` names the member that is wrong in `path`."""
    if len(data) > MAX_FILE:
        raise DecodeError(f"more than {MAX_FILE} bytes", offset=MAX_FILE)
    try:
        text = data.decode("utf-8")
        members = tomllib.loads(text) if toml else json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DecodeError(f"not {'TOML' if toml else 'JSON'}: {error}") from error
    return from_members(members)


def from_members(members: Any) -> AuthoritySettings:
    """Settings from decoded JSON or TOML; `DecodeError` otherwise."""
    if not isinstance(members, dict):
        raise DecodeError("not an object")
    _known(members, {*_TEXTS, *_OPTIONAL}, "")
    for name in _TEXTS:
        if name not in members and name not in _OPTIONAL:
            raise DecodeError("is missing", path=name)
        value = members.get(name, "-")
        if not isinstance(value, str) or not 0 < len(value) <= 128 or not value.isprintable():
            raise DecodeError("must be a printable text of 1 to 128 characters", path=name)
    _uri(members, "status_uri")
    base = "https://" + urlsplit(members["status_uri"]).netloc
    members = {"contact_uri": f"{base}/", "crl_uri": f"{base}/crl/{members['mrz_country']}.crl", **members}
    _uri(members, "contact_uri")
    _uri(members, "crl_uri")
    if not re.fullmatch("[A-Z]{2}", members["country"]):
        raise DecodeError("must be two capital letters", path="country")
    if not re.fullmatch("[A-Z]{1,3}", members["mrz_country"]):
        raise DecodeError("must be one to three capital letters", path="mrz_country")
    return AuthoritySettings(
        **{name: members[name] for name in _TEXTS},
        document_types=_document_types(members.get("document_types", ["IR"])),
        validity=_validity(members.get("validity", {})),
        transport_keys=_transport_keys(members["transport_keys"]) if "transport_keys" in members else None,
        documents_per_key=_documents_per_key(members.get("documents_per_key", 100_000)),
        custody=_custody(members.get("custody", FILES)),
    )


def _known(members: Mapping[str, Any], names: set[str], path: str) -> None:
    for name in members:
        if name not in names:
            raise DecodeError("is no setting", path=f"{path}{name!s:.40}")


def _uri(members: Mapping[str, Any], name: str) -> None:
    value = members[name]
    try:
        parts = urlsplit(value)
    except ValueError:
        raise DecodeError("is no URI", path=name) from None
    if not value.isascii() or " " in value or parts.scheme != "https" or not parts.hostname:
        raise DecodeError("must be an https URI in ASCII", path=name)
    if name != "contact_uri" and not parts.path.strip("/"):
        raise DecodeError("must name a file on the host", path=name)


def _document_types(value: Any) -> tuple[str, ...]:
    if (
        not isinstance(value, list)
        or not value
        or not all(isinstance(kind, str) and re.fullmatch("[A-Z]{1,2}", kind) for kind in value)
    ):
        raise DecodeError("must be a list of one or two capital letters each", path="document_types")
    return tuple(value)


def _validity(value: Any) -> Validity:
    if not isinstance(value, dict):
        raise DecodeError("not an object", path="validity")
    _known(value, set(_DAYS), "validity/")
    for name, days in value.items():
        if type(days) is not int:
            raise DecodeError("must be a number of days", path=f"validity/{name}")
    return Validity(**value)


def _documents_per_key(value: Any) -> int:
    if type(value) is not int or not 1 <= value <= MAX_DOCUMENTS_PER_KEY:
        raise DecodeError(f"must be 1 to {MAX_DOCUMENTS_PER_KEY}", path="documents_per_key")
    return value


def _custody(value: Any) -> str:
    if not isinstance(value, str) or len(value) > 200 or not _CUSTODY.fullmatch(value):
        raise DecodeError('must be "file:" or "pkcs11:token=LABEL"', path="custody")
    return value


def _transport_keys(value: Any) -> CardKeys:
    path = "transport_keys"
    if not isinstance(value, dict) or set(value) != {"enc", "mac", "dek"}:
        raise DecodeError("must have enc, mac and dek", path=path)
    try:
        return CardKeys(**{name: bytes.fromhex(key) for name, key in value.items()})
    except (ValueError, TypeError):
        # The message of the cause would carry the key.
        raise DecodeError("must be three AES keys in hex", path=path) from None
