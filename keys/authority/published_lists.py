"""The CRL and the status lists as they lie in the trust directory: read, signed anew, never taken back.

What was published once is also the memory that a restored backup lacks: `learn` takes up into the registry every
revocation that the published CRL has, and the registry's high-water marks notice when a list is older than one that
was published before.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from .. import status_list
from ..algorithms import Purpose
from ..certificates import CertificationAuthority
from ..envelopes.errors import SignatureError
from ..errors import DecodeError
from ..files import PUBLIC, read_regular, replace
from ..parsed_certificate import ParsedCertificate, ParsedCrl, is_signed_by, read_certificate, read_crl
from ..registry.lifecycle import KeyEvent, KeyState
from ..registry.registry import Actor, KeyRecord, Registry
from ..status_list import StatusList, StatusListError
from ..trust import MAX_CRL, status_file_name
from . import signed_lists
from .errors import AuthorityError, AuthorityReason

CRL_NUMBER = "crl"
"""High-water mark of the CRL number; those of status lists are `status:` and the URI."""
MAX_CERTIFICATE_FILE = 1 << 16
FOLDER_OF_STATUSES = "status"
_LEARNT = Actor(operator="permit-keys")


class PublishedLists:
    """The lists of one authority, and the certificates beside them."""

    def __init__(self, registry: Registry, trust_dir: str, clock: Callable[[], datetime]) -> None:
        self._registry, self._settings = registry, registry.settings
        self.trust_dir = trust_dir
        self._clock = clock
        self.crl_name = os.path.join("crl", f"{self._settings.mrz_country}.crl")

    def certificate(self, name: str) -> ParsedCertificate:
        """A certificate by its file within the trust directory."""
        try:
            return read_certificate(self.read(name, MAX_CERTIFICATE_FILE))
        except DecodeError as error:
            raise self._damaged(name, str(error)) from error

    # --- CRL -------------------------------------------------------------------------------------------------------

    def has_crl(self) -> bool:
        """Whether one was published."""
        return os.path.lexists(os.path.join(self.trust_dir, self.crl_name))

    def crl(self) -> ParsedCrl:
        """The CRL as published."""
        try:
            return read_crl(self.read(self.crl_name, MAX_CRL))
        except DecodeError as error:
            raise self._damaged(self.crl_name, str(error)) from error

    def crl_is_complete(self) -> bool:
        """Whether the published CRL has every revocation, and the newest number."""
        crl = self.crl()
        known = self._registry.revocations()
        complete = all(crl.revoked.get(serial, _NEVER) <= at for serial, at in known.items())
        return complete and crl.number >= self._registry.high_water(CRL_NUMBER)

    def publish_crl(self, issuer: Callable[[], CertificationAuthority]) -> ParsedCrl:
        """Sign the next CRL and put it in place: everything that was ever revoked, here or in the one before it."""
        now, number, revoked = self._clock(), self._registry.high_water(CRL_NUMBER), self._registry.revocations()
        if self.has_crl():
            previous = self.crl()
            if now < previous.this_update:
                moment = str(previous.this_update)
                raise AuthorityError("clock is behind the CRL", reason=AuthorityReason.CLOCK, detail=moment)
            number = max(number, previous.number)
            revoked = _earliest(revoked.items(), previous.revoked.items())
        authority = issuer()
        raw = signed_lists.crl(
            self._settings,
            certificate=authority.certificate.public_bytes(Encoding.DER),
            private_key=authority.private_key,
            number=number + 1,
            now=now,
            revoked=revoked,
        )
        published = read_crl(raw)
        if published.revoked != revoked:
            raise self._damaged(self.crl_name, "the CRL signed is not the CRL meant")
        # A number, once signed, is never used for anything else.
        self._registry.raise_high_water(CRL_NUMBER, number + 1)
        replace(os.path.join(self.trust_dir, self.crl_name), raw, mode=PUBLIC)
        return published

    def learn(self) -> tuple[int, ...]:
        """Take up what the published CRL knows and the registry does not; the serial numbers that were news.

        A key whose certificate is revoked there is not used again, whatever a restored registry says.
        """
        if not self.has_crl():
            return ()
        crl, known = self.crl(), self._registry.revocations()
        news = {serial: at for serial, at in crl.revoked.items() if serial not in known or at < known[serial]}
        if not news and crl.number <= self._registry.high_water(CRL_NUMBER):
            return ()
        self.learn_from(crl)
        return tuple(news)

    def learn_from(self, crl: ParsedCrl, authorities: Iterable[ParsedCertificate] = ()) -> None:
        """Take up a CRL that a CSCA of this authority, or one of `authorities`, signed; `AuthorityError` (DAMAGED)."""
        own = (self.certificate(key.certificate) for key in self._registry.keys if _is_csca(key))
        if not any(is_signed_by(crl, authority) for authority in (*authorities, *own)):
            raise self._damaged(self.crl_name, "signed by no CSCA of this authority")
        now = self._clock()
        with self._registry.transaction():
            self._registry.raise_high_water(CRL_NUMBER, crl.number)
            for serial, at in sorted(crl.revoked.items()):
                if self._registry.add_revocation(serial, at):
                    told = {"serial": f"{serial:x}", "revoked_at": str(at)}
                    self._registry.note("learnt-revocation", at=now, actor=_LEARNT, **told)
                    self._withdraw(serial, at, now)

    def _withdraw(self, serial: int, revoked_at: datetime, now: datetime) -> None:
        for key in self._registry.keys:
            usable = key.state in {KeyState.GENERATED, KeyState.STAGED, KeyState.ACTIVE}
            if key.serial == f"{serial:x}" and usable:
                # Why it was revoked is forgotten: the worse is assumed.
                self._registry.move(
                    key,
                    KeyEvent.COMPROMISE,
                    KeyState.COMPROMISED,
                    at=now,
                    actor=_LEARNT,
                    detail={"learnt": "published CRL"},
                    compromised_at=revoked_at,
                    retired_at=now,
                )

    # --- status lists ----------------------------------------------------------------------------------------------

    def has_statuses(self) -> bool:
        """Whether a status list was published."""
        return bool(self.status_files())

    def status_files(self) -> tuple[str, ...]:
        """Names of the lists within their folder."""
        try:
            names = os.listdir(os.path.join(self.trust_dir, FOLDER_OF_STATUSES))
        except FileNotFoundError:
            return ()
        return tuple(sorted(name for name in names if name.endswith(".cwt")))

    def statuses(self, uri: str | None = None) -> StatusList:
        """The list of one shard (the first) as published, its signature checked."""
        name = os.path.join(FOLDER_OF_STATUSES, status_file_name(uri or self._settings.status_uri))
        return self.verified(self.read(name, status_list.MAX_SIZE), name, uri or self._settings.status_uri)

    def all_statuses(self) -> Iterator[StatusList]:
        """The lists of all shards, as `statuses`."""
        for name in self.status_files():
            path = os.path.join(FOLDER_OF_STATUSES, name)
            yield self.verified(self.read(path, status_list.MAX_SIZE), path)

    def verified(self, raw: bytes, name: str, uri: str | None = None) -> StatusList:
        """A list out of the file `name`, once one of our status signers proves to have signed it; any shard of ours
        unless `uri` says which. `AuthorityError` (DAMAGED)."""
        try:
            claimed = status_list.claimed(raw)
            if os.path.basename(name) != status_file_name(claimed.uri):
                raise DecodeError(f"the list of {claimed.uri} has another name", path=name)
            for key in self._registry.keys:
                if key.purpose is Purpose.STATUS_SIGNER and key.kid == claimed.kid and key.certificate:
                    public_key = self.certificate(key.certificate).public_key
                    assert isinstance(public_key, ec.EllipticCurvePublicKey)
                    return status_list.verify(raw, public_key, uri or claimed.uri)
        except (DecodeError, SignatureError, StatusListError) as error:
            raise self._damaged(name, str(error)) from error
        raise self._damaged(name, "signed by no status signer of this authority")

    def statuses_signed_by(self) -> bytes | None:
        """The kid that the first shard's list names."""
        name = os.path.join(FOLDER_OF_STATUSES, status_file_name(self._settings.status_uri))
        return status_list.claimed(self.read(name, status_list.MAX_SIZE)).kid

    def read(self, name: str, limit: int) -> bytes:
        """A file of the trust directory; `AuthorityError` (DAMAGED) when it is not to be had."""
        try:
            data, _ = read_regular(os.path.join(self.trust_dir, name), limit=limit)
        except (OSError, DecodeError) as error:
            raise self._damaged(name, str(error)) from error
        return data

    def _damaged(self, name: str, what: str) -> AuthorityError:
        path = os.path.join(self.trust_dir, name)
        return AuthorityError(f"{path}: {what}", reason=AuthorityReason.DAMAGED, detail=path)


def _is_csca(key: KeyRecord) -> bool:
    return key.purpose is Purpose.CSCA and bool(key.certificate)


def _earliest(*sources: Iterable[tuple[int, datetime]]) -> dict[int, datetime]:
    merged: dict[int, datetime] = {}
    for source in sources:
        for serial, at in source:
            merged[serial] = min(at, merged.get(serial, at))
    return merged


_NEVER = datetime.max.replace(tzinfo=UTC)
