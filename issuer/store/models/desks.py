"""Desk agents: the tokens that they show, and the processes of the service that they are linked to."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from ..base import Base, Id, key_text


class Agent(Base):
    """A reader that may be lent to the service from a desk. Only the hash of its token is kept."""

    __tablename__ = "agent"
    __table_args__ = (
        Index(
            "uq_agent_name",
            "name",
            unique=True,
            sqlite_where=text("revoked_at IS NULL"),
            postgresql_where=text("revoked_at IS NULL"),
        ),
        Index("uq_agent_token_hash", "token_hash", unique=True),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(key_text(32))
    desk: Mapped[str] = mapped_column(key_text(32))
    district_id: Mapped[int] = mapped_column(Id, ForeignKey("district.id"), index=True)
    token_hash: Mapped[str] = mapped_column(key_text(64))
    created_at: Mapped[datetime]
    created_by: Mapped[int] = mapped_column(Id)
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    revoked_by: Mapped[int | None] = mapped_column(Id)


class AgentLink(Base):
    """That an agent is linked to a process, which says so anew while it lasts. `instance` tells two agents apart that
    came with one token."""

    __tablename__ = "agent_link"

    agent_id: Mapped[int] = mapped_column(Id, ForeignKey("agent.id"), primary_key=True, autoincrement=False)
    process: Mapped[str] = mapped_column(key_text(200), primary_key=True)
    instance: Mapped[str] = mapped_column(String(32))
    since: Mapped[datetime]
    seen_at: Mapped[datetime]
