"""A small authority in one directory: its keys, what they sign, and the trust directory that counters copy.

    registry.json   settings and the list of keys, no secret: `registry`
    keys/           the software custody
    trust/          csca/ link/ signers/ crl/ status/ catalogue.json: `trust`

The authority file that `create` starts from: `authority_file`. Rotation of keys, hardware custody and distribution
stand on the seams here: keys are named by URI, and the registry lists generations.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric import ec

from . import founding, registry, signed_lists, status_list
from .algorithms import Purpose
from .authority_file import AuthoritySettings
from .custody import CardKeys, CardMasterKey, Custody
from .custody.software import ScryptCost, SoftwareCustody
from .envelopes import cose
from .envelopes.errors import SignatureError
from .errors import DecodeError
from .files import PUBLIC, read_regular, replace
from .parsed_certificate import ParsedCertificate, ParsedCrl, read_certificate, read_crl
from .registry import AuthorityError, AuthorityReason, KeyRecord, Registry
from .spki import certificate_spki, key_id
from .status_list import Status, StatusList, StatusListError
from .trust import MAX_CRL, status_file_name

CARD_KEY_VERSION = 0x30
"""SCP03 key version of the keys that the card master key gives."""
TRANSPORT_KEY_VERSION = 0x01
"""SCP03 key version of the transport keys."""
_TEST_KEY = bytes(range(0x40, 0x50))
TEST_TRANSPORT_KEYS = CardKeys(enc=_TEST_KEY, mac=_TEST_KEY, dek=_TEST_KEY)
"""The key 404142…4F that GlobalPlatform cards come with for tests. Anyone can write a blank that still carries it."""

_LOCK_WAIT = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """A signer of the authority: what it takes to sign and to be believed."""

    purpose: Purpose
    kid: bytes
    """8 bytes."""
    certificate: bytes
    """DER."""
    private_key: ec.EllipticCurvePrivateKey = field(repr=False)
    key_use_until: datetime

    def raw_signer(self) -> cose.RawSign:
        """Signs for COSE: r ‖ s, 64 bytes."""
        return cose.raw_signer(self.private_key)


def system_clock() -> datetime:
    """Now, in UTC and whole seconds: what signed moments are made of."""
    return datetime.now(UTC).replace(microsecond=0)


class Authority:
    """An opened authority. A signer's key is decrypted when it is first asked for."""

    def __init__(self, home: str, content: Registry, custody: Custody, *, clock: Callable[[], datetime]) -> None:
        self.home = home
        self.registry = content
        self.settings = content.settings
        self.trust_dir = os.path.join(home, "trust")
        self.uses_test_transport_keys = not content.own_transport_keys
        """True when blanks are written with the published test key: for demonstrations only."""
        self._custody = custody
        self._clock = clock
        self._signers: dict[str, Signer] = {}

    @classmethod
    def create(
        cls,
        home: str | os.PathLike[str],
        settings: AuthoritySettings,
        passphrase: bytes,
        *,
        catalogue: bytes | None = None,
        clock: Callable[[], datetime] = system_clock,
        random: Callable[[int], bytes] = os.urandom,
        cost: ScryptCost | None = None,
    ) -> Authority:
        """Make an authority at `home`, complete or not at all, and open it; see `founding.found`."""
        home = os.path.abspath(os.fspath(home))
        founding.found(home, settings, passphrase, catalogue=catalogue, now=clock(), random=random, cost=cost)
        return cls.open(home, passphrase, clock=clock)

    @classmethod
    def open(
        cls, home: str | os.PathLike[str], passphrase: bytes, *, clock: Callable[[], datetime] = system_clock
    ) -> Authority:
        """Open the authority at `home`. `AuthorityError` when it is none, `CustodyError` for a wrong passphrase."""
        home = os.path.abspath(os.fspath(home))
        content = registry.load(home)
        custody = SoftwareCustody(os.path.join(home, "keys"), passphrase)
        # A wrong passphrase shows here and not in the middle of a card.
        custody.private_key(content.newest(Purpose.STATUS_SIGNER).uri)
        return cls(home, content, custody, clock=clock)

    @property
    def document_signer(self) -> Signer:
        """Signs EF.SOD. `AuthorityError` (KEY_PERIOD_ENDED) after its period, as for every signer."""
        return self._signer(Purpose.DOCUMENT_SIGNER)

    @property
    def entitlement_signer(self) -> Signer:
        """Signs MobileSecurityObjects and printed codes."""
        return self._signer(Purpose.ENTITLEMENT_SIGNER)

    @property
    def status_signer(self) -> Signer:
        """Signs status lists."""
        return self._signer(Purpose.STATUS_SIGNER)

    @property
    def card_master_key(self) -> CardMasterKey:
        """Gives each card its keys, of version `CARD_KEY_VERSION`."""
        return self._custody.card_master_key(founding.MASTER_URI)

    @property
    def transport_keys(self) -> CardKeys:
        """The keys of blank cards, of version `TRANSPORT_KEY_VERSION`; see `uses_test_transport_keys`."""
        if self.uses_test_transport_keys:
            return TEST_TRANSPORT_KEYS
        return self._custody.card_keys(founding.TRANSPORT_URI)

    @property
    def status_uri(self) -> str:
        """URI of the one shard: what a MobileSecurityObject names beside the index."""
        return self.settings.status_uri

    def publish_status(self, index: int, status: Status) -> StatusList:
        """Set one card's status and publish the list; see `publish_statuses`."""
        return self.publish_statuses({index: status})

    def publish_statuses(self, changes: Mapping[int, Status]) -> StatusList:
        """Set statuses by index, sign the list anew and put it in the place of the old one; returns the new one.

        All or nothing. `AuthorityError`: STATUS_FINAL when a status would leave INVALID, STATUS_INDEX outside of the
        list, CLOCK when the list at hand is from the future, BUSY when another run holds the lock for ten seconds.
        """
        with registry.locked(self.home, wait=_LOCK_WAIT):
            previous = self.published_statuses()
            for index, status in changes.items():
                if not 0 <= index < len(previous):
                    raise AuthorityError(
                        f"no status index {index}", reason=AuthorityReason.STATUS_INDEX, detail=str(index)
                    )
                if previous.lookup(index) is Status.INVALID and status is not Status.INVALID:
                    raise AuthorityError(
                        f"status {index} is INVALID for good", reason=AuthorityReason.STATUS_FINAL, detail=str(index)
                    )
            return self._publish_status(previous, {**signed_lists.entries(previous), **changes})

    def published_statuses(self) -> StatusList:
        """The status list as published, its signature checked."""
        name = os.path.join("status", status_file_name(self.status_uri))
        raw = self._read(name, status_list.MAX_SIZE)
        try:
            kid = cose.parse(raw, max_size=status_list.MAX_SIZE, tagged=True).kid
            for key in self.registry.keys:
                certificate = self.certificate(key)
                if key.purpose is Purpose.STATUS_SIGNER and key_id(certificate_spki(certificate.der)) == kid:
                    assert isinstance(certificate.public_key, ec.EllipticCurvePublicKey)
                    return status_list.verify(raw, certificate.public_key, self.status_uri)
        except (DecodeError, SignatureError, StatusListError) as error:
            raise self._damaged(name, str(error)) from error
        raise self._damaged(name, "signed by no status signer of this authority")

    def published_crl(self) -> ParsedCrl:
        """The CRL as published."""
        try:
            return read_crl(self._read(self._crl_name(), MAX_CRL))
        except DecodeError as error:
            raise self._damaged(self._crl_name(), str(error)) from error

    def refresh(self) -> tuple[ParsedCrl, StatusList]:
        """Sign CRL and status list anew, unchanged but for number and dates, so that they do not run out.

        Interim: publication with its roles and thresholds will take this over. `AuthorityError` as `publish_statuses`.
        """
        with registry.locked(self.home, wait=_LOCK_WAIT):
            previous = self.published_statuses()
            crl = self._publish_crl()
            return crl, self._publish_status(previous, signed_lists.entries(previous))

    def certificate(self, key: KeyRecord) -> ParsedCertificate:
        """The certificate of a line of the registry."""
        try:
            return read_certificate(self._read(key.certificate, 1 << 16))
        except DecodeError as error:
            raise self._damaged(key.certificate, str(error)) from error

    def _publish_status(self, previous: StatusList, entries: Mapping[int, Status]) -> StatusList:
        signer = self.status_signer
        raw = signed_lists.status(
            self.settings,
            entries,
            kid=signer.kid,
            private_key=signer.private_key,
            now=self._clock(),
            size=len(previous),
        )
        published = status_list.verify(raw, signer.private_key.public_key(), self.status_uri)
        try:
            published.require_succession(previous)
        except StatusListError as error:
            raise AuthorityError(str(error), reason=AuthorityReason.CLOCK, detail=str(previous.iat)) from error
        replace(os.path.join(self.trust_dir, "status", status_file_name(self.status_uri)), raw, mode=PUBLIC)
        return published

    def _publish_crl(self) -> ParsedCrl:
        previous, now = self.published_crl(), self._clock()
        if now < previous.this_update:
            moment = str(previous.this_update)
            raise AuthorityError("clock is behind the CRL", reason=AuthorityReason.CLOCK, detail=moment)
        csca = self.registry.newest(Purpose.CSCA)
        raw = signed_lists.crl(
            self.settings,
            certificate=self.certificate(csca).der,
            private_key=self._custody.private_key(csca.uri),
            number=previous.number + 1,
            now=now,
            revoked=previous.revoked,
        )
        replace(os.path.join(self.trust_dir, self._crl_name()), raw, mode=PUBLIC)
        return read_crl(raw)

    def _signer(self, purpose: Purpose) -> Signer:
        key = self.registry.newest(purpose)
        signer = self._signers.get(key.uri)
        if signer is None:
            certificate = self.certificate(key)
            if certificate.key_use is None or certificate.key_use[1] is None:
                raise self._damaged(key.certificate, "no private-key usage period")
            signer = Signer(
                purpose=purpose,
                kid=key_id(certificate_spki(certificate.der)),
                certificate=certificate.der,
                private_key=self._custody.private_key(key.uri),
                key_use_until=certificate.key_use[1],
            )
            self._signers[key.uri] = signer
        if self._clock() > signer.key_use_until:
            # Verifiers refuse what is signed after the period: better no card than one that no counter takes.
            raise AuthorityError(
                f"the {purpose} may no longer sign", reason=AuthorityReason.KEY_PERIOD_ENDED, detail=str(purpose)
            )
        return signer

    def _crl_name(self) -> str:
        return os.path.join("crl", f"{self.settings.mrz_country}.crl")

    def _read(self, name: str, limit: int) -> bytes:
        try:
            data, _ = read_regular(os.path.join(self.trust_dir, name), limit=limit)
        except (OSError, DecodeError) as error:
            raise self._damaged(name, str(error)) from error
        return data

    def _damaged(self, name: str, what: str) -> AuthorityError:
        path = os.path.join(self.trust_dir, name)
        return AuthorityError(f"{path}: {what}", reason=AuthorityReason.DAMAGED, detail=path)
