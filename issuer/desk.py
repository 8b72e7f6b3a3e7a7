"""All that a desk needs beside the card: journal, keys, trust data, time and chance, in one record.

`opened` makes one over an authority's home; tests and the issuing service make theirs from other parts.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from card_profiles.model import CardProfile
from card_profiles.residence_permit_v1 import RESIDENCE_PERMIT_V1
from keys.algorithms import Purpose
from keys.chain import ChainError, ChainReason
from keys.custody import CardKeys, CustodyError, CustodyReason
from keys.errors import DecodeError
from keys.status_list import Place, Status, StatusListError
from keys.trust import TrustError, TrustStore

from .assemble import Office, Signer
from .card_keys import CardKeyring
from .errors import Refusal, Refused
from .journal import Allocate, CardRecord, Journal
from .journal_sqlite import SqliteJournal

if TYPE_CHECKING:
    from keys.authority.authority import Authority
    from keys.authority.authority import Signer as AuthoritySigner

JOURNAL = "journal.sqlite"
PASSPHRASE_FILE = "PERMIT_PASSPHRASE_FILE"  # noqa: S105 - the name of a variable
MAX_OFFICE_NAME = 74  # UTF-8 bytes in EF.NS.permit
MRZ_DOCUMENT_TYPE = "IR"
_OUT_OF_PERIOD = frozenset(
    {ChainReason.NOT_YET_VALID, ChainReason.EXPIRED, ChainReason.KEY_USAGE_PERIOD, ChainReason.REVOKED}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What issuing rests on. `now` is aware; `below(n)` gives a random number from 0 to n - 1.

    `card_signers` are both signers for one new card, a signature of each counted already.
    `trust` gives what counters have, as published now. `allocate` gives out places in status lists, `revoke` sets one
    INVALID and publishes its list; `open_shard` is the URI of the list that the next card will be in.
    """

    journal: Journal
    profile: CardProfile
    office: Office
    document_signer: Callable[[], Signer] = field(repr=False)
    entitlement_signer: Callable[[], Signer] = field(repr=False)
    card_signers: Callable[[], tuple[Signer, Signer]] = field(repr=False)
    keyring: CardKeyring = field(repr=False)
    trust: Callable[[], TrustStore]
    open_shard: Callable[[], str]
    allocate: Allocate
    revoke: Callable[[Place], None]
    now: Callable[[], datetime]
    monotonic: Callable[[], float] = time.monotonic
    random: Callable[[int], bytes] = field(default=os.urandom, repr=False)
    below: Callable[[int], int] = field(default=secrets.randbelow, repr=False)

    @property
    def status_uri(self) -> str:
        """The list that the next card will be in."""
        return self.open_shard()

    def check_ready(self) -> None:
        """Whether what would be signed now would be believed.

        Raises Refused: KEYS_EXPIRED, TRUST_UNUSABLE.
        """
        now = self.now()
        trust = self.trust()
        signers = (
            (Purpose.DOCUMENT_SIGNER, self.document_signer(), MRZ_DOCUMENT_TYPE),
            (Purpose.ENTITLEMENT_SIGNER, self.entitlement_signer(), None),
        )
        for purpose, signer, document_type in signers:
            try:
                trust.validate(signer.certificate, purpose=purpose, at=now, now=now, document_type=document_type)
            except ChainError as error:
                if error.reason in _OUT_OF_PERIOD:
                    raise Refused(Refusal.KEYS_EXPIRED, purpose=purpose, error=error) from error
                raise Refused(Refusal.TRUST_UNUSABLE, error=error) from error
        try:
            status = trust.status_list(self.status_uri, now=now)
        except (TrustError, ChainError, DecodeError, StatusListError) as error:
            raise Refused(Refusal.TRUST_UNUSABLE, error=error) from error
        if status.exp <= now:
            raise Refused(Refusal.TRUST_UNUSABLE, error=f"status list ran out on {status.exp:%Y-%m-%d}")

    def publish_revocation(self, card: CardRecord) -> None:
        """The status list says INVALID, then the journal knows that it does. Repeatable."""
        if card.revocation_due:
            self.revoke(Place(uri=card.status_uri, index=card.status_index))
            self.journal.status_published(card.serial)

    def publish_overdue(self) -> None:
        """What an earlier run voided and was cut off before publishing."""
        for card in self.journal.revocations_due():
            self.publish_revocation(card)


@contextmanager
def opened(
    home: Path,
    passphrase: Callable[[], bytes],
    *,
    now: Callable[[], datetime] | None = None,
    profile: CardProfile = RESIDENCE_PERMIT_V1,
) -> Iterator[Desk]:
    """A desk over the authority in `home`, its journal beside the keys. Raises Refused: NO_AUTHORITY, KEYS_LOCKED …"""
    from keys.authority.authority import Authority, system_clock

    clock = now or system_clock
    try:
        authority = Authority.open(home, passphrase(), clock=clock)
    except CustodyError as error:
        if error.reason is CustodyReason.WRONG_PASSPHRASE:
            raise Refused(Refusal.KEYS_LOCKED, variable=PASSPHRASE_FILE) from error
        raise Refused(Refusal.NO_AUTHORITY, path=home, error=error) from error
    except (DecodeError, OSError, _authority_error()) as error:
        raise Refused(Refusal.NO_AUTHORITY, path=home, error=error) from error
    journal = SqliteJournal(home / JOURNAL, clock=clock)
    try:
        yield over(authority, journal, clock, profile)
    finally:
        journal.close()


@contextmanager
def opened_journal(home: Path) -> Iterator[SqliteJournal]:
    """The journal alone: looking at it needs no key. Raises Refused(NO_AUTHORITY)."""
    if not home.is_dir():
        raise Refused(Refusal.NO_AUTHORITY, path=home, error="no such directory")
    journal = SqliteJournal(home / JOURNAL, clock=lambda: datetime.now(UTC))
    try:
        yield journal
    finally:
        journal.close()


def over(authority: Authority, journal: Journal, clock: Callable[[], datetime], profile: CardProfile) -> Desk:
    """A desk over an opened authority and any journal. Raises Refused(NO_AUTHORITY) where no name fits on a card."""
    settings = authority.settings
    names = (settings.name_zh, settings.name_en)
    fitting = [name for name in names if len(name.encode()) <= MAX_OFFICE_NAME]
    if not fitting:
        raise Refused(
            Refusal.NO_AUTHORITY, path=authority.home, error=f"no name within {MAX_OFFICE_NAME} bytes, for the permit"
        )

    @contextmanager
    def may_sign(purpose: Purpose) -> Iterator[None]:
        try:
            yield
        except _authority_error() as error:
            raise Refused(Refusal.KEYS_EXPIRED, purpose=purpose, error=error) from error
        except CustodyError as error:
            raise Refused(Refusal.NO_AUTHORITY, path=authority.home, error=error) from error

    def document_signer() -> AuthoritySigner:
        with may_sign(Purpose.DOCUMENT_SIGNER):
            return authority.document_signer

    def entitlement_signer() -> AuthoritySigner:
        with may_sign(Purpose.ENTITLEMENT_SIGNER):
            return authority.entitlement_signer

    def card_signers() -> tuple[Signer, Signer]:
        signers = (document_signer(), entitlement_signer())
        with may_sign(Purpose.DOCUMENT_SIGNER):
            authority.count_each(*signers)
        return signers

    def version() -> int:
        try:
            return authority.card_key_version
        except _authority_error() as error:
            raise Refused(Refusal.KEYS_EXPIRED, purpose=Purpose.CARD_MASTER_KEY, error=error) from error

    def trust() -> TrustStore:
        try:
            return TrustStore.load(authority.trust_dir)
        except TrustError as error:
            raise Refused(Refusal.TRUST_UNUSABLE, error=error) from error

    @contextmanager
    def usable() -> Iterator[None]:
        try:
            yield
        except (_authority_error(), CustodyError, DecodeError, StatusListError, OSError) as error:
            raise Refused(Refusal.TRUST_UNUSABLE, error=error) from error

    def open_shard() -> str:
        with usable():
            return authority.statuses.next_uri()

    def allocate() -> Place:
        with usable():
            return authority.allocate()

    def revoke(place: Place) -> None:
        with usable():
            authority.publish_status(place.index, Status.INVALID, uri=place.uri)

    @cache
    def diversify(serial: bytes, version: int) -> CardKeys:
        return authority.card_keys(serial, version)

    return Desk(
        journal=journal,
        profile=profile,
        office=Office(name=fitting[0], country=settings.mrz_country),
        document_signer=document_signer,
        entitlement_signer=entitlement_signer,
        card_signers=card_signers,
        keyring=CardKeyring(
            # Each opening of a key file stretches the passphrase anew, and a card needs its keys five times.
            transport=cache(lambda: authority.transport_keys),
            diversify=diversify,
            version=version,
            versions=lambda: authority.card_key_versions,
            parameters=profile.scp03,
        ),
        trust=trust,
        open_shard=open_shard,
        allocate=allocate,
        revoke=revoke,
        now=clock,
    )


def _authority_error() -> type[Exception]:
    from keys.registry.registry import AuthorityError

    return AuthorityError
