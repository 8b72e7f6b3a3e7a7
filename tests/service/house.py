"""An office over HTTP for the tests: a city with its people, a clock that stands still until it is moved, and clients
that are signed in. The database is SQLite or PostgreSQL, by its URL."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher
from sqlalchemy import insert
from starlette.testclient import TestClient

from issuer.acts import staff
from issuer.domain.roles import Role
from issuer.service import state
from issuer.service.app import create_app
from issuer.service.settings import Settings, from_environment
from issuer.store.models.permits import RuleSet

PASSWORD = "umbrella-Harbour-17"
START = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
DOCUMENTS = ["identity-document", "proof-of-address", "proof-of-ground"]
ROLES = (Role.REGISTRAR, Role.APPROVER, Role.KEY_ADMINISTRATOR, Role.AUDITOR)


@dataclass(slots=True)
class Clock:
    """Time, moved by hand."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **more: float) -> None:
        self.now += timedelta(**more)


@dataclass(slots=True)
class House:
    """The service and what the tests know of it. `places`: city, county, town, community, other (another county)."""

    service: state.Service
    app: Any
    clock: Clock
    places: dict[str, int]
    people: dict[str, str] = field(default_factory=dict)
    keys: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def client(self) -> TestClient:
        """Nobody yet."""
        return TestClient(self.app, raise_server_exceptions=False, headers={"Accept-Language": "en"})

    def as_(self, role: Role, place: str = "city", number: int = 1) -> TestClient:
        """Somebody of this role and place, signed in as a program."""
        name = f"{role.value}.{place}.{number}"
        if name not in self.people:
            staff.create_operator(
                self.service.store,
                None if not self.people else self._founder(),
                name=name,
                display_name=name.title(),
                role=role,
                district_id=self.places[place],
                password=PASSWORD,
            )
            self.people[name] = ""
        client = self.client()
        if not self.people[name]:
            body = {"name": name, "password": PASSWORD, "desk": "desk-1", "program": True}
            answer = client.post("/api/v1/session", json=body)
            assert answer.status_code == 200, answer.text
            self.people[name] = answer.json()["token"]
        client.headers["Authorization"] = f"Bearer {self.people[name]}"
        return client

    def _founder(self) -> Any:
        from issuer.domain.places import Place
        from issuer.domain.roles import Actor

        place = Place(ids=(self.places["city"],))
        return Actor(operator=0, name="founding", role=Role.KEY_ADMINISTRATOR, place=place)

    def key(self) -> dict[str, str]:
        """A header with a new Idempotency-Key."""
        return {"Idempotency-Key": f"test-key-{next(self.keys):06d}"}

    def act(self, client: TestClient, path: str, body: Any = None, *, status: int = 200, **headers: str) -> Any:
        """POST an act; its answer."""
        answer = client.post(f"/api/v1{path}", json=body, headers=self.key() | headers)
        assert answer.status_code == status, answer.text
        return answer.json()

    def today(self) -> date:
        return self.clock.now.date()

    # --- on the way to a card

    def person(self, number: int = 1, place: str = "community", **more: Any) -> dict[str, Any]:
        """Somebody to register, who is of class 2 or 3."""
        since = self.today() - timedelta(days=800)
        family = ("CHEN", "WANG", "LI", "ZHAO", "SUN", "ZHOU", "WU", "ZHENG")[number % 8]
        given = "".join(chr(65 + int(digit)) for digit in f"{number:05d}")
        return {
            "district": self.places[place],
            "names": {"native": f"Native {given}", "latin_surname": family, "latin_given": given},
            "sex": "F",
            "birth_date": (date(1991, 4, 17) + timedelta(days=number // 8)).isoformat(),
            "nationality": "UTO",
            "address": "新城区梧桐街道书香里8号2单元301室",
            "residence_since": since.isoformat(),
            "ground": "employment",
            "facts": {
                "employment": f"{since}/..",
                "social_insurance": f"{since}/..",
                "home": f"{since}/..",
                "home_kind": "rented",
                "education": "bachelor",
            },
        } | more

    def registered(self, number: int = 1, place: str = "community") -> dict[str, Any]:
        """Registered: holder and application."""
        client = self.as_(Role.REGISTRAR, place)
        data: dict[str, Any] = self.act(client, "/holders", self.person(number, place))["data"]
        return data

    def accepted(self, number: int = 1, place: str = "community") -> dict[str, Any]:
        """Accepted: application, slip."""
        client = self.as_(Role.REGISTRAR, place)
        application = self.registered(number, place)["application"]
        self.act(client, f"/applications/{application}/checklist", {"present": DOCUMENTS})
        photo = resources.files("issuer.samples").joinpath("01-chen-xiaowen.jpg").read_bytes()
        answer = client.put(
            f"/api/v1/applications/{application}/photo",
            content=photo,
            headers=self.key() | {"Content-Type": "image/jpeg"},
        )
        assert answer.status_code == 200, answer.text
        data: dict[str, Any] = self.act(client, f"/applications/{application}/accept", {})["data"]
        return data

    def approved(self, number: int = 1, place: str = "community") -> dict[str, Any]:
        """Approved: application, permit, slip."""
        found = self.accepted(number, place)
        client = self.as_(Role.APPROVER, place)
        data: dict[str, Any] = self.act(client, f"/applications/{found['application']}/approve")["data"]
        return found | data

    def blanks(self, *serials: str, place: str = "community", desk: str = "desk-1") -> None:
        """Into a drawer."""
        body = {"district": self.places[place], "desk": desk, "serials": list(serials)}
        self.act(self.as_(Role.REGISTRAR, place), "/stock/receive", body)


def settings(directory: Path, url: str, **more: str) -> Settings:
    """Settings of a test."""
    secret = directory / "number-secret"
    if not secret.exists():
        state.make_secret(secret)
    return from_environment({"PERMIT_HOME": str(directory), "PERMIT_DATABASE": url, **more})


@contextmanager
def opened(directory: Path, url: str, **more: str) -> Iterator[House]:
    """A house over an empty database with the schema."""
    clock = Clock()
    with state.opened(settings(directory, url, **more), clock=clock, hasher=CHEAP) as service:
        places = found(service)
        yield House(service=service, app=create_app(service), clock=clock, places=places)


def found(service: state.Service) -> dict[str, int]:
    """The city and some places, and the rules in force."""
    places: dict[str, int] = {}
    tree = (
        ("city", None),
        ("county", "city"),
        ("town", "county"),
        ("community", "town"),
        ("other", "city"),
        ("sibling", "town"),
    )
    from issuer.domain.places import Place
    from issuer.domain.roles import Actor

    for name, parent in tree:
        actor = None
        if parent is not None:
            actor = Actor(operator=0, name="founding", role=Role.KEY_ADMINISTRATOR, place=Place(ids=(places["city"],)))
        receipt = staff.create_district(
            service.store,
            actor,
            code=f"9901{len(places):02d}",
            name=name.title(),
            parent_id=None if parent is None else places[parent],
        )
        places[name] = receipt.data["district"]
    document = resources.files("issuer.rules.sets").joinpath("2026-1.json").read_text("utf-8")
    with service.engine.begin() as connection:
        connection.execute(
            insert(RuleSet).values(
                version="2026-1",
                state="active",
                document=document,
                digest="0" * 64,
                created_at=START,
                created_by=0,
                activated_at=START,
            )
        )
    return places
