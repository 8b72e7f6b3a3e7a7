"""The acts of one place in order: what the auditor of a district reads."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forwards."""
    op.create_index("ix_audit_record_place", "audit_record", ["place", "seq"])
