"""Signing in and out, and who a request comes from.

A session is a random token that only its owner has; the table holds its hash. A browser keeps it in a cookie that
scripts cannot read and other sites cannot send, and names the CSRF token beside it in a header; a program keeps it and
sends it as ``Authorization: Bearer``, which no browser does by itself, so it needs no CSRF token. Every sign-in makes a
new token, and the one that the browser came with is ended: nobody can plant a session.

Attempts are counted before the password is looked at, so many at the same moment count as many.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session as Transaction

from ..domain.places import Place, parse_path
from ..domain.reasons import Reason, refusal
from ..domain.roles import Act, Actor, Role
from ..store.models.people import District, Operator, Session
from ..store.unit import Receipt, Store, Unit
from .passwords import Passwords

TOKEN_BYTES = 32
FREE_ATTEMPTS = 5
"""Failures in a row before the account is locked; then 30 s, doubled with each failure."""
FIRST_LOCK = timedelta(seconds=30)
LONGEST_LOCK = timedelta(minutes=15)
_SEEN = timedelta(minutes=1)
_REMEMBERED = timedelta(hours=1)
"""How long it is known whose a session was that has come to its end: a form sent too late is given back to them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """What a sign-in gives. `csrf` is empty for a program."""

    token: str = field(repr=False)
    csrf: str = field(repr=False)
    actor: Actor
    desk: str
    seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """The session that a request came with."""

    actor: Actor
    desk: str
    display_name: str
    token_hash: str = field(repr=False)
    csrf_hash: str = field(repr=False)


class Sessions:
    """The sessions of an authority."""

    def __init__(self, store: Store, passwords: Passwords, *, lifetime: timedelta, idle: timedelta) -> None:
        self._store = store
        self._passwords = passwords
        self._lifetime = lifetime
        self._idle = idle

    def sign_in(self, name: str, password: str, *, desk: str, program: bool, before: str | None) -> SignedIn:
        """A new session; the one of token `before` is ended. Raises ActRefused(CREDENTIALS, LOCKED_OUT)."""
        found = self._attempt(name)
        right = self._passwords.verify(found.password_hash if found else None, password)
        if found is None or not right or found.disabled:
            if found is not None:
                self._note(self._actor(found), Act.SIGN_IN_FAILED, found.id)
            raise refusal(Reason.CREDENTIALS)
        token = secrets.token_urlsafe(TOKEN_BYTES)
        csrf = "" if program else csrf_of(token)
        fresh = self._passwords.hash_again(found.password_hash, password)
        actor = self._actor(found)

        def work(unit: Unit) -> Receipt:
            operator = unit.transaction.get_one(Operator, found.id)
            if operator.disabled or operator.version != found.version:
                raise refusal(Reason.CREDENTIALS)
            values: dict[str, object] = {"failed_attempts": 0, "locked_until": None}
            if fresh is not None:
                values["password_hash"] = fresh
            # Not an edit of the operator: whoever edits them meanwhile is not told that they changed.
            unit.transaction.execute(update(Operator).where(Operator.id == operator.id).values(values))
            unit.transaction.execute(delete(Session).where(Session.expires_at < unit.now - _REMEMBERED))
            if before is not None:
                unit.transaction.execute(delete(Session).where(Session.token_hash == digest(before)))
            unit.transaction.add(
                Session(
                    token_hash=digest(token),
                    csrf_hash=digest(csrf) if csrf else "",
                    operator_id=operator.id,
                    desk=desk,
                    created_at=unit.now,
                    seen_at=unit.now,
                    expires_at=unit.now + self._lifetime,
                )
            )
            unit.record(Act.SIGN_IN, f"operator:{operator.id}", desk=desk, program=program)
            return Receipt(act=Act.SIGN_IN, subject=f"operator:{operator.id}")

        self._store.perform(actor, Act.SIGN_IN, work)
        return SignedIn(token=token, csrf=csrf, actor=actor, desk=desk, seconds=int(self._lifetime.total_seconds()))

    def present(self, token: str) -> Present | None:
        """Who is signed in by `token`; None when nobody is, or not any more."""
        hashed, now = digest(token), self._store.now()
        with self._store.read() as transaction:
            row = transaction.execute(
                select(Session, Operator, District.path)
                .join(Operator, Operator.id == Session.operator_id)
                .join(District, District.id == Operator.district_id)
                .where(Session.token_hash == hashed)
            ).first()
        if row is None:
            return None
        session, operator, path = row
        if operator.disabled or now >= session.expires_at or now - session.seen_at > self._idle:
            return None
        if now - session.seen_at > _SEEN:
            self._write(update(Session).where(Session.token_hash == hashed).values(seen_at=now))
        return Present(
            actor=_actor(operator, parse_path(path)),
            desk=session.desk,
            display_name=operator.display_name,
            token_hash=hashed,
            csrf_hash=session.csrf_hash,
        )

    def sign_out(self, present: Present) -> None:
        """End it."""

        def work(unit: Unit) -> Receipt:
            unit.transaction.execute(delete(Session).where(Session.token_hash == present.token_hash))
            unit.record(Act.SIGN_OUT, f"operator:{present.actor.operator}")
            return Receipt(act=Act.SIGN_OUT, subject=f"operator:{present.actor.operator}")

        self._store.perform(present.actor, Act.SIGN_OUT, work)

    def _attempt(self, name: str) -> Operator | None:
        """Count an attempt; the operator, None for a name that nobody has. Raises ActRefused(LOCKED_OUT)."""
        now = self._store.now()
        with Transaction(self._store.engine, expire_on_commit=False) as transaction, transaction.begin():
            query = select(Operator).where(Operator.name == name).with_for_update()
            operator = transaction.scalars(query).one_or_none()
            if operator is not None and operator.role != Role.SYSTEM:
                if operator.locked_until is not None and now < operator.locked_until:
                    raise refusal(Reason.LOCKED_OUT, seconds=_seconds(operator.locked_until - now))
                failed = operator.failed_attempts + 1
                until = None if failed < FREE_ATTEMPTS else now + lock_after(failed)
                transaction.execute(
                    update(Operator)
                    .where(Operator.id == operator.id)
                    .values(failed_attempts=failed, locked_until=until)
                    .execution_options(synchronize_session=False)
                )
                return operator
        return None

    def _actor(self, operator: Operator) -> Actor:
        with self._store.read() as transaction:
            return _actor(operator, transaction.get_one(District, operator.district_id).place)

    def _note(self, actor: Actor, act: Act, operator: int) -> None:
        def work(unit: Unit) -> Receipt:
            unit.record(act, f"operator:{operator}")
            return Receipt(act=act, subject=f"operator:{operator}")

        self._store.perform(actor, act, work)

    def _write(self, statement: object) -> None:
        with Transaction(self._store.engine) as transaction, transaction.begin():
            transaction.execute(statement)  # type: ignore[call-overload]


def lock_after(failed: int) -> timedelta:
    """How long an account is locked after so many failures in a row."""
    doubled = min(max(failed - FREE_ATTEMPTS, 0), 10)
    return min(FIRST_LOCK * (1 << doubled), LONGEST_LOCK)


def csrf_of(token: str) -> str:
    """The CSRF token of a session: made from its token, so a page can ask for it again."""
    return hmac.digest(token.encode(), b"csrf", "sha256").hex()


def csrf_right(present: Present, given: str) -> bool:
    """Whether `given` is the session's CSRF token. A program's session has none, so it cannot be used in a cookie."""
    return bool(present.csrf_hash) and hmac.compare_digest(digest(given), present.csrf_hash)


def digest(token: str) -> str:
    """What the table holds of a token, 64 hex digits."""
    return sha256(token.encode("utf-8", "replace")).hexdigest()


def _actor(operator: Operator, place: Place) -> Actor:
    return Actor(operator=operator.id, name=operator.name, role=Role(operator.role), place=place)


def _seconds(left: timedelta) -> int:
    return int(left.total_seconds()) + 1
