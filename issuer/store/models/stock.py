"""Cards as objects: the stock, its ledger, the journal of personalisation, and their status entries."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from ...domain.card_stock import LIVE_CARD, StockState
from ..base import Base, Id, Versioned, among, key_text, state_check

SERIAL = 20  # hex digits
_LIVE = text(f"{among('state', LIVE_CARD)} AND permit_number IS NOT NULL")


class Card(Versioned, Base):
    """One card; its life is `domain.card_stock`. `district_id` and `desk` are the drawer in which it lies, or from
    which it was issued; an empty desk is the vault of the place."""

    __tablename__ = "card"
    __table_args__ = (
        state_check("state", StockState),
        CheckConstraint(f"length(serial) = {SERIAL}", name="serial"),
        Index("uq_card_live", "permit_number", unique=True, sqlite_where=_LIVE, postgresql_where=_LIVE),
        Index("ix_card_permit_number", "permit_number", "serial"),
        Index("ix_card_drawer", "district_id", "desk", "state", "serial"),
    )

    serial: Mapped[str] = mapped_column(key_text(SERIAL), primary_key=True)
    state: Mapped[str] = mapped_column(String(16))
    district_id: Mapped[int] = mapped_column(Id, ForeignKey("district.id"))
    desk: Mapped[str] = mapped_column(key_text(32))
    permit_number: Mapped[str | None] = mapped_column(key_text(20))
    application_id: Mapped[int | None] = mapped_column(Id, ForeignKey("application.id"), index=True)
    profile_digest: Mapped[str] = mapped_column(String(64), default="")
    valid_from: Mapped[date | None]
    endorsed_until: Mapped[date | None]
    reason: Mapped[str] = mapped_column(Text, default="")
    received_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class CardMovement(Base):
    """A line of the stock ledger: `quantity` cards from one state and drawer to another. Only ever appended.

    Without `from_state` they came from outside; without `serial` they are cards whose numbers were not listed. The days
    are those of the two drawers' books.
    """

    __tablename__ = "card_movement"
    __table_args__ = (
        CheckConstraint(f"from_state IS NULL OR {among('from_state', StockState)}", name="from_state"),
        state_check("to_state", StockState),
        CheckConstraint("serial IS NULL OR quantity = 1", name="quantity"),
        Index("ix_card_movement_from", "from_district_id", "from_desk", "from_day"),
        Index("ix_card_movement_to", "to_district_id", "to_desk", "to_day"),
        Index("ix_card_movement_serial", "serial", "id"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    at: Mapped[datetime]
    from_day: Mapped[date | None]
    to_day: Mapped[date]
    event: Mapped[str] = mapped_column(String(16))
    serial: Mapped[str | None] = mapped_column(key_text(SERIAL))
    quantity: Mapped[int] = mapped_column(Integer)
    from_state: Mapped[str | None] = mapped_column(String(16))
    from_district_id: Mapped[int | None] = mapped_column(Id)
    from_desk: Mapped[str | None] = mapped_column(key_text(32))
    to_state: Mapped[str] = mapped_column(String(16))
    to_district_id: Mapped[int] = mapped_column(Id)
    to_desk: Mapped[str] = mapped_column(key_text(32))
    operator_id: Mapped[int] = mapped_column(Id)
    note: Mapped[str] = mapped_column(Text, default="")


class StockDay(Base):
    """A day of a drawer, closed: what the ledger came to, what was counted. The next day starts from `closing`."""

    __tablename__ = "stock_day"

    district_id: Mapped[int] = mapped_column(Id, ForeignKey("district.id"), primary_key=True)
    desk: Mapped[str] = mapped_column(key_text(32), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    closing: Mapped[str] = mapped_column(Text)
    received: Mapped[int] = mapped_column(Integer)
    counted: Mapped[int] = mapped_column(Integer)
    difference: Mapped[int] = mapped_column(Integer)
    note: Mapped[str] = mapped_column(Text)
    closed_at: Mapped[datetime]
    closed_by: Mapped[int] = mapped_column(Id)


class PersonalisationIntent(Base):
    """What was begun with a card and has not ended (`issuer.journal.Intent`)."""

    __tablename__ = "personalisation_intent"
    __table_args__ = (
        Index("ix_personalisation_intent_serial", "serial"),
        Index("ix_personalisation_intent_permit_number", "permit_number"),
    )

    number: Mapped[int] = mapped_column(Id, primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    permit_number: Mapped[str] = mapped_column(key_text(20))
    reader: Mapped[str] = mapped_column(Text)
    serial: Mapped[str | None] = mapped_column(key_text(SERIAL))
    opened_at: Mapped[datetime]
    operator_id: Mapped[int] = mapped_column(Id)


class PersonalisationEvent(Base):
    """A line of the journal (`issuer.journal.Event`). Only ever appended."""

    __tablename__ = "personalisation_event"
    __table_args__ = (Index("ix_personalisation_event_serial", "serial", "number"),)

    number: Mapped[int] = mapped_column(Id, primary_key=True)
    at: Mapped[datetime]
    kind: Mapped[str] = mapped_column(String(24))
    serial: Mapped[str] = mapped_column(key_text(SERIAL))
    permit_number: Mapped[str] = mapped_column(key_text(20))
    detail: Mapped[str] = mapped_column(Text)
    count: Mapped[int] = mapped_column(Integer)


class StatusEntry(Base):
    """A card's place in a status list: an index is given once, for ever, and INVALID is for good.

    `published` is what the list said last; where it differs, the list is behind. SUSPENDED 2, INVALID 1, VALID 0.
    """

    __tablename__ = "status_entry"
    __table_args__ = (
        CheckConstraint("status BETWEEN 0 AND 2 AND published BETWEEN 0 AND 2", name="status"),
        Index("uq_status_entry_serial", "serial", unique=True),
        Index(
            "ix_status_entry_due",
            "changed_at",
            "uri",
            "index",
            sqlite_where=text("status <> published"),
            postgresql_where=text("status <> published"),
        ),
    )

    uri: Mapped[str] = mapped_column(key_text(128), primary_key=True)
    index: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    serial: Mapped[str] = mapped_column(key_text(SERIAL), ForeignKey("card.serial"))
    status: Mapped[int] = mapped_column(Integer)
    published: Mapped[int] = mapped_column(Integer)
    changed_at: Mapped[datetime]
