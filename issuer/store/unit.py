"""One act, one transaction: what it changes, its line in the audit chain and the answer to its repetition, or nothing.

`Store.perform` is the only way to write. It asks the role, answers a repeated request with what was answered before,
runs the act, appends the audit records as the last thing, commits; and where somebody else was faster, says so.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import DataError, IntegrityError, OperationalError
from sqlalchemy.orm import Session as Transaction
from sqlalchemy.orm.exc import StaleDataError

from ..assemble import civil_date
from ..audit import log
from ..audit.record import canonical_json
from ..domain.calendar import DECREE_663, YearsRule
from ..domain.places import Place
from ..domain.reasons import ActRefused, Reason, refusal
from ..domain.roles import Act, Actor
from .constraints import broken
from .engine import READ_ONLY
from .models.operations import IdempotencyKey
from .movements import post

MAX_KEY = 64  # characters of an idempotency key
_ATTEMPTS = 3
_COLLISIONS = frozenset({"40001", "40P01", "55P03"})  # serialization failure, deadlock, lock not available


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What an office decides for itself."""

    years: YearsRule = DECREE_663
    validity_years: int = 5
    capture_days: int = 90  # how long a photo is kept after the card was handed over
    replacement_fee: int = 2000  # fen; the first card and endorsements are free
    permit_prefix: str = "RP"


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What an act came to. `subject` is ``kind:id``; `data` is what JSON can say. `replayed`: it was done before."""

    act: Act
    subject: str
    state: str = ""
    version: int = 0
    data: Mapping[str, Any] = field(default_factory=dict)
    replayed: bool = False

    def _encode(self) -> str:
        return canonical_json(
            {"subject": self.subject, "state": self.state, "version": self.version, "data": self.data}
        )


class Unit:
    """An act in progress."""

    def __init__(self, transaction: Transaction, actor: Actor, now: datetime, store: Store) -> None:
        self.transaction = transaction
        self.actor = actor
        self.now = now
        self.rules = store.rules
        self.random = store.random
        self.number_secret = store.number_secret
        self.movements: list[dict[str, Any]] = []
        self._records: list[Mapping[str, object]] = []

    @property
    def today(self) -> date:
        """The civil date."""
        return civil_date(self.now)

    def reach(self, place: Place) -> None:
        """Raises ActRefused(DISTRICT) for what lies outside the actor's district."""
        if not self.actor.place.covers(place):
            raise refusal(Reason.DISTRICT, place=place.path)

    def record(self, act: Act, subject: str, **detail: Any) -> None:
        """A line for the audit chain, appended when the act is done."""
        self._records.append(
            {
                "at": self.now,
                "act": act.value,
                "actor": self.actor.name,
                "role": self.actor.role.value,
                "place": self.actor.place.path,
                "subject": subject,
                "detail": plain(detail),
            }
        )

    def finish(self) -> None:
        """Everything to the database, the audit records last."""
        self.transaction.flush()
        if self.movements or self._records:
            self.lock()
        if self.movements:
            post(self.transaction, self.movements, now=self.now, today=self.today, operator=self.actor.operator)
        if self._records:
            log.append(self.transaction, self._records)

    def lock(self) -> None:
        """From here on nobody else commits an act. An act that sums up what others did takes it first."""
        log.lock(self.transaction)

    def digits(self, count: int) -> str:
        """A random number of `count` digits."""
        return str(self.below(10**count)).zfill(count)

    def below(self, limit: int) -> int:
        """A random number below `limit`; so many bits that the bias is nothing."""
        return int.from_bytes(self.random(16)) % limit


class Store:
    """The database of an authority."""

    def __init__(
        self,
        engine: Engine,
        *,
        clock: Callable[[], datetime],
        number_secret: bytes,
        rules: Rules | None = None,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        """`number_secret` keys the hashes of identity numbers, at least 16 bytes; it must never change."""
        if len(number_secret) < 16:
            raise ValueError("a secret of 16 bytes at least")
        self.engine = engine
        self.clock = clock
        self.number_secret = number_secret
        self.rules = rules or Rules()
        self.random = random

    def now(self) -> datetime:
        """An aware moment."""
        return self.clock().astimezone(UTC)

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """A transaction that only looks."""
        with (
            self.engine.connect().execution_options(**{READ_ONLY: True}) as connection,
            Transaction(connection, expire_on_commit=False) as transaction,
        ):
            yield transaction

    def perform(
        self,
        actor: Actor,
        act: Act,
        work: Callable[[Unit], Receipt],
        *,
        key: str | None = None,
        request: Mapping[str, Any] | None = None,
    ) -> Receipt:
        """Do `act`. With `key` a repetition of the same `request` gives the same receipt, and changes nothing.

        Raises ActRefused; a `Conflict` among them when somebody was faster.
        """
        if not actor.may(act):
            raise refusal(Reason.ROLE, act=act, role=actor.role)
        if key is not None and not (0 < len(key) <= MAX_KEY and key.isprintable()):
            raise refusal(Reason.INVALID_VALUE, field="idempotency key")
        digest = _digest(request or {})
        for attempt in range(_ATTEMPTS):
            last_chance = attempt == _ATTEMPTS - 1
            try:
                return self._once(actor, act, work, key, digest)
            except StaleDataError as error:
                raise refusal(Reason.CHANGED_MEANWHILE, act=act) from error
            except IntegrityError as error:
                constraint = broken(error)
                if constraint is None:
                    raise
                # The same request at the same moment: the other has answered it by now.
                if constraint.name != "pk_idempotency_key" or last_chance:
                    raise refusal(constraint.reason, act=act) from error
            except DataError as error:  # a number that no column holds
                raise refusal(Reason.INVALID_VALUE, act=act) from error
            except OperationalError as error:
                if not collided(error) or last_chance:
                    if collided(error):
                        raise refusal(Reason.CHANGED_MEANWHILE, act=act) from error
                    raise
        raise AssertionError("unreachable")

    def rehearse(self, actor: Actor, act: Act, work: Callable[[Unit], Receipt]) -> Receipt:
        """What `act` would come to, and nothing is changed: for the old → new view. Raises ActRefused."""
        if not actor.may(act):
            raise refusal(Reason.ROLE, act=act, role=actor.role)
        with Transaction(self.engine, expire_on_commit=False) as transaction:
            receipt = work(Unit(transaction, actor, self.now(), self))
            transaction.rollback()
            return receipt

    def _once(self, actor: Actor, act: Act, work: Callable[[Unit], Receipt], key: str | None, digest: str) -> Receipt:
        with Transaction(self.engine, expire_on_commit=False) as transaction, transaction.begin():
            unit = Unit(transaction, actor, self.now(), self)
            row = None
            if key is not None:
                row = transaction.get(IdempotencyKey, (actor.operator, key))
                if row is not None:
                    return _repeated(row, act, digest)
                row = IdempotencyKey(
                    operator_id=actor.operator, key=key, act=act.value, request=digest, response="", at=unit.now
                )
                transaction.add(row)
                transaction.flush()  # who comes second with this key waits here
            receipt = work(unit)
            if row is not None:
                row.response = receipt._encode()
            unit.finish()
            return receipt


def collided(error: OperationalError) -> bool:
    """Whether the database chose between two transactions, and this was the other."""
    return getattr(error.orig, "sqlstate", None) in _COLLISIONS or "database is locked" in str(error.orig)


def plain(value: Any) -> Any:
    """A value as audit records and requests have it: dates as texts, bytes as their digest, sets in order."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bytes):
        return "sha256:" + sha256(value).hexdigest()
    if isinstance(value, frozenset | set):
        return sorted(plain(item) for item in value)
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if hasattr(value, "__dataclass_fields__"):
        return {name: plain(getattr(value, name)) for name in value.__dataclass_fields__}
    return value


def _digest(request: Mapping[str, Any]) -> str:
    """What a request is recognised by. Raises ActRefused(INVALID_VALUE) for texts that no database keeps."""
    text = canonical_json(plain(request))
    if "\\u0000" in text:
        raise refusal(Reason.INVALID_VALUE, field="text")
    try:
        return sha256(text.encode()).hexdigest()
    except UnicodeEncodeError as error:
        raise refusal(Reason.INVALID_VALUE, field="text") from error


def _repeated(row: IdempotencyKey, act: Act, digest: str) -> Receipt:
    if (row.act, row.request) != (act.value, digest):
        raise refusal(Reason.KEY_REUSED, act=row.act)
    receipt = Receipt(act=act, **json.loads(row.response))
    return replace(receipt, replayed=True)


__all__ = ["ActRefused", "Receipt", "Rules", "Store", "Unit", "collided", "plain"]
