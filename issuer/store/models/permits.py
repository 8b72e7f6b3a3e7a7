"""Applications, permits, and what permits entitle to."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from ...domain.application_life import DEADLINE_RUNS, OPEN_APPLICATION, ApplicationKind, ApplicationState
from ...domain.permit_life import LIVE_PERMIT, PermitState, Suspension
from ..base import Base, Id, Placed, Versioned, among, key_text, state_check

_OPEN = text(among("state", OPEN_APPLICATION))
_DEADLINE = text(among("state", DEADLINE_RUNS))
_LIVE = text(among("state", LIVE_PERMIT))
_ACTIVE = text(f"state = '{PermitState.ACTIVE.value}'")


def _queue(name: str, *columns: str) -> Index:
    return Index(name, *columns, sqlite_where=_DEADLINE, postgresql_where=_DEADLINE)


def _open(name: str, *columns: str) -> Index:
    return Index(name, *columns, sqlite_where=_OPEN, postgresql_where=_OPEN)


class Application(Versioned, Placed, Base):
    """An application; its life is `domain.application_life`. `told` is NULL until the checklist was told.

    `present` and `told` are items, comma separated. `slip` is what the applicant shows when collecting the card.
    """

    __tablename__ = "application"
    __table_args__ = (
        state_check("kind", ApplicationKind),
        state_check("state", ApplicationState),
        Index("uq_application_open", "holder_id", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
        Index("ix_application_holder_id", "holder_id", "id"),
        Index("ix_application_permit_number", "permit_number"),
        _open("ix_application_state", "state", "id"),
        _open("ix_application_state_county", "county_id", "state", "id"),
        _open("ix_application_state_town", "town_id", "state", "id"),
        _open("ix_application_state_community", "community_id", "state", "id"),
        _queue("ix_application_due", "due_on", "id"),
        _queue("ix_application_due_county", "county_id", "due_on", "id"),
        _queue("ix_application_due_town", "town_id", "due_on", "id"),
        _queue("ix_application_due_community", "community_id", "due_on", "id"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    holder_id: Mapped[int] = mapped_column(Id, ForeignKey("holder.id"))
    kind: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16))
    present: Mapped[str] = mapped_column(Text, default="")
    told: Mapped[str | None] = mapped_column(Text)
    told_at: Mapped[datetime | None]
    slip: Mapped[str | None] = mapped_column(key_text(16), unique=True)
    permit_number: Mapped[str | None] = mapped_column(key_text(20))
    document_number: Mapped[str | None] = mapped_column(key_text(22), unique=True)
    registered_by: Mapped[int] = mapped_column(Id)
    accepted_by: Mapped[int | None] = mapped_column(Id)
    approved_by: Mapped[int | None] = mapped_column(Id)
    registered_at: Mapped[datetime]
    accepted_on: Mapped[date | None]
    due_on: Mapped[date | None]
    extended: Mapped[bool] = mapped_column(default=False)
    ready_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    reason: Mapped[str] = mapped_column(Text, default="")


class Permit(Versioned, Placed, Base):
    """A permit; its life is `domain.permit_life`. `card_due`: its card says something older than this row."""

    __tablename__ = "permit"
    __table_args__ = (
        state_check("state", PermitState),
        CheckConstraint(f"(state = '{PermitState.SUSPENDED.value}') = (suspension IS NOT NULL)", name="suspension"),
        CheckConstraint(f"suspension IS NULL OR {among('suspension', Suspension)}", name="suspension_cause"),
        CheckConstraint("permit_class BETWEEN 1 AND 3", name="class"),
        Index("uq_permit_live", "holder_id", unique=True, sqlite_where=_LIVE, postgresql_where=_LIVE),
        Index("ix_permit_holder_id", "holder_id", "id"),
        Index("ix_permit_endorsed", "endorsed_until", "id", sqlite_where=_ACTIVE, postgresql_where=_ACTIVE),
        *(
            Index(
                f"ix_permit_endorsed_{level}",
                f"{level}_id",
                "endorsed_until",
                "id",
                sqlite_where=_ACTIVE,
                postgresql_where=_ACTIVE,
            )
            for level in ("county", "town", "community")
        ),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    number: Mapped[str] = mapped_column(key_text(20), unique=True)
    holder_id: Mapped[int] = mapped_column(Id, ForeignKey("holder.id"))
    state: Mapped[str] = mapped_column(String(16))
    suspension: Mapped[str | None] = mapped_column(String(8))
    permit_class: Mapped[int] = mapped_column(Integer)
    rule_set: Mapped[str] = mapped_column(Text)
    valid_from: Mapped[date]
    endorsed_until: Mapped[date]
    expires_on: Mapped[date]
    years_since: Mapped[date]
    card_due: Mapped[bool] = mapped_column(default=False)
    reminded_for: Mapped[date | None]
    ended_on: Mapped[date | None]
    reason: Mapped[str] = mapped_column(Text, default="")


class EntitlementGrant(Base):
    """What the rules said of one service: granted until a day, or not, and why. The current ones are not superseded."""

    __tablename__ = "entitlement_grant"
    __table_args__ = (
        Index(
            "uq_entitlement_grant_current",
            "permit_id",
            "service",
            unique=True,
            sqlite_where=text("superseded_at IS NULL"),
            postgresql_where=text("superseded_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    permit_id: Mapped[int] = mapped_column(Id, ForeignKey("permit.id"), index=True)
    service: Mapped[str] = mapped_column(String(8))
    valid_until: Mapped[date | None]
    rule_set: Mapped[str] = mapped_column(Text)
    explanation: Mapped[str] = mapped_column(Text)
    granted_at: Mapped[datetime]
    superseded_at: Mapped[datetime | None]


class RuleSet(Base):
    """A version of the rules, as data (`issuer.rules`). One is active at a time."""

    __tablename__ = "rule_set"
    __table_args__ = (
        CheckConstraint("state IN ('draft', 'active', 'retired')", name="state"),
        Index(
            "uq_rule_set_active",
            "state",
            unique=True,
            sqlite_where=text("state = 'active'"),
            postgresql_where=text("state = 'active'"),
        ),
    )

    version: Mapped[str] = mapped_column(key_text(64), primary_key=True)
    state: Mapped[str] = mapped_column(String(8))
    document: Mapped[str] = mapped_column(Text)
    digest: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    created_by: Mapped[int] = mapped_column(Id)
    activated_at: Mapped[datetime | None]
