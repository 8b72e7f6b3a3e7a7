"""The first schema: a function for each table, in the order in which they refer to each other."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
STOCK = (
    "'activated', 'allocated', 'destroyed', 'issued', 'lost', 'pers"
    "onalised', 'personalising', 'received', 'returned', 'spoiled'"
)
APPLICATION = (
    "'accepted', 'applied', 'approved', 'handed-over', 'in-production', 'ready', 'registered', 'rejected', 'withdrawn'"
)
OPEN = "state IN ('accepted', 'applied', 'approved', 'in-production', 'ready', 'registered')"
DEADLINE = "state IN ('accepted', 'approved', 'in-production')"
LIVE_CARD = (
    "state IN ('activated', 'allocated', 'issued', 'personalised', 'personalising') AND permit_number IS NOT NULL"
)
LIVE_PERMIT = "state IN ('active', 'pending', 'suspended')"


def key(length: int) -> sa.String:
    """Compared byte by byte."""
    return sa.String(length, collation="C").with_variant(sa.String(length), "sqlite")


def where(condition: str) -> dict[str, Any]:
    """Only these rows are in the index."""
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def upgrade() -> None:
    """Forwards."""
    _audit_record()
    _card_movement()
    _checkpoint()
    _district()
    _idempotency_key()
    _personalisation_event()
    _personalisation_intent()
    _rule_set()
    _holder()
    _operator()
    _stock_day()
    _application()
    _holder_match()
    _holder_name()
    _permit()
    _session()
    _capture()
    _card()
    _entitlement_grant()
    _status_entry()


def _audit_record() -> None:
    op.create_table(
        "audit_record",
        sa.Column("seq", ID, autoincrement=False, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("act", sa.String(32), nullable=False),
        sa.Column("actor", key(64), nullable=False),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("place", key(96), nullable=False),
        sa.Column("subject", key(64), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_audit_record"),
    )
    op.create_index("ix_audit_record_actor", "audit_record", ["actor", "seq"])
    op.create_index("ix_audit_record_at", "audit_record", ["at"])
    op.create_index("ix_audit_record_subject", "audit_record", ["subject", "seq"])


def _card_movement() -> None:
    op.create_table(
        "card_movement",
        sa.Column("id", ID, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("from_day", sa.Date(), nullable=True),
        sa.Column("to_day", sa.Date(), nullable=False),
        sa.Column("event", sa.String(16), nullable=False),
        sa.Column("serial", key(20), nullable=True),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("from_state", sa.String(16), nullable=True),
        sa.Column("from_district_id", ID, nullable=True),
        sa.Column("from_desk", key(32), nullable=True),
        sa.Column("to_state", sa.String(16), nullable=False),
        sa.Column("to_district_id", ID, nullable=False),
        sa.Column("to_desk", key(32), nullable=False),
        sa.Column("operator_id", ID, nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.CheckConstraint(f"from_state IS NULL OR from_state IN ({STOCK})", name="ck_card_movement_from_state"),
        sa.CheckConstraint(f"to_state IN ({STOCK})", name="ck_card_movement_to_state"),
        sa.CheckConstraint("serial IS NULL OR quantity = 1", name="ck_card_movement_quantity"),
        sa.PrimaryKeyConstraint("id", name="pk_card_movement"),
    )
    op.create_index("ix_card_movement_from", "card_movement", ["from_district_id", "from_desk", "from_day"])
    op.create_index("ix_card_movement_serial", "card_movement", ["serial", "id"])
    op.create_index("ix_card_movement_to", "card_movement", ["to_district_id", "to_desk", "to_day"])


def _checkpoint() -> None:
    op.create_table(
        "checkpoint",
        sa.Column("seq", ID, autoincrement=False, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("signed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_checkpoint"),
    )


def _district() -> None:
    op.create_table(
        "district",
        sa.Column("id", ID, nullable=False),
        sa.Column("code", key(32), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("parent_id", ID, nullable=True),
        sa.Column("path", key(96), nullable=False),
        sa.CheckConstraint("level BETWEEN 1 AND 4", name="ck_district_level"),
        sa.ForeignKeyConstraint(["parent_id"], ["district.id"], name="fk_district_parent_id"),
        sa.PrimaryKeyConstraint("id", name="pk_district"),
        sa.UniqueConstraint("code", name="uq_district_code"),
        sa.UniqueConstraint("path", name="uq_district_path"),
    )
    op.create_index("ix_district_parent_id", "district", ["parent_id"])


def _idempotency_key() -> None:
    op.create_table(
        "idempotency_key",
        sa.Column("operator_id", ID, autoincrement=False, nullable=False),
        sa.Column("key", key(64), nullable=False),
        sa.Column("act", sa.String(32), nullable=False),
        sa.Column("request", sa.String(64), nullable=False),
        sa.Column("response", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("operator_id", "key", name="pk_idempotency_key"),
    )
    op.create_index("ix_idempotency_key_at", "idempotency_key", ["at"])


def _personalisation_event() -> None:
    op.create_table(
        "personalisation_event",
        sa.Column("number", ID, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("kind", sa.String(24), nullable=False),
        sa.Column("serial", key(20), nullable=False),
        sa.Column("permit_number", key(20), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_personalisation_event"),
    )
    op.create_index("ix_personalisation_event_serial", "personalisation_event", ["serial", "number"])


def _personalisation_intent() -> None:
    op.create_table(
        "personalisation_intent",
        sa.Column("number", ID, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("permit_number", key(20), nullable=False),
        sa.Column("reader", sa.Text(), nullable=False),
        sa.Column("serial", key(20), nullable=True),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.Column("operator_id", ID, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_personalisation_intent"),
    )
    op.create_index("ix_personalisation_intent_permit_number", "personalisation_intent", ["permit_number"])
    op.create_index("ix_personalisation_intent_serial", "personalisation_intent", ["serial"])


def _rule_set() -> None:
    op.create_table(
        "rule_set",
        sa.Column("version", key(64), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("created_by", ID, nullable=False),
        sa.Column("activated_at", MOMENT, nullable=True),
        sa.CheckConstraint("state IN ('draft', 'active', 'retired')", name="ck_rule_set_state"),
        sa.PrimaryKeyConstraint("version", name="pk_rule_set"),
    )
    op.create_index("uq_rule_set_active", "rule_set", ["state"], unique=True, **where("state = 'active'"))


def _holder() -> None:
    op.create_table(
        "holder",
        sa.Column("id", ID, nullable=False),
        sa.Column("name_native", sa.Text(), nullable=False),
        sa.Column("latin_surname", sa.Text(), nullable=False),
        sa.Column("latin_given", sa.Text(), nullable=False),
        sa.Column("sex", sa.String(1), nullable=False),
        sa.Column("birth_date", sa.Date(), nullable=False),
        sa.Column("nationality", sa.String(3), nullable=False),
        sa.Column("ethnicity", sa.Text(), nullable=False),
        sa.Column("personal_number", sa.Text(), nullable=False),
        sa.Column("number_hash", key(64), nullable=True),
        sa.Column("hukou_address", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("address_since", sa.Date(), nullable=False),
        sa.Column("residence_since", sa.Date(), nullable=False),
        sa.Column("ground", sa.String(16), nullable=True),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("registered_at", MOMENT, nullable=False),
        sa.Column("registered_by", ID, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("county_id", ID, nullable=True),
        sa.Column("town_id", ID, nullable=True),
        sa.Column("community_id", ID, nullable=True),
        sa.Column("district_id", ID, nullable=False),
        sa.CheckConstraint("ground IS NULL OR ground IN ('employment', 'housing', 'study')", name="ck_holder_ground"),
        sa.CheckConstraint("sex IN ('F', 'M', 'X')", name="ck_holder_sex"),
        sa.ForeignKeyConstraint(["district_id"], ["district.id"], name="fk_holder_district_id"),
        sa.PrimaryKeyConstraint("id", name="pk_holder"),
    )
    op.create_index("ix_holder_community_id_id", "holder", ["community_id", "id"])
    op.create_index("ix_holder_county_id_id", "holder", ["county_id", "id"])
    op.create_index("ix_holder_town_id_id", "holder", ["town_id", "id"])
    op.create_index("uq_holder_number_hash", "holder", ["number_hash"], unique=True, **where("number_hash IS NOT NULL"))


def _operator() -> None:
    op.create_table(
        "operator",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", key(64), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("district_id", ID, nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("failed_attempts", sa.Integer(), nullable=False),
        sa.Column("locked_until", MOMENT, nullable=True),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "role IN ('approver', 'auditor', 'key-administrator', 'registrar', 'system')", name="ck_operator_role"
        ),
        sa.ForeignKeyConstraint(["district_id"], ["district.id"], name="fk_operator_district_id"),
        sa.PrimaryKeyConstraint("id", name="pk_operator"),
        sa.UniqueConstraint("name", name="uq_operator_name"),
    )


def _stock_day() -> None:
    op.create_table(
        "stock_day",
        sa.Column("district_id", ID, nullable=False),
        sa.Column("desk", key(32), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("closing", sa.Text(), nullable=False),
        sa.Column("received", sa.Integer(), nullable=False),
        sa.Column("counted", sa.Integer(), nullable=False),
        sa.Column("difference", sa.Integer(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("closed_at", MOMENT, nullable=False),
        sa.Column("closed_by", ID, nullable=False),
        sa.ForeignKeyConstraint(["district_id"], ["district.id"], name="fk_stock_day_district_id"),
        sa.PrimaryKeyConstraint("district_id", "desk", "day", name="pk_stock_day"),
    )


def _application() -> None:
    op.create_table(
        "application",
        sa.Column("id", ID, nullable=False),
        sa.Column("holder_id", ID, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("present", sa.Text(), nullable=False),
        sa.Column("told", sa.Text(), nullable=True),
        sa.Column("told_at", MOMENT, nullable=True),
        sa.Column("slip", key(16), nullable=True),
        sa.Column("permit_number", key(20), nullable=True),
        sa.Column("document_number", key(22), nullable=True),
        sa.Column("registered_by", ID, nullable=False),
        sa.Column("accepted_by", ID, nullable=True),
        sa.Column("approved_by", ID, nullable=True),
        sa.Column("registered_at", MOMENT, nullable=False),
        sa.Column("accepted_on", sa.Date(), nullable=True),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("extended", sa.Boolean(), nullable=False),
        sa.Column("ready_at", MOMENT, nullable=True),
        sa.Column("closed_at", MOMENT, nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("county_id", ID, nullable=True),
        sa.Column("town_id", ID, nullable=True),
        sa.Column("community_id", ID, nullable=True),
        sa.Column("district_id", ID, nullable=False),
        sa.CheckConstraint("kind IN ('first', 'replacement')", name="ck_application_kind"),
        sa.CheckConstraint(f"state IN ({APPLICATION})", name="ck_application_state"),
        sa.ForeignKeyConstraint(["district_id"], ["district.id"], name="fk_application_district_id"),
        sa.ForeignKeyConstraint(["holder_id"], ["holder.id"], name="fk_application_holder_id"),
        sa.PrimaryKeyConstraint("id", name="pk_application"),
        sa.UniqueConstraint("document_number", name="uq_application_document_number"),
        sa.UniqueConstraint("slip", name="uq_application_slip"),
    )
    op.create_index("ix_application_due", "application", ["due_on", "id"], **where(DEADLINE))
    op.create_index("ix_application_due_community", "application", ["community_id", "due_on", "id"], **where(DEADLINE))
    op.create_index("ix_application_due_county", "application", ["county_id", "due_on", "id"], **where(DEADLINE))
    op.create_index("ix_application_due_town", "application", ["town_id", "due_on", "id"], **where(DEADLINE))
    op.create_index("ix_application_holder_id", "application", ["holder_id", "id"])
    op.create_index("ix_application_permit_number", "application", ["permit_number"])
    op.create_index("ix_application_state", "application", ["state", "id"], **where(OPEN))
    op.create_index("ix_application_state_community", "application", ["community_id", "state", "id"], **where(OPEN))
    op.create_index("ix_application_state_county", "application", ["county_id", "state", "id"], **where(OPEN))
    op.create_index("ix_application_state_town", "application", ["town_id", "state", "id"], **where(OPEN))
    op.create_index("uq_application_open", "application", ["holder_id"], unique=True, **where(OPEN))


def _holder_match() -> None:
    op.create_table(
        "holder_match",
        sa.Column("birth_date", sa.Date(), nullable=False),
        sa.Column("sex", sa.String(1), nullable=False),
        sa.Column("key", key(400), nullable=False),
        sa.Column("holder_id", ID, nullable=False),
        sa.ForeignKeyConstraint(["holder_id"], ["holder.id"], name="fk_holder_match_holder_id"),
        sa.PrimaryKeyConstraint("birth_date", "sex", "key", "holder_id", name="pk_holder_match"),
    )
    op.create_index("ix_holder_match_holder_id", "holder_match", ["holder_id"])


def _holder_name() -> None:
    op.create_table(
        "holder_name",
        sa.Column("holder_id", ID, nullable=False),
        sa.Column("key", key(400), nullable=False),
        sa.Column("county_id", ID, nullable=True),
        sa.Column("town_id", ID, nullable=True),
        sa.Column("community_id", ID, nullable=True),
        sa.Column("district_id", ID, nullable=False),
        sa.ForeignKeyConstraint(["district_id"], ["district.id"], name="fk_holder_name_district_id"),
        sa.ForeignKeyConstraint(["holder_id"], ["holder.id"], name="fk_holder_name_holder_id"),
        sa.PrimaryKeyConstraint("holder_id", "key", name="pk_holder_name"),
    )
    op.create_index("ix_holder_name_community", "holder_name", ["community_id", "key", "holder_id"])
    op.create_index("ix_holder_name_county", "holder_name", ["county_id", "key", "holder_id"])
    op.create_index("ix_holder_name_key", "holder_name", ["key", "holder_id"])
    op.create_index("ix_holder_name_town", "holder_name", ["town_id", "key", "holder_id"])


def _permit() -> None:
    op.create_table(
        "permit",
        sa.Column("id", ID, nullable=False),
        sa.Column("number", key(20), nullable=False),
        sa.Column("holder_id", ID, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("suspension", sa.String(8), nullable=True),
        sa.Column("permit_class", sa.Integer(), nullable=False),
        sa.Column("rule_set", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("endorsed_until", sa.Date(), nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=False),
        sa.Column("years_since", sa.Date(), nullable=False),
        sa.Column("card_due", sa.Boolean(), nullable=False),
        sa.Column("reminded_for", sa.Date(), nullable=True),
        sa.Column("ended_on", sa.Date(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("county_id", ID, nullable=True),
        sa.Column("town_id", ID, nullable=True),
        sa.Column("community_id", ID, nullable=True),
        sa.Column("district_id", ID, nullable=False),
        sa.CheckConstraint("(state = 'suspended') = (suspension IS NOT NULL)", name="ck_permit_suspension"),
        sa.CheckConstraint(
            "state IN ('active', 'pending', 'revoked', 'suspended', 'terminated')", name="ck_permit_state"
        ),
        sa.CheckConstraint("suspension IS NULL OR suspension IN ('lost', 'order')", name="ck_permit_suspension_cause"),
        sa.CheckConstraint("permit_class BETWEEN 1 AND 3", name="ck_permit_class"),
        sa.ForeignKeyConstraint(["district_id"], ["district.id"], name="fk_permit_district_id"),
        sa.ForeignKeyConstraint(["holder_id"], ["holder.id"], name="fk_permit_holder_id"),
        sa.PrimaryKeyConstraint("id", name="pk_permit"),
        sa.UniqueConstraint("number", name="uq_permit_number"),
    )
    op.create_index("ix_permit_endorsed", "permit", ["endorsed_until", "id"], **where("state = 'active'"))
    op.create_index(
        "ix_permit_endorsed_community", "permit", ["community_id", "endorsed_until", "id"], **where("state = 'active'")
    )
    op.create_index(
        "ix_permit_endorsed_county", "permit", ["county_id", "endorsed_until", "id"], **where("state = 'active'")
    )
    op.create_index(
        "ix_permit_endorsed_town", "permit", ["town_id", "endorsed_until", "id"], **where("state = 'active'")
    )
    op.create_index("ix_permit_holder_id", "permit", ["holder_id", "id"])
    op.create_index("uq_permit_live", "permit", ["holder_id"], unique=True, **where(LIVE_PERMIT))


def _session() -> None:
    op.create_table(
        "session",
        sa.Column("token_hash", key(64), nullable=False),
        sa.Column("csrf_hash", sa.String(64), nullable=False),
        sa.Column("operator_id", ID, nullable=False),
        sa.Column("desk", key(32), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name="fk_session_operator_id"),
        sa.PrimaryKeyConstraint("token_hash", name="pk_session"),
    )
    op.create_index("ix_session_expires_at", "session", ["expires_at"])
    op.create_index("ix_session_operator_id", "session", ["operator_id"])


def _capture() -> None:
    op.create_table(
        "capture",
        sa.Column("application_id", ID, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("captured_at", MOMENT, nullable=False),
        sa.Column("delete_after", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(["application_id"], ["application.id"], name="fk_capture_application_id"),
        sa.PrimaryKeyConstraint("application_id", "kind", name="pk_capture"),
    )
    op.create_index("ix_capture_delete_after", "capture", ["delete_after"])


def _card() -> None:
    op.create_table(
        "card",
        sa.Column("serial", key(20), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("district_id", ID, nullable=False),
        sa.Column("desk", key(32), nullable=False),
        sa.Column("permit_number", key(20), nullable=True),
        sa.Column("application_id", ID, nullable=True),
        sa.Column("profile_digest", sa.String(64), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("endorsed_until", sa.Date(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(f"state IN ({STOCK})", name="ck_card_state"),
        sa.CheckConstraint("length(serial) = 20", name="ck_card_serial"),
        sa.ForeignKeyConstraint(["application_id"], ["application.id"], name="fk_card_application_id"),
        sa.ForeignKeyConstraint(["district_id"], ["district.id"], name="fk_card_district_id"),
        sa.PrimaryKeyConstraint("serial", name="pk_card"),
    )
    op.create_index("ix_card_application_id", "card", ["application_id"])
    op.create_index("ix_card_drawer", "card", ["district_id", "desk", "state", "serial"])
    op.create_index("ix_card_permit_number", "card", ["permit_number", "serial"])
    op.create_index("uq_card_live", "card", ["permit_number"], unique=True, **where(LIVE_CARD))


def _entitlement_grant() -> None:
    op.create_table(
        "entitlement_grant",
        sa.Column("id", ID, nullable=False),
        sa.Column("permit_id", ID, nullable=False),
        sa.Column("service", sa.String(8), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("rule_set", sa.Text(), nullable=False),
        sa.Column("explanation", sa.Text(), nullable=False),
        sa.Column("granted_at", MOMENT, nullable=False),
        sa.Column("superseded_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["permit_id"], ["permit.id"], name="fk_entitlement_grant_permit_id"),
        sa.PrimaryKeyConstraint("id", name="pk_entitlement_grant"),
    )
    op.create_index("ix_entitlement_grant_permit_id", "entitlement_grant", ["permit_id"])
    op.create_index(
        "uq_entitlement_grant_current",
        "entitlement_grant",
        ["permit_id", "service"],
        unique=True,
        **where("superseded_at IS NULL"),
    )


def _status_entry() -> None:
    op.create_table(
        "status_entry",
        sa.Column("uri", key(128), nullable=False),
        sa.Column("index", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("serial", key(20), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("published", sa.Integer(), nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.CheckConstraint("status BETWEEN 0 AND 2 AND published BETWEEN 0 AND 2", name="ck_status_entry_status"),
        sa.ForeignKeyConstraint(["serial"], ["card.serial"], name="fk_status_entry_serial"),
        sa.PrimaryKeyConstraint("uri", "index", name="pk_status_entry"),
    )
    op.create_index(
        "ix_status_entry_due", "status_entry", ["changed_at", "uri", "index"], **where("status <> published")
    )
    op.create_index("uq_status_entry_serial", "status_entry", ["serial"], unique=True)
