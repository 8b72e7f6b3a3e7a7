"""What no program may do, said to the database: ledgers only grow, a void card stays void, INVALID is for good."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ONLY_GROW = ("audit_record", "checkpoint", "card_movement", "personalisation_event", "stock_day")
STAY = ("card", "status_entry")
VOID = "('spoiled', 'returned', 'lost', 'destroyed')"
RULES = (
    ("card", "void_is_final", f"OLD.state IN {VOID} AND NEW.state NOT IN {VOID}", "a void card stays void"),
    ("card", "serial_is_final", "OLD.serial <> NEW.serial", "a card keeps its serial"),
    ("status_entry", "invalid_is_final", "OLD.status = 1 AND NEW.status <> 1", "a status left INVALID"),
    ("status_entry", "published_is_final", "OLD.published = 1 AND NEW.published <> 1", "a status left INVALID"),
    (
        "status_entry",
        "entry_is_final",
        'OLD.uri <> NEW.uri OR OLD."index" <> NEW."index" OR OLD.serial <> NEW.serial',
        "an index is given once",
    ),
)


def upgrade() -> None:
    """Forwards."""
    if op.get_bind().dialect.name == "sqlite":
        _sqlite()
    else:
        _postgresql()


def _sqlite() -> None:
    for table in ONLY_GROW:
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} only grows'); END"
            )
    for table in STAY:
        op.execute(
            f"CREATE TRIGGER {table}_delete BEFORE DELETE ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table}: nothing is forgotten'); END"
        )
    for table, name, condition, message in RULES:
        op.execute(
            f"CREATE TRIGGER {table}_{name} BEFORE UPDATE ON {table} WHEN {condition} "
            f"BEGIN SELECT RAISE(ABORT, '{message}'); END"
        )


def _postgresql() -> None:
    op.execute(
        "CREATE FUNCTION forbidden() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '%', TG_ARGV[0]; END $$"
    )
    for table in ONLY_GROW:
        op.execute(
            f"CREATE TRIGGER {table}_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION forbidden('{table} only grows')"
        )
    for table in STAY:
        op.execute(
            f"CREATE TRIGGER {table}_stays BEFORE DELETE OR TRUNCATE ON {table} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION forbidden('{table}: nothing is forgotten')"
        )
    for table, name, condition, message in RULES:
        op.execute(
            f"CREATE TRIGGER {table}_{name} BEFORE UPDATE ON {table} FOR EACH ROW WHEN ({condition}) "
            f"EXECUTE FUNCTION forbidden('{message}')"
        )
