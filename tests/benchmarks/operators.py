"""Fifty operators at once: thirty registrars in towns, twenty approvers; a second of thought between two acts.

An applicant is searched for, looked up for duplicates, registered, photographed, accepted; approved by somebody else; a
blank is laid out; the card is assembled and signed. Meanwhile cards of the city are endorsed.

Everybody has signed in before the first act is measured (fifty passwords at once are some seconds of argon2), and the
first applicants of each desk are not counted: the day's first acts fill caches and open connections.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Any

import httpx

from issuer import application, assemble
from issuer import desk as desks
from issuer.acts import production, staff
from issuer.assemble import StatusReference, Validity
from issuer.domain.places import Place
from issuer.domain.roles import Actor, Role
from issuer.store.engine import open_engine
from issuer.store.unit import Store
from keys.authority.authority import Authority
from keys.authority.file import parse
from tests.benchmarks.city import ENDORSED_FROM, ENDORSED_OVER, GIVEN, SURNAMES

REGISTRARS, APPROVERS = 30, 20
THOUGHT = 1.0  # seconds, on average
WARM_UP = 2  # applicants of each desk that are not counted
ACTS = ("search", "duplicates", "register", "accept", "approve", "lay out", "assemble", "endorse")
PASSWORD = "umbrella-Harbour-17"
PASSPHRASE = b"of this measurement only"
DOCUMENTS = ["identity-document", "proof-of-address", "proof-of-ground"]
TOWNS = range(7, 32)
Times = dict[str, list[float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody with an account."""

    name: str
    district: int
    path: tuple[int, ...]


People = tuple[list[Person], list[Person]]
"""Registrars and approvers."""


def appoint(store: Store) -> People:
    """Registrars and approvers, town by town."""
    founder = Actor(operator=0, name="founding", role=Role.KEY_ADMINISTRATOR, place=Place(ids=(1,)))
    people: dict[Role, list[Person]] = {Role.REGISTRAR: [], Role.APPROVER: []}
    for role, count in ((Role.REGISTRAR, REGISTRARS), (Role.APPROVER, APPROVERS)):
        for number in range(count):
            town = TOWNS[number % len(TOWNS)]
            person = Person(name=f"{role.value}.{number}", district=town, path=(1, 2 + town % 5, town))
            district = town if role is Role.REGISTRAR else 1
            staff.create_operator(
                store,
                None if not any(people.values()) else founder,
                name=person.name,
                display_name=person.name,
                role=role,
                district_id=district,
                password=PASSWORD,
            )
            people[role].append(person)
    return people[Role.REGISTRAR], people[Role.APPROVER]


async def work_day(
    addresses: Sequence[str],
    people: People,
    *,
    rounds: int,
    turn: int,
    database: str,
) -> Times:
    """Each registrar has `rounds` applicants that count. Seconds by act; another `turn` has other people and cards."""
    times: Times = defaultdict(list)
    everybody_in = asyncio.Barrier(REGISTRARS + APPROVERS)
    registrars, approvers = people
    tray: asyncio.Queue[tuple[int, asyncio.Future[None]]] = asyncio.Queue()
    with (
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(1, initializer=_open, initargs=(folder, database)) as signer,
    ):
        async with asyncio.TaskGroup() as group:
            desks_at_work = [
                group.create_task(
                    _registrar(
                        addresses[n % len(addresses)], person, n, rounds, turn, times, tray, signer, everybody_in
                    )
                )
                for n, person in enumerate(registrars)
            ]
            offices = [
                group.create_task(_approver(addresses[n % len(addresses)], person, times, tray, everybody_in))
                for n, person in enumerate(approvers)
            ]
            await asyncio.wait(desks_at_work)
            for office in offices:
                office.cancel()
    return times


class _Operator:
    """A signed-in program; `act` measures."""

    def __init__(self, client: httpx.AsyncClient, times: Times, name: str) -> None:
        self._client, self._times, self._name = client, times, name
        self._keys = itertools.count(1)
        self._once = os.urandom(6).hex()
        self.counted = True

    async def sign_in(self, desk: str) -> None:
        body = {"name": self._name, "password": PASSWORD, "desk": desk, "program": True}
        answer = await self._client.post("/api/v1/session", json=body)
        answer.raise_for_status()
        self._client.headers["Authorization"] = f"Bearer {answer.json()['token']}"

    async def act(self, name: str | None, method: str, path: str, **more: Any) -> Any:
        """The answer; how long it took counts under `name`."""
        await asyncio.sleep(random.expovariate(1 / THOUGHT))
        headers = {"Idempotency-Key": f"{self._once}-{next(self._keys):06d}"} | more.pop("headers", {})
        start = time.perf_counter()
        answer = await self._client.request(method, f"/api/v1{path}", headers=headers, **more)
        took = time.perf_counter() - start
        if answer.status_code >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
        if name is not None and self.counted:
            self._times[name].append(took)
        return answer.json()


async def _registrar(
    address: str,
    person: Person,
    number: int,
    rounds: int,
    turn: int,
    times: Times,
    tray: asyncio.Queue[tuple[int, asyncio.Future[None]]],
    signer: ProcessPoolExecutor,
    everybody_in: asyncio.Barrier,
) -> None:
    photo = resources.files("issuer.samples").joinpath("01-chen-xiaowen.jpg").read_bytes()
    picture = {"content": photo, "headers": {"Content-Type": "image/jpeg"}}
    loop = asyncio.get_running_loop()
    async with httpx.AsyncClient(base_url=address, timeout=60) as client:
        operator = _Operator(client, times, person.name)
        await operator.sign_in(f"desk-{number}")
        drawer = {"district": person.district, "desk": f"desk-{number}"}
        serials = [f"ff{turn:02d}{number:06d}{one:010d}" for one in range(WARM_UP + rounds)]
        await operator.act(None, "POST", "/stock/receive", json=drawer | {"serials": serials})
        await everybody_in.wait()
        due = itertools.islice(_endorsable(person.district, number), turn * (WARM_UP + rounds), None)
        for one in range(WARM_UP + rounds):
            operator.counted = one >= WARM_UP
            searched = f"xing{random.randrange(SURNAMES):03d}ming{random.randrange(GIVEN):04d}"
            await operator.act("search", "GET", "/holders", params={"name": searched, "limit": 20})
            body = _applicant(person.district, turn, number, one)
            asked = {name: body[name] for name in ("names", "sex", "birth_date")}
            await operator.act("duplicates", "POST", "/holders/duplicates", json=asked)
            found = (await operator.act("register", "POST", "/holders", json=body))["data"]["application"]
            await operator.act(None, "POST", f"/applications/{found}/checklist", json={"present": DOCUMENTS})
            await operator.act(None, "PUT", f"/applications/{found}/photo", **picture)
            await operator.act("accept", "POST", f"/applications/{found}/accept", json={})
            approved: asyncio.Future[None] = loop.create_future()
            tray.put_nowait((found, approved))
            await operator.act("endorse", "POST", f"/permits/{next(due)}/endorse", json={})
            await approved
            await operator.act("lay out", "POST", f"/applications/{found}/blank", json=drawer)
            took = await loop.run_in_executor(signer, _assemble, found, person.path)
            if operator.counted:
                times["assemble"].append(took)


async def _approver(
    address: str,
    person: Person,
    times: Times,
    tray: asyncio.Queue[tuple[int, asyncio.Future[None]]],
    everybody_in: asyncio.Barrier,
) -> None:
    async with httpx.AsyncClient(base_url=address, timeout=60) as client:
        operator = _Operator(client, times, person.name)
        await operator.sign_in("office")
        await everybody_in.wait()
        for approved_so_far in itertools.count():
            operator.counted = approved_so_far >= WARM_UP
            application_id, approved = await tray.get()
            await operator.act("approve", "POST", f"/applications/{application_id}/approve", json={})
            approved.set_result(None)


def _applicant(town: int, turn: int, desk: int, number: int) -> Mapping[str, Any]:
    since = (date.today() - timedelta(days=1200)).isoformat()
    given = "".join(chr(65 + int(digit)) for digit in f"{turn}{desk:02d}{number:04d}")
    community = 32 + (town - 7 - 7) % 25
    return {
        "district": next(one for one in range(community, 277) if 7 + one % 25 == town),
        "names": {"native": f"新人{given}", "latin_surname": "XIN", "latin_given": given},
        "sex": "F",
        "birth_date": (date(1950, 1, 1) + timedelta(days=(turn * REGISTRARS + desk) * 200 + number)).isoformat(),
        "nationality": "UTO",
        "address": "新城区梧桐街道书香里8号2单元301室",
        "residence_since": since,
        "ground": "employment",
        "facts": {
            "employment": f"{since}/..",
            "social_insurance": f"{since}/..",
            "home": f"{since}/..",
            "home_kind": "rented",
            "education": "bachelor",
        },
    }


def _endorsable(town: int, desk: int) -> Iterator[str]:
    """Numbers of permits of a town that may be endorsed today; no two desks take one."""
    today = date.today()
    open_days = {(today + timedelta(days=ahead) - ENDORSED_FROM).days % ENDORSED_OVER for ahead in range(3, 27)}
    mine = 0
    for holder in itertools.count(1):
        if 7 + (32 + holder % 245) % 25 == town and holder % ENDORSED_OVER in open_days:
            mine += 1
            if mine % 2 == desk // len(TOWNS):
                yield f"RP{holder:010d}"


# --- the process that assembles and signs --------------------------------------------------------------------------


_signing: dict[str, Any] = {}


def _open(folder: str, database: str) -> None:
    home = Path(folder) / "home"
    members = resources.files("issuer.samples").joinpath("authority.json").read_bytes()
    Authority.create(home, parse(members), PASSPHRASE)
    context = desks.opened(home, lambda: PASSPHRASE)
    engine = open_engine(database)
    _signing.update(desk=context.__enter__(), context=context, engine=engine)
    _signing["store"] = Store(engine, clock=lambda: datetime.now(UTC), number_secret=bytes(32))


def _assemble(application_id: int, path: tuple[int, ...]) -> float:
    """From the database to signed bytes; how many seconds that took."""
    desk, store = _signing["desk"], _signing["store"]
    start = time.perf_counter()
    actor = Actor(operator=1, name="signing", role=Role.REGISTRAR, place=Place(ids=path))
    with store.read() as transaction:
        order = production.production_order(transaction, actor, application_id)
    record = application.parse(order.document, today=date.today(), start=order.start)
    chip = bytes.fromhex(_CHIP_KEY)
    assemble.whole_card(
        record,
        order.photo,
        chip_key=chip,
        validity=Validity.over(record.valid_from, record.endorsed_until, now=datetime.now(UTC)),
        status=StatusReference(uri=desk.status_uri, index=application_id % 2**18),
        office=desk.office,
        signers=(desk.document_signer(), desk.entitlement_signer()),
        profile=desk.profile,
        random=os.urandom,
    )
    return time.perf_counter() - start


# The generator of P-256 (FIPS 186-4 D.1.2.3): a point that everybody has.
_CHIP_KEY = (
    "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
)
