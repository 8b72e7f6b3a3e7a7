"""What keeps the rest honest: the audit chain, its checkpoints, and the keys that make a repeated request harmless."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from ..base import Base, Id, key_text


class AuditRecord(Base):
    """One act (`issuer.audit.record`). `hash` covers every other column, `previous` is that of the record before."""

    __tablename__ = "audit_record"
    __table_args__ = (
        Index("ix_audit_record_subject", "subject", "seq"),
        Index("ix_audit_record_actor", "actor", "seq"),
        Index("ix_audit_record_place", "place", "seq"),
        Index("ix_audit_record_at", "at"),
    )

    seq: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    act: Mapped[str] = mapped_column(String(32))
    actor: Mapped[str] = mapped_column(key_text(64))
    role: Mapped[str] = mapped_column(String(20))
    place: Mapped[str] = mapped_column(key_text(96))
    subject: Mapped[str] = mapped_column(key_text(64))
    detail: Mapped[str] = mapped_column(Text)
    previous: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


class Checkpoint(Base):
    """The audit signer's word on the chain up to and including `seq` (`issuer.audit.checkpoint`)."""

    __tablename__ = "checkpoint"

    seq: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    hash: Mapped[str] = mapped_column(String(64))
    signed: Mapped[bytes] = mapped_column(LargeBinary)


class IdempotencyKey(Base):
    """A request that was carried out, and what was answered."""

    __tablename__ = "idempotency_key"
    __table_args__ = (Index("ix_idempotency_key_at", "at"),)

    operator_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    key: Mapped[str] = mapped_column(key_text(64), primary_key=True)
    act: Mapped[str] = mapped_column(String(32))
    request: Mapped[str] = mapped_column(String(64))
    response: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime]
