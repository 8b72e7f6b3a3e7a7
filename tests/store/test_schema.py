"""The schema: migrations say what the models say, and the database itself forbids what must never happen."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import DBAPIError

from issuer.acts import persons, stock
from issuer.audit import listing, log
from issuer.domain.application_life import ApplicationState
from issuer.store import migrate, queries
from issuer.store.engine import READ_ONLY, open_engine
from issuer.store.migrate import SchemaOutdated
from issuer.store.unit import Store
from tests import postgres
from tests.store.office import SECRET, Office, serial


def test_migrations_say_what_the_models_say(engine: Engine) -> None:
    assert migrate.differences(engine) == []
    migrate.require_current(engine)


def test_a_database_of_another_version(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'new.db'}")
    with pytest.raises(SchemaOutdated) as caught:
        migrate.require_current(engine)
    assert (caught.value.found, caught.value.wanted) == (None, migrate.head())
    migrate.upgrade(engine, revision="0001")
    with pytest.raises(SchemaOutdated):
        migrate.require_current(engine)
    migrate.upgrade(engine)
    migrate.upgrade(engine)
    migrate.require_current(engine)
    engine.dispose()


def test_sqlite_waits_for_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    engine = open_engine(str(path))
    with engine.connect() as connection:
        settings = [connection.execute(text(f"PRAGMA {name}")).scalar() for name in ("journal_mode", "synchronous")]
        assert settings == ["wal", 2]
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1
    assert path.stat().st_mode & 0o077 == 0
    engine.dispose()


@pytest.mark.parametrize("url", ["mysql://x", "sqlite://", "sqlite:///:memory:"])
def test_no_database_of_ours(url: str) -> None:
    with pytest.raises(ValueError):
        open_engine(url)


def test_a_short_secret(engine: Engine, office: Office) -> None:
    with pytest.raises(ValueError):
        Store(engine, clock=office.clock, number_secret=SECRET[:15])


def test_a_naive_moment_is_a_mistake(office: Office) -> None:
    from sqlalchemy import select

    from issuer.store.models.operations import AuditRecord

    with office.store.read() as transaction, pytest.raises(Exception, match="time zone"):
        transaction.execute(select(AuditRecord).where(AuditRecord.at == office.clock.now.replace(tzinfo=None)))


FORBIDDEN = [
    "UPDATE audit_record SET actor = 'nobody'",
    "DELETE FROM audit_record",
    "DELETE FROM card_movement",
    "UPDATE card_movement SET quantity = 7",
    "DELETE FROM personalisation_event",
    "UPDATE personalisation_event SET detail = 'x'",
    "DELETE FROM stock_day",
    "UPDATE stock_day SET counted = 0",
    "DELETE FROM card",
    "DELETE FROM status_entry",
    "UPDATE card SET state = 'received' WHERE state = 'lost'",
    "UPDATE card SET serial = '00000000000000000099' WHERE state = 'received'",
    "UPDATE card SET state = 'new'",
    "UPDATE status_entry SET status = 0",
    "UPDATE status_entry SET published = 0",
    'UPDATE status_entry SET "index" = 9',
    "UPDATE permit SET state = 'suspended'",
    "UPDATE application SET state = 'approved', holder_id = (SELECT min(holder_id) FROM application)",
    "UPDATE card SET state = 'issued', permit_number = 'RP1'",
    "UPDATE holder SET sex = '?'",
]


@pytest.mark.parametrize("statement", FORBIDDEN)
def test_the_database_itself_says_no(office: Office, statement: str) -> None:
    from issuer.acts import permits
    from issuer.store import status

    permit = office.issued(1)
    office.blanks(2, 3)
    office.registered()
    permits.revoke(office.store, office.approver, permit, reason="stolen")
    with office.store.read() as transaction:
        (due,) = status.pending(transaction)
    status.published(office.store, office.system, due)
    stock.end_of_day(office.store, office.registrar, district_id=office.districts["town"], counted=2)
    with pytest.raises(DBAPIError), office.store.engine.begin() as connection:
        connection.execute(text(statement))


def test_truncate_is_refused_too(office: Office) -> None:
    if office.store.engine.dialect.name == "postgresql":
        for table in ("audit_record", "card_movement", "status_entry"):
            with pytest.raises(DBAPIError), office.store.engine.begin() as connection:
                connection.execute(text(f"TRUNCATE {table} CASCADE"))


# --- plans: what is asked a thousand times a day is answered from an index, in its order


def plans(office: Office, ask: object) -> list[tuple[str, str]]:
    """The statements that `ask` sends, each with the database's plan for it."""
    engine, seen = office.store.engine, []

    def note(_connection: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        if statement.startswith("SELECT") and "pg_" not in statement:
            seen.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    try:
        ask()  # type: ignore[operator]
    finally:
        event.remove(engine, "before_cursor_execute", note)
    explain = "EXPLAIN QUERY PLAN " if engine.dialect.name == "sqlite" else "EXPLAIN "
    found = []
    with engine.connect().execution_options(**{READ_ONLY: True}) as connection:
        if engine.dialect.name == "postgresql":
            # Few rows are read fastest from end to end; here it counts what would be done with two million.
            connection.execute(text("SET enable_seqscan = off"))
            connection.execute(text("SET enable_sort = off"))
            connection.execute(text("SET enable_bitmapscan = off"))
        for statement, parameters in seen:
            rows = connection.exec_driver_sql(explain + statement, parameters).all()
            found.append((statement, "\n".join(str(row[-1]) for row in rows)))
    return found


# PostgreSQL marks what it had to do although it was told not to; SQLite calls a table read from end to end a SCAN.
_SLOW = re.compile(r"Seq Scan|Sort Key|Disabled: true|^SCAN (?!.*USING)|USE TEMP B-TREE FOR (?!DISTINCT)", re.MULTILINE)
# The newest record is found at the end of the primary key, which SQLite calls a scan that it then leaves at once.
_SMALL = re.compile(r"FROM (district|operator|stock_day)\b|ORDER BY audit_record.seq DESC\n LIMIT")


def test_no_question_reads_a_table_from_end_to_end(office: Office) -> None:
    permit = office.issued(1)
    office.blanks(2)
    application, _ = office.accepted()
    store, today = office.store, office.today
    places = [office.actor(place=name).place for name in ("city", "county", "town", "community")]

    def ask() -> None:
        with store.read() as transaction:
            for place in places:
                queries.find_by_name(transaction, "陈", place)
                queries.find_by_name(transaction, "陈", place, after=("陈", 1))
                queries.deadlines(transaction, place)
                queries.deadlines(transaction, place, after=(today, 1))
                queries.open_applications(transaction, place, ApplicationState.ACCEPTED)
                queries.open_applications(transaction, place, ApplicationState.READY, after=(1,))
                queries.reminders(transaction, place, today)
                queries.reminders(transaction, place, today, after=(today, 1))
                listing.page(transaction, place)
                listing.page(transaction, place, after=3, limit=2)
                listing.page(transaction, place, subject="application:1")
                listing.page(transaction, place, actor="registrar1")
            queries.find_by_number(transaction, "1", SECRET)
            queries.dossier(transaction, permit, today, store.rules.years)
        office.lost(permit)
        office.issued(3)
        office.registered()
        journal = office.journal()
        journal.live_card(permit)
        journal.events(bytes(10))

    found = plans(office, ask)
    assert len(found) > 60
    slow = [(statement, plan) for statement, plan in found if _SLOW.search(plan) and not _SMALL.search(statement)]
    assert not slow, "\n\n".join(f"{statement}\n{plan}" for statement, plan in slow)
    assert application
    assert serial(1)


def test_an_auditor_of_a_district_reads_its_records_and_no_others(office: Office) -> None:
    """By the index of places: the number of a record alone would lead through those of everybody else."""
    persons.register(office.store, office.actor(place="town"), office.person())
    town = office.actor(place="town").place

    def ask() -> None:
        with office.store.read() as transaction:
            listing.page(transaction, town, after=1, limit=2)
            listing.page(transaction, town, after=1, limit=1)

    asked = [plan for statement, plan in plans(office, ask) if "audit_record.place = " in statement]
    assert len(asked) == 4  # the town and its community, twice
    assert all("ix_audit_record_place" in plan for plan in asked), asked


@pytest.mark.parametrize("place", ["city", "county", "town", "community", "other"])
@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_pages_of_a_district_are_all_of_its_records(office: Office, place: str, limit: int) -> None:
    office.issued(1)
    for number, name in enumerate(("community", "town", "other", "county", "community", "town"), 2):
        actor, where = office.actor(place=name), office.districts[name]
        stock.receive_stock(office.store, actor, district_id=where, serials=[serial(number)])
    path = office.actor(place=place).place
    with office.store.read() as transaction:
        every = [record for record in log.records(transaction) if record.place.startswith(path.path)]
        found: list[int] = []
        while rows := listing.page(transaction, path, after=found[-1] if found else 0, limit=limit):
            found += [row.seq for row in rows]
    assert found == [record.seq for record in every]
    assert found


def test_an_act_asks_a_handful_of_questions(office: Office) -> None:
    """And no more of them when there is more to look through."""
    office.registered()
    counts = []
    for people in (0, 30):
        for _ in range(people):
            office.registered()
        statements: list[str] = []

        def note(_connection: object, _cursor: object, statement: str, *_: object, to: list[str] = statements) -> None:
            to.append(statement)

        event.listen(office.store.engine, "before_cursor_execute", note)
        office.registered()
        event.remove(office.store.engine, "before_cursor_execute", note)
        counts.append(len([statement for statement in statements if "SAVEPOINT" not in statement]))
    assert counts[0] == counts[1] <= 20


def test_without_postgresql_the_line_to_install_it_is_told() -> None:
    with pytest.raises(postgres.PostgresMissing, match=postgres.INSTALL):
        postgres._program("no-such-program")
