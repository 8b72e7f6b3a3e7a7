"""What a release may not do, found before anything is signed, by looking at it and at the release before it.

An authority makes mistakes that are not forgeries: a revoked entry gone early (Boulder #8083), a backup that brings
revoked certificates back (smallstep #606), a certificate tidied away that cards in people's pockets need. Counters
would refuse some of it and believe the rest, so it stops here.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric import ec

from .. import status_list
from ..envelopes.errors import SignatureError, SignatureReason
from ..errors import DecodeError
from ..parsed_certificate import ParsedCertificate, ParsedCrl, is_signed_by, read_certificate, read_crl
from ..spki import certificate_spki, key_id
from ..status_list import StatusList, StatusListError, StatusListReason
from ..trust import status_file_name
from .errors import Finding, Rule
from .layout import Kind, kind_of, max_count, max_size

Targets = Mapping[str, bytes]
"""Content by target name."""

_SUCCESSION = {
    StatusListReason.REVIVED: Rule.STATUS_REVIVED,
    StatusListReason.SHRUNK: Rule.STATUS_SHRUNK,
    StatusListReason.OLDER: Rule.STATUS_OLDER,
}


def lint(new: Targets, *, previous: Targets | None, now: datetime) -> tuple[Finding, ...]:
    """Everything that is wrong with releasing `new` after `previous` (None: the first), in the order of the names."""
    found = list(_names(new))
    sound = {name: data for name, data in new.items() if name not in {finding.target for finding in found}}
    signers = _signers(sound, previous or {})
    authorities, crls = list(_authorities(sound)), dict(_crls(sound))
    found += _malformed(sound, crls)
    found += _missing(sound)
    found += _roots_that_return(sound, previous or {})
    found += _status(sound, previous or {}, signers, now)
    found += (
        Finding(rule=Rule.CRL_SIGNATURE, target=name)
        for name, crl in crls.items()
        if not any(root.subject == crl.issuer and is_signed_by(crl, root) for root in authorities)
    )
    found += (
        Finding(rule=Rule.CRL_EXPIRED, target=name, detail=str(crl.next_update))
        for name, crl in crls.items()
        if crl.next_update <= now
    )
    if previous is not None:
        found += _vanished(sound, previous, now)
        found += _crl_succession(dict(_crls(previous)), crls)
        found += _catalogue(sound, previous)
    return tuple(sorted(set(found), key=str))


def _names(new: Targets) -> Iterator[Finding]:
    counts: Counter[Kind] = Counter()
    for name, data in new.items():
        kind = kind_of(name)
        if kind is None:
            yield Finding(rule=Rule.NAME, target=name)
            continue
        counts[kind] += 1
        if not 0 < len(data) <= max_size(kind):
            yield Finding(rule=Rule.TOO_LARGE, target=name, detail=str(len(data)))
    for kind, count in counts.items():
        if count > max_count(kind):
            yield Finding(rule=Rule.TOO_MANY, target=kind, detail=str(count))


def _malformed(new: Targets, crls: Mapping[str, ParsedCrl]) -> Iterator[Finding]:
    for name, data in new.items():
        kind = kind_of(name)
        try:
            if kind in {Kind.CSCA, Kind.LINK, Kind.REMOVED, Kind.SIGNER, Kind.SUPPORT}:
                read_certificate(data)
            elif kind is Kind.CRL and name not in crls:
                read_crl(data)
            elif kind is Kind.CATALOGUE:
                _catalogue_version(data)
        except DecodeError as error:
            yield Finding(rule=Rule.MALFORMED, target=name, detail=str(error))


def _missing(new: Targets) -> Iterator[Finding]:
    kinds = {kind_of(name) for name in new}
    for kind in (Kind.CSCA, Kind.CRL):
        if kind not in kinds:
            yield Finding(rule=Rule.MISSING, target=kind)


def _vanished(new: Targets, previous: Targets, now: datetime) -> Iterator[Finding]:
    """A certificate may leave when it has expired. Which name it goes by does not matter; lists keep theirs."""
    contents, removed = set(new.values()), _removed(new)
    for name, data in previous.items():
        kind = kind_of(name)
        if kind in {Kind.CSCA, Kind.LINK, Kind.SIGNER} and data not in contents:
            if now <= read_certificate(data).not_after and not (kind is not Kind.SIGNER and _goes(data, removed)):
                yield Finding(rule=Rule.VANISHED, target=name)
        elif kind in {Kind.STATUS, Kind.CATALOGUE} and name not in new:
            yield Finding(rule=Rule.VANISHED, target=name)


def _removed(targets: Targets) -> list[bytes]:
    return [data for name, data in targets.items() if kind_of(name) is Kind.REMOVED]


def _goes(certificate: bytes, removed: list[bytes]) -> bool:
    """Whether a root or link goes with one of the removed roots: it is of that key, or by it."""
    try:
        kid, parsed = key_id(certificate_spki(certificate)), read_certificate(certificate)
        return any(
            key_id(certificate_spki(lost)) == kid or is_signed_by(parsed, read_certificate(lost)) for lost in removed
        )
    except DecodeError:
        return False  # told as malformed


def _roots_that_return(new: Targets, previous: Targets) -> Iterator[Finding]:
    """What was removed stays so, whoever says otherwise: a backup, or the thief."""
    removed = _removed(new)
    for name, data in new.items():
        if kind_of(name) in {Kind.CSCA, Kind.LINK} and _goes(data, removed):
            yield Finding(rule=Rule.ROOT_RETURNS, target=name)
    for name, data in previous.items():
        if kind_of(name) is Kind.REMOVED and data not in removed:
            yield Finding(rule=Rule.ROOT_RETURNS, target=name)


def _status(new: Targets, previous: Targets, signers: Mapping[bytes, list[bytes]], now: datetime) -> Iterator[Finding]:
    for name, raw in new.items():
        if kind_of(name) is not Kind.STATUS:
            continue
        standing = previous.get(name)
        try:
            if raw == standing:
                # Looked at when it was released: all that can have changed is the time.
                if (exp := status_list.claimed(raw).exp) <= now:
                    yield Finding(rule=Rule.STATUS_EXPIRED, target=name, detail=str(exp))
                continue
            current = read_status(raw, signers)
            before = None if standing is None else read_status(standing, signers)
        except SignatureError:
            yield Finding(rule=Rule.STATUS_SIGNATURE, target=name)
            continue
        except DecodeError as error:
            yield Finding(rule=Rule.MALFORMED, target=name, detail=str(error))
            continue
        if name != f"{Kind.STATUS}/{status_file_name(current.uri)}":
            yield Finding(rule=Rule.STATUS_FILE_NAME, target=name, detail=current.uri)
        if current.exp <= now:
            yield Finding(rule=Rule.STATUS_EXPIRED, target=name, detail=str(current.exp))
        if before is not None:
            try:
                current.require_succession(before)
            except StatusListError as error:
                yield Finding(rule=_SUCCESSION.get(error.reason, Rule.STATUS_FILE_NAME), target=name, detail=str(error))


def read_status(raw: bytes, signers: Mapping[bytes, list[bytes]]) -> StatusList:
    """A shard whose signature holds under a certificate of `signers` (DER by kid); whether that may sign is not asked.

    `DecodeError`, or `SignatureError` also without the certificate.
    """
    claims = status_list.claimed(raw)
    for certificate in signers.get(claims.kid, ()):
        key = read_certificate(certificate).public_key
        if isinstance(key, ec.EllipticCurvePublicKey):
            return status_list.verify(raw, key, claims.uri)
    raise SignatureError(f"no certificate of status signer {claims.kid.hex()}", reason=SignatureReason.SIGNER_NOT_FOUND)


def _signers(*releases: Targets) -> dict[bytes, list[bytes]]:
    found: dict[bytes, list[bytes]] = {}
    for targets in releases:
        for name, data in targets.items():
            if kind_of(name) is Kind.SIGNER:
                try:
                    found.setdefault(key_id(certificate_spki(data)), []).append(data)
                except DecodeError:
                    continue  # told as malformed
    return found


def _authorities(targets: Targets) -> Iterator[ParsedCertificate]:
    for name, data in targets.items():
        if kind_of(name) in {Kind.CSCA, Kind.LINK}:
            try:
                yield read_certificate(data)
            except DecodeError:
                continue


def _crls(targets: Targets) -> Iterator[tuple[str, ParsedCrl]]:
    for name, data in targets.items():
        if kind_of(name) is Kind.CRL:
            try:
                yield name, read_crl(data)
            except DecodeError:
                continue


def _crl_succession(previous: Mapping[str, ParsedCrl], new: Mapping[str, ParsedCrl]) -> Iterator[Finding]:
    """By issuer, not by file: a counter looks at all lists of an issuer together."""
    for name, old in previous.items():
        heirs = [crl for crl in new.values() if crl.issuer == old.issuer]
        if not heirs:
            yield Finding(rule=Rule.VANISHED, target=name)
            continue
        if any(crl.to_be_signed == old.to_be_signed for crl in heirs):
            continue
        newest = max(heirs, key=lambda crl: crl.number)
        if newest.number <= old.number:
            yield Finding(rule=Rule.CRL_NUMBER, target=name, detail=f"{old.number}, {newest.number}")
        if newest.this_update < old.this_update:
            yield Finding(rule=Rule.CRL_OLDER, target=name, detail=str(newest.this_update))
        for serial, revoked_at in old.revoked.items():
            dates = [crl.revoked[serial] for crl in heirs if serial in crl.revoked]
            if not dates:
                yield Finding(rule=Rule.CRL_ENTRY_GONE, target=name, detail=f"{serial:x}")
            elif min(dates) > revoked_at:
                yield Finding(rule=Rule.CRL_DATE_CHANGED, target=name, detail=f"{serial:x}")


def _catalogue(new: Targets, previous: Targets) -> Iterator[Finding]:
    name = Kind.CATALOGUE.value
    if name in new and name in previous and new[name] != previous[name]:
        try:
            if _catalogue_version(new[name]) < _catalogue_version(previous[name]):
                yield Finding(rule=Rule.CATALOGUE_OLDER, target=name)
        except DecodeError:
            return  # told as malformed


def _catalogue_version(data: bytes) -> int:
    """The version of a catalogue; what else it must hold is its reader's to say."""
    try:
        version = json.loads(data)["version"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DecodeError("not a catalogue", path="catalogue.json") from error
    if type(version) is not int:
        raise DecodeError("not a version", path="catalogue.json/version")
    return version
