"""The pages of the desk with 200,000 holders on PostgreSQL, as a registrar of a community, of a county and of the whole
city sees them; two processes of the service on this machine, so many readers at once.

To reach: the 99th percentile of every page at most 300 ms on two cores. HOLDERS and READERS in the environment.
"""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
from sqlalchemy import Engine, text

from issuer.acts import staff
from issuer.domain.places import Place
from issuer.domain.roles import Actor, Role
from issuer.service import state
from issuer.service.cli import first_rules
from issuer.store import migrate
from issuer.store.engine import open_engine
from issuer.store.unit import Store
from tests.benchmarks.bench_service import _percentile, _processes
from tests.benchmarks.city import populate
from tests.postgres import Server

HOLDERS = int(os.environ.get("HOLDERS", "200000").split()[0])
READERS = int(os.environ.get("READERS", "4"))
ROUNDS = int(os.environ.get("ROUNDS", "60"))
LIMIT = 300.0
PASSWORD = "umbrella-Harbour-17"
PLACES = {"city": 1, "county": 2, "community": 32}
PAGES = {
    "today": "/desk/",
    "queue": "/desk/queue?state=accepted",
    "deadlines": "/desk/deadlines",
    "approvals": "/desk/approvals",
    "endorsements": "/desk/endorsements",
    "search, a rare name": "/desk/search?q=xing042ming0007",
    "search, one in a hundred": "/desk/search?q=xing042",
    "holder": "/desk/holders/{holder}",
    "permit": "/desk/permits/RP{holder:010d}",
    "application": "/desk/applications/{holder}",
    "registration": "/desk/registration",
    "stock": "/desk/stock",
    "cards": "/desk/stock/cards?state=issued",
    "rules": "/desk/rules",
}
# One application in fifty is under way: a first card that waits for its approval, or for being collected.
_OPEN = """
INSERT INTO application (holder_id, kind, state, present, told, told_at, slip, document_number, registered_by,
    accepted_by, registered_at, accepted_on, due_on, extended, reason, version, district_id, county_id, town_id,
    community_id)
SELECT id, 'replacement', (ARRAY['accepted', 'approved', 'ready', 'in-production'])[1 + (id / 50) % 4],
    'identity-document,photo,proof-of-address,proof-of-ground', '', now(), 'S' || id, 'N' || id, 1, 1, now(),
    current_date - (id % 15)::int, current_date + (15 - id % 15)::int, false, '', 1, district_id, county_id, town_id,
    community_id
FROM holder WHERE id % 50 = 0
"""


def main() -> None:
    with ExitStack() as things:
        folder = Path(things.enter_context(tempfile.TemporaryDirectory()))
        server = Server(durable=True)
        things.callback(server.stop)
        url = server.url(server.create())
        engine = open_engine(url)
        things.callback(engine.dispose)
        migrate.upgrade(engine)
        state.make_secret(folder / "number-secret")
        store = Store(engine, clock=state.system_clock, number_secret=state.read_secret(folder / "number-secret"))
        began = time.monotonic()
        populate(engine, HOLDERS)
        _under_way(engine)
        names = _appoint(store)
        print(f"{HOLDERS:,} holders, {HOLDERS // 50:,} applications under way, after {time.monotonic() - began:.0f} s")
        with _processes(folder, url) as addresses:
            times = _read(addresses, names)
    late = _tell(times)
    print(f"the latest 99th percentile: {late:.0f} ms; to reach: {LIMIT:.0f} ms")


def _under_way(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text(_OPEN))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE application"))


def _appoint(store: Store) -> dict[str, str]:
    founder = Actor(operator=0, name="founding", role=Role.KEY_ADMINISTRATOR, place=Place(ids=(1,)))
    names = {}
    for place, number in PLACES.items():
        names[place] = f"registrar.{place}"
        staff.create_operator(
            store,
            founder,
            name=names[place],
            display_name=place,
            role=Role.REGISTRAR,
            district_id=number,
            password=PASSWORD,
        )
    first_rules(store, Place(ids=(1,)))
    return names


def _read(addresses: list[str], names: dict[str, str]) -> dict[tuple[str, str], list[float]]:
    times: dict[tuple[str, str], list[float]] = defaultdict(list)

    def reader(number: int) -> None:
        for place, name in names.items():
            with httpx.Client(base_url=addresses[number % len(addresses)], timeout=30) as client:
                door = re.search(r'name="_csrf" value="([^"]+)"', client.get("/desk/sign-in").text)
                assert door is not None
                form = {"_csrf": door[1], "name": name, "password": PASSWORD, "desk": ""}
                assert client.post("/desk/sign-in", data=form).status_code == 303
                client.get("/desk/")
                for turn in range(ROUNDS // READERS + 1):
                    # Of holders in the reader's place: 32 + n % 245 is the community of holder n.
                    holder = 245 * (7 + turn * READERS + number) if place == "community" else 50 * (turn + 1)
                    for page, path in PAGES.items():
                        if place == "county" and "{holder" in path:
                            continue
                        if page == "application" and place == "community":
                            continue
                        start = time.perf_counter()
                        answer = client.get(path.format(holder=holder))
                        times[page, place].append(time.perf_counter() - start)
                        assert answer.status_code == 200, (page, place, answer.status_code, answer.text[-600:])

    with ThreadPoolExecutor(READERS) as readers:
        for done in [readers.submit(reader, number) for number in range(READERS)]:
            done.result()
    return times


def _tell(times: dict[tuple[str, str], list[float]]) -> float:
    latest = 0.0
    print(f"  {'page':28}{'seen from':12}{'times':>7}{'median ms':>12}{'99 % ms':>10}")
    for (page, place), found in times.items():
        middle, late = _percentile(found)
        latest = max(latest, late)
        print(f"  {page:28}{place:12}{len(found):>7}{middle:>12.1f}{late:>10.1f}")
    return latest


if __name__ == "__main__":
    main()
