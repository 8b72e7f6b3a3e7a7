"""People and places: districts, operators and their sessions, holders and the keys to find them by."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, LargeBinary, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from ...domain.checklist import Ground
from ...domain.places import Level, Place, parse_path
from ...domain.roles import Role
from ..base import Base, Id, Placed, Versioned, key_text, state_check


class District(Base):
    """A place in the tree of four levels. `path` is ``/1/12/130/``, its own id last."""

    __tablename__ = "district"
    __table_args__ = (CheckConstraint(f"level BETWEEN {min(Level)} AND {max(Level)}", name="level"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    code: Mapped[str] = mapped_column(key_text(32), unique=True)
    name: Mapped[str] = mapped_column(Text)
    level: Mapped[int] = mapped_column(Integer)
    parent_id: Mapped[int | None] = mapped_column(Id, ForeignKey("district.id"), index=True)
    path: Mapped[str] = mapped_column(key_text(96), unique=True)

    @property
    def place(self) -> Place:
        """For the domain."""
        return parse_path(self.path)


class Operator(Versioned, Base):
    """Somebody who signs in. `password_hash` is argon2's own encoded form."""

    __tablename__ = "operator"
    __table_args__ = (state_check("role", Role),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(key_text(64), unique=True)
    display_name: Mapped[str] = mapped_column(Text)
    role: Mapped[str] = mapped_column(String(20))
    district_id: Mapped[int] = mapped_column(Id, ForeignKey("district.id"))
    password_hash: Mapped[str] = mapped_column(Text)
    failed_attempts: Mapped[int] = mapped_column(Integer, default=0)
    locked_until: Mapped[datetime | None]
    disabled: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]


class Session(Base):
    """A signed-in browser. Only hashes of the tokens are kept: who reads the table cannot become anybody."""

    __tablename__ = "session"
    __table_args__ = (Index("ix_session_expires_at", "expires_at"),)

    token_hash: Mapped[str] = mapped_column(key_text(64), primary_key=True)
    csrf_hash: Mapped[str] = mapped_column(String(64))
    operator_id: Mapped[int] = mapped_column(Id, ForeignKey("operator.id"), index=True)
    desk: Mapped[str] = mapped_column(key_text(32), default="")
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class Holder(Versioned, Placed, Base):
    """A person. `facts` is JSON: what the rules of entitlement look at (`issuer.rules.facts`)."""

    __tablename__ = "holder"
    __table_args__ = (
        CheckConstraint("sex IN ('F', 'M', 'X')", name="sex"),
        CheckConstraint(
            f"ground IS NULL OR ground IN ({', '.join(repr(g.value) for g in Ground)})",
            name="ground",
        ),
        Index(
            "uq_holder_number_hash",
            "number_hash",
            unique=True,
            sqlite_where=text("number_hash IS NOT NULL"),
            postgresql_where=text("number_hash IS NOT NULL"),
        ),
        Index("ix_holder_county_id_id", "county_id", "id"),
        Index("ix_holder_town_id_id", "town_id", "id"),
        Index("ix_holder_community_id_id", "community_id", "id"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name_native: Mapped[str] = mapped_column(Text)
    latin_surname: Mapped[str] = mapped_column(Text)
    latin_given: Mapped[str] = mapped_column(Text)
    sex: Mapped[str] = mapped_column(String(1))
    birth_date: Mapped[date]
    nationality: Mapped[str] = mapped_column(String(3))
    ethnicity: Mapped[str] = mapped_column(Text, default="")
    personal_number: Mapped[str] = mapped_column(Text, default="")
    number_hash: Mapped[str | None] = mapped_column(key_text(64))
    hukou_address: Mapped[str] = mapped_column(Text, default="")
    address: Mapped[str] = mapped_column(Text)
    address_since: Mapped[date]
    residence_since: Mapped[date]
    ground: Mapped[str | None] = mapped_column(String(16))
    facts: Mapped[str] = mapped_column(Text, default="{}")
    registered_at: Mapped[datetime]
    registered_by: Mapped[int] = mapped_column(Id)


class HolderName(Placed, Base):
    """A name as it is searched: in native and in Latin letters. Keyed for search in the order of the key."""

    __tablename__ = "holder_name"
    __table_args__ = (
        Index("ix_holder_name_key", "key", "holder_id"),
        Index("ix_holder_name_county", "county_id", "key", "holder_id"),
        Index("ix_holder_name_town", "town_id", "key", "holder_id"),
        Index("ix_holder_name_community", "community_id", "key", "holder_id"),
    )

    holder_id: Mapped[int] = mapped_column(Id, ForeignKey("holder.id"), primary_key=True)
    key: Mapped[str] = mapped_column(key_text(400), primary_key=True)


class HolderMatch(Base):
    """A key by which two records may turn out to be one person (`domain.names`)."""

    __tablename__ = "holder_match"
    __table_args__ = (Index("ix_holder_match_holder_id", "holder_id"),)

    birth_date: Mapped[date] = mapped_column(primary_key=True)
    sex: Mapped[str] = mapped_column(String(1), primary_key=True)
    key: Mapped[str] = mapped_column(key_text(400), primary_key=True)
    holder_id: Mapped[int] = mapped_column(Id, ForeignKey("holder.id"), primary_key=True)


class Capture(Base):
    """What was captured for one application, the photo first of all. Deleted when its time is over."""

    __tablename__ = "capture"
    __table_args__ = (Index("ix_capture_delete_after", "delete_after"),)

    application_id: Mapped[int] = mapped_column(Id, ForeignKey("application.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)
    captured_at: Mapped[datetime]
    delete_after: Mapped[date | None]
