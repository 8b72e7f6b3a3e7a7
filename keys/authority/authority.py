"""An authority in one directory: its keys, what they sign, and the trust directory that counters copy.

    registry.db     settings, keys and their lives, no secret: `registry`
    status.db       statuses of cards, and which indices were given: `status_shards`
    keys/           the software custody; keys on tokens stay there
    trust/          csca/ link/ signers/ crl/ status/ catalogue.json: `trust`

The authority file that `create` starts from: `authority_file`. What changes keys: `rotation`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import load_der_x509_certificate

from ..algorithms import Purpose
from ..certificates import CertificationAuthority
from ..custody import CardKeys, CardMasterKey, Custody, CustodyByUri, CustodyError, CustodyReason, CustodyWarning
from ..custody.software import ScryptCost, SoftwareCustody
from ..envelopes import cose
from ..parsed_certificate import ParsedCertificate, ParsedCrl
from ..registry import registry
from ..registry.lifecycle import KeyState
from ..registry.registry import AuthorityError, AuthorityReason, KeyRecord, Registry, require_may_sign
from ..status_list import SHARD_ENTRIES, Place, Status, StatusList
from .card_statuses import CardStatuses
from .counted_key import CountedKey
from .file import AuthoritySettings
from .published_lists import PublishedLists

CARD_KEY_VERSION = 0x30
"""SCP03 key version of the keys that the first card master key gives; each generation has the next."""
MAX_CARD_KEY_VERSION = 0x3F
TRANSPORT_KEY_VERSION = 0x01
"""SCP03 key version of the transport keys."""
_TEST_KEY = bytes(range(0x40, 0x50))
TEST_TRANSPORT_KEYS = CardKeys(enc=_TEST_KEY, mac=_TEST_KEY, dek=_TEST_KEY)
"""The key 404142…4F that GlobalPlatform cards come with for tests. Anyone can write a blank that still carries it."""

LOCK_WAIT = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """A signer of the authority: what it takes to sign and to be believed."""

    purpose: Purpose
    kid: bytes
    """8 bytes."""
    certificate: bytes
    """DER."""
    private_key: ec.EllipticCurvePrivateKey = field(repr=False)
    """Counts every signature before it is made; `AuthorityError` when the key may make no more."""
    key_use_until: datetime

    def raw_signer(self) -> cose.RawSign:
        """Signs for COSE: r ‖ s, 64 bytes."""
        return cose.raw_signer(self.private_key)

    def count_ahead(self, signatures: int) -> None:
        """Count a batch in one durable write, where each signature would take its own."""
        self.counted_key.count_ahead(signatures)

    @property
    def counted_key(self) -> CountedKey:
        """The private key, as what it is."""
        assert isinstance(self.private_key, CountedKey)
        return self.private_key


def system_clock() -> datetime:
    """Now, in UTC and whole seconds: what signed moments are made of."""
    return datetime.now(UTC).replace(microsecond=0)


def custody_at(
    home: str,
    passphrase: bytes,
    *,
    cost: ScryptCost | None = None,
    random: Callable[[int], bytes] = os.urandom,
    warn: Callable[[CustodyWarning], None] | None = None,
) -> Custody:
    """The custody of an authority's keys: files in its home, and tokens as the environment names their module."""

    def files() -> Custody:
        if not passphrase:
            raise CustodyError("no passphrase", reason=CustodyReason.WRONG_PASSPHRASE, uri="file:")
        return SoftwareCustody(os.path.join(home, "keys"), passphrase, cost=cost, random=random)

    def tokens() -> Custody:
        from ..custody.pkcs11 import Pkcs11Custody

        return Pkcs11Custody.from_environment()

    return CustodyByUri({"file": files, "pkcs11": tokens}, warn=warn or (lambda warning: None))


class Authority:
    """An opened authority. A signer's key is opened when it is first asked for."""

    shard_entries = SHARD_ENTRIES
    """Entries of a new shard; tests have smaller ones."""

    def __init__(
        self,
        home: str,
        content: Registry,
        custody: Custody,
        *,
        clock: Callable[[], datetime],
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self.home = home
        self.registry = content
        self.settings = content.settings
        self.custody = custody
        self.clock = clock
        self.random = random
        self.trust_dir = os.path.join(home, "trust")
        self.lists = PublishedLists(content, self.trust_dir, clock)
        self.uses_test_transport_keys = not content.own_transport_keys
        """True when blanks are written with the published test key: for demonstrations only."""
        self._opened: dict[str, CountedKey] = {}

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
        actor: registry.Actor | None = None,
    ) -> Authority:
        """Make an authority at `home`, complete or not at all, and open it; see `founding.found`."""
        from .founding import found

        home = os.path.abspath(os.fspath(home))
        found(
            home,
            settings,
            passphrase,
            catalogue=catalogue,
            now=clock(),
            random=random,
            cost=cost,
            actor=actor or registry.Actor(),
        )
        return cls.open(home, passphrase, clock=clock, cost=cost)

    @classmethod
    def open(
        cls,
        home: str | os.PathLike[str],
        passphrase: bytes,
        *,
        clock: Callable[[], datetime] = system_clock,
        random: Callable[[int], bytes] = os.urandom,
        cost: ScryptCost | None = None,
        warn: Callable[[CustodyWarning], None] | None = None,
    ) -> Authority:
        """Open the authority at `home`. `AuthorityError` when it is none, `CustodyError` for a wrong passphrase.

        `cost` is for keys that will be made. Whatever the published CRL knows is taken up (`PublishedLists.learn`).
        """
        home = os.path.abspath(os.fspath(home))
        content = registry.load(home)
        custody = custody_at(home, passphrase, cost=cost, random=random, warn=warn)
        # A wrong passphrase shows here and not in the middle of a card.
        in_use = [key for key in content.keys if key.state is KeyState.ACTIVE]
        in_use.sort(key=lambda key: key.purpose is not Purpose.STATUS_SIGNER)
        for key in in_use[:1]:
            if key.purpose is Purpose.CARD_MASTER_KEY:
                custody.card_master_key(key.uri)
            else:
                custody.private_key(key.uri)
        authority = cls(home, content, custody, clock=clock, random=random)
        authority.lists.learn()
        return authority

    @classmethod
    def look(cls, home: str | os.PathLike[str], *, clock: Callable[[], datetime] = system_clock) -> Authority:
        """Open the authority for what is public: needs no passphrase, and no key of it can be used."""
        home = os.path.abspath(os.fspath(home))
        return cls(home, registry.load(home), custody_at(home, b""), clock=clock)

    # --- signers and card keys -------------------------------------------------------------------------------------

    @property
    def document_signer(self) -> Signer:
        """Signs EF.SOD. `AuthorityError` when it may not sign now, as for every signer: period, cap, state."""
        return self.signer(Purpose.DOCUMENT_SIGNER)

    @property
    def entitlement_signer(self) -> Signer:
        """Signs MobileSecurityObjects and printed codes."""
        return self.signer(Purpose.ENTITLEMENT_SIGNER)

    def count_each(self, *signers: Signer) -> None:
        """Count one signature of each ahead, such as those of one card, in one durable write: all or none."""
        CountedKey.count_each((signer.counted_key for signer in signers), self.registry.transaction())

    @property
    def status_signer(self) -> Signer:
        """Signs status lists."""
        return self.signer(Purpose.STATUS_SIGNER)

    def signer(self, purpose: Purpose) -> Signer:
        """The active signer of a purpose."""
        key = self.registry.active(purpose)
        require_may_sign(key, now=self.clock())
        assert key.active_until is not None
        return Signer(
            purpose=purpose,
            kid=key.kid,
            certificate=self.certificate(key).der,
            private_key=self.private_key(key),
            key_use_until=key.active_until,
        )

    def private_key(self, key: KeyRecord, *, own_certificate: bool = False) -> CountedKey:
        """A key that counts; `own_certificate` is for a CSCA key that certifies itself."""
        known = self._opened.get(key.uri)
        if known is not None and not own_certificate:
            return known

        # Not `self`: a cycle would keep the registry's file open until the garbage collector comes by.
        content, clock = self.registry, self.clock

        def check() -> None:
            # What was counted ahead is not a licence to sign after the period.
            if not own_certificate and key.active_until is not None and clock() > key.active_until:
                require_may_sign(key, now=clock())

        counted = CountedKey(
            self.custody.private_key(key.uri),
            lambda count: content.spend(key, count, now=clock(), own_certificate=own_certificate),
            check=check,
        )
        if not own_certificate:
            self._opened[key.uri] = counted
        return counted

    def certification_authority(self) -> CertificationAuthority:
        """The active CSCA, to issue certificates and CRLs."""
        key = self.registry.active(Purpose.CSCA)
        require_may_sign(key, now=self.clock())
        certificate = load_der_x509_certificate(self.certificate(key).der)
        return CertificationAuthority(certificate=certificate, private_key=self.private_key(key))

    @property
    def card_master_key(self) -> CardMasterKey:
        """Gives new cards their keys, of version `card_key_version`."""
        return self.custody.card_master_key(self.registry.active(Purpose.CARD_MASTER_KEY).uri)

    @property
    def card_key_version(self) -> int:
        """SCP03 key version of what `card_master_key` gives: what a card should have after its next endorsement."""
        return card_key_version(self.registry.active(Purpose.CARD_MASTER_KEY))

    @property
    def card_key_versions(self) -> tuple[int, ...]:
        """Versions that cards may carry and whose master key is still there, oldest first."""
        return tuple(
            card_key_version(key)
            for key in self.registry.keys
            if key.purpose is Purpose.CARD_MASTER_KEY and key.destroyed_at is None and key.activated_at is not None
        )

    def card_keys(self, serial: bytes, version: int) -> CardKeys:
        """The keys of version `version` of the card with this serial (10 bytes).

        Also those of a retired or compromised master key: such a card must be opened once more, to be given new ones.
        `AuthorityError` (NO_KEY) for a version that never was, or is destroyed.
        """
        for key in self.registry.keys:
            if key.purpose is Purpose.CARD_MASTER_KEY and card_key_version(key) == version and not key.destroyed_at:
                return self.custody.card_master_key(key.uri).diversify(serial)
        raise AuthorityError(
            f"no card key version {version:02X}", reason=AuthorityReason.NO_KEY, detail=f"{version:02X}"
        )

    @property
    def transport_keys(self) -> CardKeys:
        """The keys of blank cards, of version `TRANSPORT_KEY_VERSION`; see `uses_test_transport_keys`."""
        if self.uses_test_transport_keys:
            return TEST_TRANSPORT_KEYS
        return self.custody.card_keys(self.settings.key_uri("transport-1", ".key"))

    def certificate(self, key: KeyRecord) -> ParsedCertificate:
        """The certificate of a line of the registry."""
        return self.lists.certificate(key.certificate)

    # --- lists -----------------------------------------------------------------------------------------------------

    @property
    def statuses(self) -> CardStatuses:
        """Where new cards get their places, and all that is signed about cards."""
        return CardStatuses(self)

    @property
    def status_uri(self) -> str:
        """URI of the first shard."""
        return self.settings.status_uri

    def allocate(self) -> Place:
        """A place in a status list for a new card: what its MobileSecurityObject names. See `CardStatuses`."""
        return self.statuses.allocate()

    def mark_given(self, places: Iterable[Place]) -> None:
        """Take places out of the draw that cards carry already, as the issuance records know them."""
        self.statuses.mark_given(places)

    def set(self, changes: Mapping[Place, Status]) -> None:
        """Set statuses, all or none, durably; they are signed with the next publication."""
        self.statuses.set(changes)

    def publish_status(self, index: int, status: Status, *, uri: str | None = None) -> StatusList:
        """Set one card's status and publish the list; see `publish_statuses`."""
        return self.publish_statuses({index: status}, uri=uri)

    def publish_statuses(self, changes: Mapping[int, Status], *, uri: str | None = None) -> StatusList:
        """Set statuses by index in one shard (the first), publish every list that is due; returns the shard's list.

        All or nothing. `AuthorityError` as `CardStatuses`.
        """
        uri = uri or self.status_uri
        self.statuses.publish({Place(uri=uri, index=index): status for index, status in changes.items()})
        return self.published_statuses(uri)

    def published_statuses(self, uri: str | None = None) -> StatusList:
        """The status list of a shard (the first) as published, its signature checked."""
        return self.lists.statuses(uri)

    def published_crl(self) -> ParsedCrl:
        """The CRL as published."""
        return self.lists.crl()

    def refresh(self) -> tuple[ParsedCrl, StatusList]:
        """Sign CRL and status lists anew, unchanged but for number and dates, so that they do not run out; returns the
        CRL and the first shard's list.

        `AuthorityError` as `publish_statuses`.
        """
        with registry.locked(self.home, wait=LOCK_WAIT):
            crl = self.sign_crl()
            self.statuses.write(everything=True)
            return crl, self.published_statuses()

    def renew_crl(self) -> ParsedCrl | None:
        """Sign the CRL anew if less than half of its life is left; None if it is not due, or another run was faster.

        Raises `AuthorityError` as `refresh`, `CustodyError` where the CSCA's key is not at hand.
        """
        if not self._crl_due():
            return None
        with registry.locked(self.home, wait=LOCK_WAIT):
            return self.sign_crl() if self._crl_due() else None

    def _crl_due(self) -> bool:
        crl = self.published_crl()
        return crl.next_update - self.clock() < (crl.next_update - crl.this_update) / 2

    def sign_crl(self) -> ParsedCrl:
        """The next CRL, by the active CSCA. The caller holds the lock."""
        return self.lists.publish_crl(self.certification_authority)


def card_key_version(key: KeyRecord) -> int:
    """SCP03 key version of the keys that a generation of the card master key gives."""
    return CARD_KEY_VERSION + key.generation - 1
