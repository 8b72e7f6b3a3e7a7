"""What all models share: types that mean the same on SQLite and PostgreSQL, and the place of a thing."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import BigInteger, CheckConstraint, DateTime, Dialect, ForeignKey, Integer, MetaData, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column
from sqlalchemy.types import TypeDecorator

from ..domain.places import Level, Place

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
Id = BigInteger().with_variant(Integer(), "sqlite")
"""SQLite numbers rows by itself only where the type is exactly INTEGER."""


def key_text(length: int) -> String:
    """A text that is compared byte by byte, so that prefixes can be sought in an index whatever the locale."""
    return String(length, collation="C").with_variant(String(length), "sqlite")


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment, in UTC both ways; a naive one is a mistake, wherever it comes from."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("a moment without a time zone")
        return value if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """The models."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar[dict[Any, Any]] = {datetime: UtcDateTime(), str: Text(), int: Id}


def among(column: str, states: type[StrEnum] | frozenset[Any]) -> str:
    """SQL: the column has one of these values."""
    return f"{column} IN ({', '.join(repr(str(state.value)) for state in sorted(states, key=str))})"


def state_check(column: str, states: type[StrEnum]) -> CheckConstraint:
    """The constraint that a column holds a state of the table in `domain`."""
    return CheckConstraint(among(column, states), name=column)


class Versioned:
    """Optimistic locking: an update that finds another version changes nothing and is told so."""

    version: Mapped[int] = mapped_column(Integer)

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:
        return {"version_id_col": cls.version}


class Placed:
    """Belongs to a place. The ancestors stand beside it, so that whoever is in charge of a town finds its people in
    the order of an index, and not by looking at everybody's path."""

    @declared_attr
    def district_id(cls) -> Mapped[int]:
        return mapped_column(Id, ForeignKey("district.id"))

    county_id: Mapped[int | None] = mapped_column(Id)
    town_id: Mapped[int | None] = mapped_column(Id)
    community_id: Mapped[int | None] = mapped_column(Id)

    def put(self, place: Place) -> None:
        """Move it there."""
        self.district_id = place.id
        self.county_id = place.at(Level.COUNTY)
        self.town_id = place.at(Level.TOWN)
        self.community_id = place.at(Level.COMMUNITY)


SCOPES = {Level.CITY: "", Level.COUNTY: "county_id", Level.TOWN: "town_id", Level.COMMUNITY: "community_id"}
"""The column that keeps what a place of a level covers; a city covers all."""
