"""The short chain validator: from a signer's certificate to a CSCA of the trust store.

pyca's `x509.verification` is made for the web: it refuses link certificates and brainpool, and looks at neither CRLs
nor private-key usage periods. This one knows exactly one shape, Doc 9303-12: a signer issued directly by a CSCA key,
and a CSCA key that is a trusted root or reached from one over link certificates.

Two moments count. `at` is when the signer signed (MobileSecurityObject.signed, signingTime, iat): the signer's key must
have been in use then. `now` is when we look: nothing may have expired, the CRL must be fresh. A revoked signer is
refused whatever `at` says, because whoever holds a stolen key writes any date.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from .algorithms import EXTENDED_KEY_USAGE, Purpose
from .errors import DecodeError

if TYPE_CHECKING:
    from .parsed_certificate import ParsedCertificate, ParsedCrl

MAX_LINKS = 8
"""CSCA generations that a chain may climb: more than the longest-lived card sees."""
_MAX_REMEMBERED = 256


class ChainReason(StrEnum):
    """Why a certificate is not accepted for a purpose."""

    MALFORMED = "malformed"
    ALGORITHM = "algorithm"
    UNKNOWN_ISSUER = "unknown_issuer"
    SIGNATURE = "signature"
    NAMES = "names"
    NOT_YET_VALID = "not_yet_valid"
    EXPIRED = "expired"
    KEY_USAGE = "key_usage"
    EXTENDED_KEY_USAGE = "extended_key_usage"
    BASIC_CONSTRAINTS = "basic_constraints"
    PATH_LENGTH = "path_length"
    KEY_USAGE_PERIOD = "key_usage_period"
    DOCUMENT_TYPE = "document_type"
    CRITICAL_EXTENSION = "critical_extension"
    CRL_MISSING = "crl_missing"
    CRL_SIGNATURE = "crl_signature"
    CRL_NOT_YET_VALID = "crl_not_yet_valid"
    CRL_STALE = "crl_stale"
    REVOKED = "revoked"


class ChainError(Exception):
    """A certificate does not chain for its purpose. `revoked_at` is the date in the CRL when the reason is REVOKED."""

    def __init__(self, message: str, *, reason: ChainReason, revoked_at: datetime | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.revoked_at = revoked_at


def validate(
    certificate: bytes,
    *,
    purpose: Purpose,
    roots: Iterable[bytes],
    crls: Iterable[bytes],
    at: datetime,
    now: datetime | None = None,
    links: Iterable[bytes] = (),
    document_type: str | None = None,
) -> None:
    """Validate one certificate (DER) with what is given; `ChainError` unless it holds. `now` defaults to `at`."""
    validator = ChainValidator(roots=roots, links=links, crls=crls)
    validator.validate(certificate, purpose=purpose, at=at, now=now or at, document_type=document_type)


class ChainValidator:
    """Validates certificates against one set of roots, link certificates and CRLs (all DER).

    Signatures are checked once and remembered, for they do not depend on time; the rest is checked at each call.
    Certificates in `forgiven` (DER) are judged as if no CRL named them: only for an authority that signs anew what a
    lost key signed. Raises `ChainError` (MALFORMED) when a root, link certificate or CRL cannot be read.
    """

    def __init__(
        self,
        *,
        roots: Iterable[bytes],
        links: Iterable[bytes] = (),
        crls: Iterable[bytes] = (),
        forgiven: frozenset[bytes] = frozenset(),
    ) -> None:
        self._roots = [_read(raw) for raw in roots]
        self._links = [_read(raw) for raw in links]
        self._crls = [_crl(raw) for raw in crls]
        self._forgiven = forgiven
        self._paths: dict[bytes, tuple[tuple[ParsedCertificate, ...], ...]] = {}
        self._signed_crls: list[tuple[ParsedCrl, bool]] | None = None

    def validate(
        self,
        certificate: bytes,
        *,
        purpose: Purpose,
        at: datetime,
        now: datetime,
        document_type: str | None = None,
        crl_grace: timedelta = timedelta(0),
    ) -> None:
        """Check that `certificate` may have signed for `purpose` at the moment `at`, as seen `now`.

        `document_type` is how the MRZ begins (one or two capitals), for a document signer. `crl_grace` is how long
        after its nextUpdate a CRL still serves a counter without a network.
        """
        if purpose in {Purpose.CSCA, Purpose.LINK}:
            raise ValueError("only signers are validated by purpose")
        leaf = _read(certificate)
        _check_signer(leaf, purpose, at, now, document_type)
        first: ChainError | None = None
        for path in self._paths_to_root(leaf):
            try:
                _check_authorities(leaf, path, at, now)
                self._check_revocation(leaf, path, now, crl_grace)
            except ChainError as error:
                first = first or error
            else:
                return
        try:
            raise first or ChainError("no trusted CSCA issued this certificate", reason=ChainReason.UNKNOWN_ISSUER)
        finally:
            del first  # it holds this frame, and all above: whoever asked would live until the garbage collector comes

    def newest_crl(self) -> datetime | None:
        """thisUpdate of the newest CRL that a trusted CSCA signed: the age of what we know about signers."""
        return max((crl.this_update for crl, good in self._checked_crls() if good), default=None)

    def _paths_to_root(self, leaf: ParsedCertificate) -> tuple[tuple[ParsedCertificate, ...], ...]:
        """All chains of issuers above `leaf` whose signatures hold, shortest first; each ends in a root."""
        known = self._paths.get(leaf.der)
        if known is None:
            known = tuple(sorted(self._climb(leaf, ()), key=len))
            if len(self._paths) >= _MAX_REMEMBERED:
                self._paths.clear()
            self._paths[leaf.der] = known
        return known

    def _climb(
        self, certificate: ParsedCertificate, below: tuple[ParsedCertificate, ...]
    ) -> Iterable[tuple[ParsedCertificate, ...]]:
        from .parsed_certificate import is_signed_by

        if certificate.algorithm is None:
            raise ChainError("signature algorithm is not accepted", reason=ChainReason.ALGORITHM)
        named = [issuer for issuer in (*self._roots, *self._links) if _may_issue(issuer, certificate)]
        signed = [issuer for issuer in named if issuer not in below and is_signed_by(certificate, issuer)]
        if named and not signed and not below:
            raise ChainError("signature does not verify under the issuer's key", reason=ChainReason.SIGNATURE)
        found: list[tuple[ParsedCertificate, ...]] = []
        for issuer in signed:
            if issuer in self._roots:
                found.append((*below, issuer))
            elif len(below) < MAX_LINKS:
                found.extend(self._climb(issuer, (*below, issuer)))
        return found

    def _check_revocation(
        self, leaf: ParsedCertificate, path: tuple[ParsedCertificate, ...], now: datetime, grace: timedelta
    ) -> None:
        for certificate in (leaf, *path[:-1]):
            named = [(crl, good) for crl, good in self._checked_crls() if crl.issuer == certificate.issuer]
            if not named:
                raise ChainError("no CRL of the issuer", reason=ChainReason.CRL_MISSING)
            usable = [crl for crl, good in named if good]
            if not usable:
                raise ChainError("no trusted CSCA signed the CRL", reason=ChainReason.CRL_SIGNATURE)
            # Any of them counts, also an older one: an entry never leaves (Boulder #8083).
            for crl in usable:
                if certificate.serial in crl.revoked and certificate.der not in self._forgiven:
                    raise ChainError(
                        "certificate is revoked", reason=ChainReason.REVOKED, revoked_at=crl.revoked[certificate.serial]
                    )
            begun = [crl for crl in usable if crl.this_update <= now]
            if not begun:
                raise ChainError("CRL is from the future", reason=ChainReason.CRL_NOT_YET_VALID)
            if now > max(crl.next_update for crl in begun) + grace:
                raise ChainError("CRL is out of date", reason=ChainReason.CRL_STALE)

    def _checked_crls(self) -> list[tuple[ParsedCrl, bool]]:
        """Each CRL, and whether a key trusted to sign it did: a root's, or one that links reach."""
        if self._signed_crls is None:
            authorities = [*self._roots, *(link for link in self._links if self._trusted(link))]
            self._signed_crls = [(crl, _signed_by_any(crl, authorities)) for crl in self._crls]
        return self._signed_crls

    def _trusted(self, link: ParsedCertificate) -> bool:
        try:
            return bool(self._paths_to_root(link))
        except ChainError:
            return False


def _check_signer(
    leaf: ParsedCertificate, purpose: Purpose, at: datetime, now: datetime, document_type: str | None
) -> None:
    if leaf.is_authority:
        raise ChainError("a CA is no signer", reason=ChainReason.BASIC_CONSTRAINTS)
    if leaf.unknown_critical:
        raise ChainError("critical extension is not understood", reason=ChainReason.CRITICAL_EXTENSION)
    if leaf.key_usage != frozenset({"digital_signature"}):
        raise ChainError("key usage is not digitalSignature alone", reason=ChainReason.KEY_USAGE)
    demanded = EXTENDED_KEY_USAGE.get(purpose)
    if leaf.extended_key_usage != (None if demanded is None else frozenset({demanded})):
        raise ChainError(f"not a certificate of a {purpose}", reason=ChainReason.EXTENDED_KEY_USAGE)
    if purpose is Purpose.DOCUMENT_SIGNER and (
        leaf.document_types is None or (document_type is not None and document_type not in leaf.document_types)
    ):
        raise ChainError("not a signer of this type of document", reason=ChainReason.DOCUMENT_TYPE)
    _check_validity(leaf, at)
    _check_validity(leaf, now)
    _check_key_use(leaf, at)


def _check_authorities(
    leaf: ParsedCertificate, path: tuple[ParsedCertificate, ...], at: datetime, now: datetime
) -> None:
    if len(leaf.country) != 1 or leaf.country != leaf.issuer_country:
        raise ChainError("country of issuer and subject differ", reason=ChainReason.NAMES)
    issuer, below = path[0], leaf
    for authority in path:
        if authority.unknown_critical:
            raise ChainError("critical extension is not understood", reason=ChainReason.CRITICAL_EXTENSION)
        if not authority.is_authority:
            raise ChainError("issuer is no CA", reason=ChainReason.BASIC_CONSTRAINTS)
        if authority.key_usage is None or not {"key_cert_sign", "crl_sign"} <= authority.key_usage:
            raise ChainError("issuer may not sign certificates", reason=ChainReason.KEY_USAGE)
        if authority.path_length != 0:
            raise ChainError("a CSCA has path length 0", reason=ChainReason.PATH_LENGTH)
        # A link certificate does not count as a step (RFC 5280 §6.1.4) when it is self-issued; under a new name
        # it must say so (Doc 9303-12 §7.1.1). Anything else is a sub-CA, which path length 0 forbids.
        if authority is not path[-1] and not authority.self_issued and not authority.name_change:
            raise ChainError("a CA under a CSCA that is no link", reason=ChainReason.PATH_LENGTH)
        _check_validity(authority, now)
        # Was the key below certified while this key was in use? Stops certificates made with a retired CSCA key.
        _check_key_use(authority, below.not_before)
        below = authority
    if issuer is path[-1]:
        _check_validity(issuer, at)


def _check_validity(certificate: ParsedCertificate, moment: datetime) -> None:
    if moment < certificate.not_before:
        raise ChainError("certificate is not yet valid", reason=ChainReason.NOT_YET_VALID)
    if moment > certificate.not_after:
        raise ChainError("certificate has expired", reason=ChainReason.EXPIRED)


def _check_key_use(certificate: ParsedCertificate, moment: datetime) -> None:
    if certificate.key_use is None:
        raise ChainError("no private-key usage period", reason=ChainReason.KEY_USAGE_PERIOD)
    start, end = certificate.key_use
    if end is None or moment > end or (start is not None and moment < start):
        raise ChainError("signed outside of the private-key usage period", reason=ChainReason.KEY_USAGE_PERIOD)


def _may_issue(issuer: ParsedCertificate, certificate: ParsedCertificate) -> bool:
    return issuer.subject == certificate.issuer and _identifies(certificate.authority_key_identifier, issuer)


def _identifies(identifier: bytes | None, issuer: ParsedCertificate) -> bool:
    # The AKI helps to choose among generations of one name; only the signature decides.
    return identifier is None or issuer.subject_key_identifier in {None, identifier}


def _signed_by_any(crl: ParsedCrl, authorities: Iterable[ParsedCertificate]) -> bool:
    from .parsed_certificate import is_signed_by

    return not crl.unknown_critical and any(
        authority.subject == crl.issuer
        and authority.is_authority is True
        and authority.key_usage is not None
        and "crl_sign" in authority.key_usage
        and _identifies(crl.authority_key_identifier, authority)
        and is_signed_by(crl, authority)
        for authority in authorities
    )


def _read(raw: bytes) -> ParsedCertificate:
    from .parsed_certificate import read_certificate

    try:
        return read_certificate(raw)
    except DecodeError as error:
        raise ChainError(f"certificate: {error}", reason=ChainReason.MALFORMED) from error


def _crl(raw: bytes) -> ParsedCrl:
    from .parsed_certificate import read_crl

    try:
        return read_crl(raw)
    except DecodeError as error:
        raise ChainError(f"CRL: {error}", reason=ChainReason.MALFORMED) from error
