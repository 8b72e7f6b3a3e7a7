"""The authority's keys, where this process has them: to write cards, to publish the status list, to sign the chain."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import load_der_x509_certificate

from card_profiles.residence_permit_v1 import RESIDENCE_PERMIT_V1
from keys.algorithms import Purpose
from keys.authority.authority import Authority
from keys.custody import CustodyError, CustodyReason
from keys.errors import DecodeError
from keys.registry.registry import AuthorityError
from keys.status_list import Place, StatusListError

from .. import desk
from ..acts.journal import StoreJournal
from ..assemble import civil_date
from ..audit import log as audit_log
from ..audit.checkpoint import AuditSigner, Statement
from ..domain import places
from ..domain.roles import Act, Actor, clockwork
from ..errors import Refusal, Refused
from ..store import status
from ..store.ledger import Drawer
from ..store.unit import Receipt, Store, Unit
from . import logs
from .problem_texts import Code
from .problems import Problem
from .settings import Settings

_FAILURES = (AuthorityError, CustodyError, DecodeError, StatusListError, OSError)
CITY = places.Place(ids=(1,))
"""The first place of an authority is the city itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """An opened authority and a desk over it, whose journal is put in for each run."""

    authority: Authority = field(repr=False)
    desk: desk.Desk = field(repr=False)
    publishing: threading.Lock = field(default_factory=threading.Lock, repr=False)


def opened(settings: Settings, store: Store, clock: Callable[[], datetime]) -> tuple[Keys | None, str | None]:
    """The keys; without them None, and why not."""
    if settings.passphrase_file is None:
        return None, Refusal.KEYS_LOCKED.value

    def whole_seconds() -> datetime:
        return clock().replace(microsecond=0)

    try:
        with settings.passphrase_file.open("rb") as stream:
            passphrase = stream.readline(1024).rstrip(b"\r\n")
        authority = Authority.open(settings.home, passphrase, clock=whole_seconds)
        nowhere = StoreJournal(store, clockwork(CITY), Drawer(district_id=CITY.id))
        return Keys(authority=authority, desk=desk.over(authority, nowhere, whole_seconds, RESIDENCE_PERMIT_V1)), None
    except CustodyError as error:
        locked = error.reason is CustodyReason.WRONG_PASSPHRASE
        return None, (Refusal.KEYS_LOCKED if locked else Refusal.NO_AUTHORITY).value
    except Refused as refused:
        return None, refused.reason.value
    except _FAILURES:
        return None, Refusal.NO_AUTHORITY.value


def publish(keys: Keys, store: Store, actor: Actor) -> int:
    """Bring the status lists up to what the register says, every shard; how many entries changed. Lists that near their
    end are signed anew, too. Raises Problem(KEYS_UNUSABLE) once all that can be published is.

    First the list, then the note that it says so: a cut between them publishes the same once more.
    """
    count, failed = 0, None
    with keys.publishing:
        with store.read() as transaction:
            waiting = status.pending(transaction)
        for shard in waiting:
            try:
                _publish_shard(keys.authority, store, shard.uri)
            except _FAILURES as error:
                failed = error
                continue
            status.published(store, actor, shard)
            count += len(shard.changes)
        try:
            keys.authority.statuses.publish_due()
        except _FAILURES as error:
            failed = error
    if failed is not None:
        raise Problem(Code.KEYS_UNUSABLE, reason=type(failed).__name__) from failed
    return count


def _publish_shard(authority: Authority, store: Store, uri: str) -> None:
    listed = authority.published_statuses(uri).exceptions()
    with store.read() as transaction:
        said = status.standing(transaction, uri, listed)
    changes = {Place(uri=uri, index=index): value for index, value in said.items()}
    authority.statuses.publish(changes, final_stays=True)


def renew_crl(keys: Keys) -> int | None:
    """Sign the CRL anew when less than half of its life is left; its number, None when it is not due. Else a service
    that runs for longer than `crl_days` would refuse to write cards. Raises AuthorityError, CustodyError."""
    with keys.publishing:
        renewed = keys.authority.renew_crl()
    if renewed is None:
        return None
    logs.log("crl-renewed", what=f"number {renewed.number}, until {renewed.next_update:%Y-%m-%d}")
    return renewed.number


def sign_checkpoint(keys: Keys, store: Store, actor: Actor, *, daily: bool = False) -> Receipt:
    """The audit signer's word on the chain as it stands, once it was verified. Raises Problem, ChainBroken.

    `daily`: only if none was signed on this civil day or later. What is new is read before the act begins, so that
    nobody waits for it; who else signed meanwhile was first, and nothing is signed twice.
    """
    with store.read() as transaction:
        found = audit_log.unsigned(transaction)
        if found is None or (daily and _signed_today(found, store.now())):
            return _checkpoint(None)
        signer = _audit_signer(keys)
        found = audit_log.verified(transaction, found)

    def work(unit: Unit) -> Receipt:
        return _checkpoint(audit_log.sign_verified(unit.transaction, found, signer, now=unit.now))

    return store.perform(actor, Act.CHECKPOINT, work)


def _signed_today(found: audit_log.Unsigned, now: datetime) -> bool:
    return found.signed_at is not None and civil_date(found.signed_at) >= civil_date(now)


def _audit_signer(keys: Keys) -> AuditSigner:
    try:
        signer = keys.authority.signer(Purpose.AUDIT_SIGNER)
    except _FAILURES as error:
        raise Problem(Code.KEYS_UNUSABLE, reason=type(error).__name__) from error
    return AuditSigner(kid=signer.kid, sign=signer.raw_signer(), public_key=signer.private_key.public_key())


def _checkpoint(statement: Statement | None) -> Receipt:
    data = {} if statement is None else {"seq": statement.seq, "hash": statement.hash}
    return Receipt(act=Act.CHECKPOINT, subject=f"checkpoint:{data.get('seq', 0)}", data=data)


def audit_keys(home: Path) -> Mapping[bytes, ec.EllipticCurvePublicKey]:
    """The audit signers' public keys by kid, whoever may use them: verifying needs no passphrase."""
    try:
        authority = Authority.look(home)
    except _FAILURES:
        return {}
    found: dict[bytes, ec.EllipticCurvePublicKey] = {}
    for key in authority.registry.keys:
        if key.purpose is Purpose.AUDIT_SIGNER and key.certificate:
            public = load_der_x509_certificate(authority.certificate(key).der).public_key()
            if isinstance(public, ec.EllipticCurvePublicKey):
                found[key.kid] = public
    return found
