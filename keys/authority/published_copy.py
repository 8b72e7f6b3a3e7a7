"""What was published, read back: from a trust directory, a web server's copy or a stick, to catch up with.

An authority whose home was restored from a backup has forgotten what it did since. What it published has not: the CRL
and the status lists say what was revoked, the certificates say which keys were made. Nothing here is believed because
of where it lies; only what one of the authority's own CSCA keys vouches for counts.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric import ec

from .. import status_list
from ..algorithms import EXTENDED_KEY_USAGE, Purpose
from ..envelopes import cose
from ..envelopes.errors import SignatureError
from ..errors import DecodeError
from ..files import PUBLIC, read_regular, replace
from ..parsed_certificate import ParsedCertificate, ParsedCrl, is_signed_by, read_certificate, read_crl
from ..registry.lifecycle import RULES, KeyEvent, KeyState
from ..registry.registry import RESTORED, Actor
from ..spki import MAX_CERTIFICATE, certificate_spki, key_id
from ..status_list import StatusList, StatusListError, StatusListReason
from ..trust import MAX_CRL, status_file_name
from . import removed_roots
from .authority import Authority
from .errors import AuthorityError, AuthorityReason

_PLACES = ("", "targets", "current/targets")
_NAME = re.compile(r"(?:[0-9a-f]{64}\.)?([A-Za-z0-9_-]+\.[a-z]+)")
_KEY_NAME = re.compile(r"([A-Z]+)-([1-9][0-9]{0,5})\.der")
_PURPOSE_OF_USAGE = {usage: purpose for purpose, usage in EXTENDED_KEY_USAGE.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedCopy:
    """Files of one place, certificates by the name of their target. A release also holds files of the one before it."""

    directory: str
    csca: dict[str, ParsedCertificate] = field(default_factory=dict)
    links: dict[str, ParsedCertificate] = field(default_factory=dict)
    removed: dict[str, ParsedCertificate] = field(default_factory=dict)
    signers: dict[str, ParsedCertificate] = field(default_factory=dict)
    crls: tuple[tuple[bytes, ParsedCrl], ...] = ()
    status: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CaughtUp:
    """What an authority learnt from what it had published."""

    revocations: int
    """Certificates revoked since."""
    statuses: int
    """Status lists that were newer."""
    keys: tuple[str, ...]
    """Keys made since, whose private halves are not here unless a token kept them."""


def read(directory: str) -> PublishedCopy:
    """Read a trust directory, a release or a publisher's directory; `AuthorityError` (NOT_FOUND, DAMAGED)."""
    for place in _PLACES:
        root = os.path.join(directory, place)
        if os.path.isdir(os.path.join(root, "csca")):
            break
    else:
        raise AuthorityError(f"nothing published at {directory}", reason=AuthorityReason.NOT_FOUND, detail=directory)
    try:
        return PublishedCopy(
            directory=root,
            csca=_certificates(root, "csca"),
            links=_certificates(root, "link"),
            removed=_certificates(root, "removed"),
            signers=_certificates(root, "signers"),
            crls=tuple((raw, read_crl(raw)) for _, raw in _files(root, "crl", ".crl", MAX_CRL)),
            status=tuple(raw for _, raw in _files(root, "status", ".cwt", status_list.MAX_SIZE)),
        )
    except (DecodeError, OSError) as error:
        raise AuthorityError(f"{root}: {error}", reason=AuthorityReason.DAMAGED, detail=root) from error


def catch_up(authority: Authority, copies: Sequence[PublishedCopy], *, now: datetime, actor: Actor) -> CaughtUp:
    """Take up whatever the copies know and the authority does not. The caller holds the lock.

    `AuthorityError` (DAMAGED) when a list is signed by none of the authority's keys, or two lists contradict.
    """
    authorities = _trusted(authority, copies)
    for copy in copies:
        _take_removed(authority, copy, now, actor)
    keys = [name for copy in copies for name in _adopt(authority, copy, authorities, now, actor)]
    for copy in copies:  # and what an older copy brought back with it
        _take_removed(authority, copy, now, actor)
    before = len(authority.registry.revocations())
    for copy in copies:
        for raw, crl in copy.crls:
            _take_crl(authority, raw, crl, authorities)
    statuses = sum(_take_statuses(authority, copy, authorities) for copy in copies)
    done = CaughtUp(revocations=len(authority.registry.revocations()) - before, statuses=statuses, keys=tuple(keys))
    if done.revocations or done.statuses or done.keys:
        authority.registry.raise_high_water(RESTORED, int(now.timestamp()))
    authority.registry.note(
        "caught-up",
        at=now,
        actor=actor,
        published=[copy.directory for copy in copies],
        revocations=done.revocations,
        keys=keys,
    )
    return done


def _take_removed(authority: Authority, copy: PublishedCopy, now: datetime, actor: Actor) -> None:
    """A root that was removed as compromised stays so, although the backup knows nothing of it. No CSCA vouches for
    that, least of all this one; a copy that lies about it can take a root away and not bring one in."""
    for certificate in copy.removed.values():
        for key in authority.registry.keys:
            if key.purpose is not Purpose.CSCA or key.kid != _kid(certificate):
                continue
            place = removed_roots.announce(authority.trust_dir, f"{key.name}.der", certificate.der)
            if key.compromised_at is None:
                authority.registry.move(
                    key,
                    KeyEvent.COMPROMISE,
                    KeyState.COMPROMISED,
                    at=now,
                    actor=actor,
                    detail={"published": copy.directory},
                    certificate=place,
                    compromised_at=now,
                    retired_at=key.retired_at or now,
                )
            removed_roots.remove(authority.trust_dir, certificate.der)


def _trusted(authority: Authority, copies: Sequence[PublishedCopy]) -> list[ParsedCertificate]:
    """Our own CSCA certificates, those in releases of our own publication, and those to which links lead from them.

    After a compromise no link leads to the next root: only the publication's own keys vouch for it.
    """
    trusted = [authority.certificate(key) for key in authority.registry.keys if key.purpose is Purpose.CSCA]
    trusted += [root for copy in copies for root in _released(authority, copy)]
    links = [link for copy in copies for link in copy.links.values()]
    while found := [link for link in links if any(is_signed_by(link, above) for above in trusted)]:
        trusted.extend(found)
        links = [link for link in links if link not in found]
    return trusted


def _released(authority: Authority, copy: PublishedCopy) -> list[ParsedCertificate]:
    """The CSCA certificates of a release, if it is one that keys of this authority's publication signed."""
    directory, folder = os.path.split(copy.directory)
    if folder != "targets":
        return []
    try:
        from ..publication import home, layout, metadata, root
        from ..publication.errors import PublicationError
    except ImportError:
        return []
    try:
        release, ours = metadata.read_release(directory), home.roots(authority.home)
        root.require_chain(release.roots)
    except PublicationError:
        return []
    if not ours or release.roots[0] != ours[0]:
        return []
    names = [name for name in release.targets if layout.kind_of(name) is layout.Kind.CSCA]
    return [read_certificate(release.targets[name]) for name in names]


def _adopt(
    authority: Authority, copy: PublishedCopy, authorities: list[ParsedCertificate], now: datetime, actor: Actor
) -> list[str]:
    """Put certificates that we do not have into the trust directory, and their keys into the registry, as retired."""
    known = {key.kid for key in authority.registry.keys}
    vouched = {_kid(certificate) for certificate in authorities}
    adopted = []
    for folder, certificates in (("csca", copy.csca), ("link", copy.links), ("signers", copy.signers)):
        for name, certificate in certificates.items():
            if folder == "csca" and _kid(certificate) in known:
                continue
            genuine = any(is_signed_by(certificate, above) for above in authorities) or _kid(certificate) in vouched
            if not genuine:
                where = f"{copy.directory}/{folder}/{name}"
                raise AuthorityError(f"{where} is none of ours", reason=AuthorityReason.DAMAGED, detail=where)
            path = os.path.join(authority.trust_dir, folder, name)
            if not os.path.lexists(path):
                os.makedirs(os.path.dirname(path), exist_ok=True)
                replace(path, certificate.der, mode=PUBLIC)
            if folder != "link" and _kid(certificate) not in known:
                adopted.append(_take_key(authority, f"{folder}/{name}", certificate, now, actor))
                known.add(_kid(certificate))
    return adopted


def _take_key(authority: Authority, path: str, certificate: ParsedCertificate, now: datetime, actor: Actor) -> str:
    registry, settings = authority.registry, authority.settings
    purpose = _purpose(certificate)
    taken = {key.generation for key in registry.keys if key.purpose is purpose}
    match = _KEY_NAME.fullmatch(os.path.basename(path))
    named = int(match[2]) if match and match[1] == RULES[purpose].label else 0
    generation = named if named and named not in taken else max(taken, default=0) + 1
    begin, until = certificate.key_use or (None, None)
    with registry.transaction():
        key = registry.add(
            purpose,
            generation,
            uri=settings.key_uri(f"{purpose}-{generation}", ".p8"),
            kid=_kid(certificate),
            at=certificate.not_before,
            cap=None,
            actor=actor,
        )
        registry.move(
            key,
            KeyEvent.STAGE,
            KeyState.STAGED,
            at=now,
            actor=actor,
            detail={"adopted": path},
            certificate=path,
            serial=f"{certificate.serial:x}",
            staged_at=certificate.not_before,
            active_from=begin or certificate.not_before,
            active_until=until or certificate.not_after,
            expires_at=certificate.not_after,
        )
        # Whatever it was: what it signed is still believed, and here it signs no more.
        registry.move(
            key, KeyEvent.RETIRE, KeyState.RETIRED, at=now, actor=actor, detail={"adopted": path}, retired_at=now
        )
    return key.name


def _take_crl(authority: Authority, raw: bytes, crl: ParsedCrl, authorities: list[ParsedCertificate]) -> None:
    lists = authority.lists
    lists.learn_from(crl, authorities)
    if not lists.has_crl() or lists.crl().number < crl.number:
        replace(os.path.join(authority.trust_dir, lists.crl_name), raw, mode=PUBLIC)


def _take_statuses(authority: Authority, copy: PublishedCopy, authorities: list[ParsedCertificate]) -> int:
    """Put newer status lists in place of ours; how many there were."""
    signers = {_kid(signer): signer for signer in copy.signers.values()}
    for key in authority.registry.keys:
        if key.purpose is Purpose.STATUS_SIGNER and key.certificate:
            signers[key.kid] = authority.certificate(key)
    taken = 0
    for raw in copy.status:
        theirs = _verified(raw, signers, authorities, copy.directory)
        path = os.path.join(authority.trust_dir, "status", status_file_name(theirs.uri))
        if os.path.lexists(path):
            ours = _verified(
                authority.lists.read(os.path.relpath(path, authority.trust_dir), status_list.MAX_SIZE),
                signers,
                authorities,
                path,
            )
            try:
                theirs.require_succession(ours)
            except StatusListError as error:
                if error.reason is StatusListReason.OLDER and ours.succeeds(theirs):
                    continue
                raise AuthorityError(
                    f"{path} and {copy.directory} contradict: {error}", reason=AuthorityReason.DAMAGED, detail=path
                ) from error
            if theirs == ours:
                continue
        os.makedirs(os.path.dirname(path), exist_ok=True)
        replace(path, raw, mode=PUBLIC)
        authority.registry.raise_high_water(f"status:{theirs.uri}", int(theirs.iat.timestamp()))
        taken += 1
    return taken


def _verified(
    raw: bytes, signers: dict[bytes, ParsedCertificate], authorities: list[ParsedCertificate], where: str
) -> StatusList:
    """A list signed by one of our status signers, revoked ones included: it is only read for what it revokes."""
    try:
        kid = cose.parse(raw, max_size=status_list.MAX_SIZE, tagged=True).kid or b""
        signer = signers.get(kid)
        if signer is None or not any(is_signed_by(signer, above) for above in authorities):
            raise DecodeError("signed by no status signer of this authority")
        assert isinstance(signer.public_key, ec.EllipticCurvePublicKey)
        return status_list.verify(raw, signer.public_key, status_list.claimed(raw).uri)
    except (DecodeError, SignatureError, StatusListError) as error:
        raise AuthorityError(f"{where}: {error}", reason=AuthorityReason.DAMAGED, detail=where) from error


def _purpose(certificate: ParsedCertificate) -> Purpose:
    if certificate.is_authority:
        return Purpose.CSCA
    usages = certificate.extended_key_usage or frozenset()
    return next((_PURPOSE_OF_USAGE[usage] for usage in usages), Purpose.DOCUMENT_SIGNER)


def _kid(certificate: ParsedCertificate) -> bytes:
    return key_id(certificate_spki(certificate.der))


def _certificates(root: str, folder: str) -> dict[str, ParsedCertificate]:
    return {name: read_certificate(raw) for name, raw in _files(root, folder, ".der", MAX_CERTIFICATE)}


def _files(root: str, folder: str, suffix: str, limit: int) -> list[tuple[str, bytes]]:
    """Names of targets and contents; one name may come twice, for a release has names prefixed by their hash."""
    path = os.path.join(root, folder)
    found = []
    for name in sorted(os.listdir(path)) if os.path.isdir(path) else ():
        match = _NAME.fullmatch(name)
        if name.endswith(suffix) and match:
            found.append((match[1], read_regular(os.path.join(path, name), limit=limit)[0]))
    return found
