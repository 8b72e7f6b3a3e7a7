"""A city in the database: as many holders as asked for, each with a permit, a card, its status and what it entitles to.

Made by the database itself from numbers, so that two million take minutes. Names come from 100 surnames and 1,000 given
names: the commonest surname is that of one holder in a hundred, as in life.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from sqlalchemy import Engine, text

COMMUNITIES = 245
GRANTS = ("H01", "E01", "C01", "J01")
SURNAMES = 100
GIVEN = 1000
PIECE = 200_000  # holders in one transaction
OTHERS = 10_000_000  # ids of whoever is registered afterwards begin here
ENDORSED_FROM = date(2026, 11, 1)
ENDORSED_OVER = 365  # days over which the endorsements are spread, by the holder's number

# District ids: 1 the city, 2 to 6 counties, 7 to 31 towns, 32 to 276 communities.
_PLACES = """
INSERT INTO district (id, code, name, level, parent_id, path)
SELECT 1, 'city', 'city', 1, NULL, '/1/'
UNION ALL SELECT c, 'c' || c, 'county', 2, 1, '/1/' || c || '/' FROM generate_series(2, 6) c
UNION ALL SELECT t, 't' || t, 'town', 3, 2 + t % 5, '/1/' || (2 + t % 5) || '/' || t || '/'
FROM generate_series(7, 31) t
"""
_COMMUNITIES = """
INSERT INTO district (id, code, name, level, parent_id, path)
SELECT v, 'v' || v, 'community', 4, t.id, t.path || v || '/'
FROM generate_series(32, 276) v JOIN district t ON t.id = 7 + v % 25
"""
_PERSON = """
CREATE TEMP TABLE person AS
SELECT n,
       d.id AS district, t.id AS town, t.parent_id AS county,
       'xing' || lpad((n % CAST(:surnames AS bigint))::text, 3, '0') AS surname,
       'ming' || lpad((n / CAST(:surnames AS bigint) % CAST(:given AS bigint))::text, 4, '0') AS given,
       DATE '1950-01-01' + (n * 7919 % 20000)::int AS born,
       CASE WHEN n % 2 = 0 THEN 'F' ELSE 'M' END AS sex,
       'RP' || lpad(n::text, 10, '0') AS number,
       lpad(to_hex(n), 20, '0') AS serial,
       DATE '2026-11-01' + (n % 365)::int AS endorsed,
       DATE '2021-01-01' + (n * 31 % 1500)::int AS since
FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) n
JOIN district d ON d.id = 32 + n % 245
JOIN district t ON t.id = d.parent_id
"""
_ROWS = (
    """
INSERT INTO holder (id, name_native, latin_surname, latin_given, sex, birth_date, nationality, ethnicity,
    personal_number, number_hash, hukou_address, address, address_since, residence_since, ground, facts,
    registered_at, registered_by, version, district_id, county_id, town_id, community_id)
SELECT n, surname || given, upper(surname), upper(given), sex, born, 'UTO', '', '', md5(n::text) || md5('x' || n::text),
    '', 'address', since, since, 'employment',
    json_build_object('employment', since || '/..', 'social_insurance', since || '/..', 'home', since || '/..',
        'home_kind', 'rented', 'education', CASE WHEN n % 3 = 0 THEN 'bachelor' ELSE 'senior' END)::text,
    now(), 1, 1, district, county, town, district
FROM person ORDER BY n
""",
    """
INSERT INTO holder_name (holder_id, key, district_id, county_id, town_id, community_id)
SELECT n, surname || ' ' || given, district, county, town, district FROM person ORDER BY n
""",
    """
INSERT INTO holder_match (birth_date, sex, key, holder_id)
SELECT born, sex, 'n:' || surname || given, n FROM person ORDER BY n
""",
    """
INSERT INTO application (id, holder_id, kind, state, present, told, slip, permit_number, document_number, registered_by,
    accepted_by, approved_by, registered_at, extended, closed_at, reason, version, district_id, county_id, town_id,
    community_id)
SELECT n, n, 'first', 'handed-over', '', '', lpad(n::text, 10, '0'), number, 'D' || n, 1, 1, 2, now(), false, now(), '',
    1, district, county, town, district FROM person ORDER BY n
""",
    """
INSERT INTO permit (id, number, holder_id, state, permit_class, rule_set, valid_from, endorsed_until, expires_on,
    years_since, card_due, reason, version, district_id, county_id, town_id, community_id)
SELECT n, number, n, 'active', 3, '1', '2025-11-01', endorsed, DATE '2030-11-01', '2025-11-01', false, '', 1, district,
    county, town, district FROM person ORDER BY n
""",
    """
INSERT INTO card (serial, state, district_id, desk, permit_number, application_id, profile_digest, valid_from,
    endorsed_until, reason, received_at, updated_at, version)
SELECT serial, 'issued', district, '', number, n, '', '2025-11-01', endorsed, '', now(), now(), 1 FROM person ORDER BY n
""",
    """
INSERT INTO status_entry (uri, index, serial, status, published, changed_at)
SELECT 'https://permits.utopia.example/status/' || (100 + n / 200000), n % 200000, serial, 0, 0, now()
FROM person ORDER BY n
""",
    """
INSERT INTO entitlement_grant (permit_id, service, valid_until, rule_set, explanation, granted_at)
SELECT n, service, endorsed, '1', '{}', now() FROM person CROSS JOIN unnest(CAST(:grants AS text[])) service
""",
    """
INSERT INTO card_movement (at, to_day, event, serial, quantity, to_state, to_district_id, to_desk, operator_id, note)
SELECT now(), '2025-11-01', 'receive', serial, 1, 'issued', district, '', 1, '' FROM person ORDER BY n
""",
)
_SEQUENCES = ("district", "holder", "application", "permit")


def populate(engine: Engine, holders: int, *, told: Callable[[int], None] = lambda _: None) -> None:
    """A city of `holders`, in pieces; `told` hears how many there are so far. PostgreSQL only."""
    with engine.begin() as connection:
        connection.execute(text(_PLACES))
        connection.execute(text(_COMMUNITIES))
    for known in range(0, holders, PIECE):
        _people(engine, known + 1, min(known + PIECE, holders))
        told(min(known + PIECE, holders))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SET statement_timeout = 0"))
        connection.execute(text("VACUUM ANALYZE"))


def _people(engine: Engine, first: int, last: int) -> None:
    named = {"first": first, "last": last, "surnames": SURNAMES, "given": GIVEN, "grants": list(GRANTS)}
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text("SET LOCAL synchronous_commit = off"))
        for statement in (_PERSON, *_ROWS):
            connection.execute(text(statement), {k: v for k, v in named.items() if f":{k}" in statement})
        connection.execute(text("DROP TABLE person"))
        for table in _SEQUENCES:
            end = f"greatest((SELECT max(id) FROM {table}), {OTHERS})"
            connection.execute(text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), {end})"))
