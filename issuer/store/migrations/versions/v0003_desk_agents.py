"""Desk agents and where they are linked."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
LIVING = "revoked_at IS NULL"


def key(length: int) -> sa.String:
    """Compared byte by byte."""
    return sa.String(length, collation="C").with_variant(sa.String(length), "sqlite")


def upgrade() -> None:
    """Forwards."""
    op.create_table(
        "agent",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", key(32), nullable=False),
        sa.Column("desk", key(32), nullable=False),
        sa.Column("district_id", ID, nullable=False),
        sa.Column("token_hash", key(64), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("created_by", ID, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("revoked_at", MOMENT, nullable=True),
        sa.Column("revoked_by", ID, nullable=True),
        sa.ForeignKeyConstraint(["district_id"], ["district.id"], name="fk_agent_district_id"),
        sa.PrimaryKeyConstraint("id", name="pk_agent"),
    )
    op.create_index("ix_agent_district_id", "agent", ["district_id"])
    op.create_index("uq_agent_token_hash", "agent", ["token_hash"], unique=True)
    op.create_index(
        "uq_agent_name", "agent", ["name"], unique=True, sqlite_where=sa.text(LIVING), postgresql_where=sa.text(LIVING)
    )
    op.create_table(
        "agent_link",
        sa.Column("agent_id", ID, autoincrement=False, nullable=False),
        sa.Column("process", key(200), nullable=False),
        sa.Column("instance", sa.String(32), nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name="fk_agent_link_agent_id"),
        sa.PrimaryKeyConstraint("agent_id", "process", name="pk_agent_link"),
    )
