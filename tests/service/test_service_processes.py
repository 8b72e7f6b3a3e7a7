"""Two processes of the service on one database, each answering over HTTP, two desks at the same moment: one wins, the
other is told, and afterwards the register, the ledger and the chain say the same. On SQLite and on PostgreSQL."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import randrange
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session as Transaction

from issuer.audit import log
from issuer.domain.card_stock import LIVE_CARD
from issuer.domain.roles import Role
from issuer.store.balance import balance
from issuer.store.ledger import Drawer
from issuer.store.models.stock import Card
from tests.service import house as houses
from tests.service.house import House

ROUNDS = 10 if os.environ.get("SOAK") else 1
DESK = "desk-1"


@dataclass(frozen=True)
class Answer:
    status: int
    tree: Any


@dataclass(frozen=True)
class Two:
    """An office, and the ports of two processes that serve it."""

    house: House
    ports: tuple[int, int]

    def send(self, process: int, who: Any, path: str, body: Any, key: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.ports[process], timeout=60)
        try:
            headers = {
                "Authorization": who.headers["Authorization"],
                "Idempotency-Key": key,
                "Content-Type": "application/json",
                "Accept-Language": "en",
            }
            connection.request("POST", f"/api/v1{path}", json.dumps(body).encode(), headers)
            answer = connection.getresponse()
            return Answer(answer.status, json.loads(answer.read()))
        finally:
            connection.close()

    def at_once(self, *acts: tuple[Any, str, Any], key: str | None = None) -> list[Answer]:
        """Each act at the other process than the one before, all at the same moment."""
        gate = threading.Barrier(len(acts))
        answers: list[Answer] = []
        keys = [key or self.house.key()["Idempotency-Key"] for _ in acts]

        def run(number: int) -> None:
            who, path, body = acts[number]
            gate.wait()
            answers.append(self.send(number % 2, who, path, body, keys[number]))

        threads = [threading.Thread(target=run, args=(number,)) for number in range(len(acts))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(90)
        assert len(answers) == len(acts)
        return answers

    def sound(self) -> None:
        """The books balance, no permit has two live cards, the chain holds."""
        with Transaction(self.house.service.engine) as transaction:
            drawer = Drawer(district_id=self.house.places["community"], desk=DESK)
            assert balance(transaction, drawer).balanced
            states = [state.value for state in LIVE_CARD]
            live = Counter(transaction.scalars(select(Card.permit_number).where(Card.state.in_(states))))
            assert max(live.values(), default=0) <= 1
            log.verify(transaction, {})


def unasked_port() -> int:
    """A free port below those that the system gives to whoever asks for any: until the service has it, nobody else."""
    while True:
        port = randrange(10_000, 30_000)
        with socket.socket() as free, suppress(OSError):
            free.bind(("127.0.0.1", port))
            return port


@contextmanager
def served(home: Path, url: str) -> Iterator[int]:
    port = unasked_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PERMIT_")} | {
        "PERMIT_HOME": str(home),
        "PERMIT_DATABASE": url,
        "PERMIT_PORT": str(port),
        "PERMIT_PUBLISH_SECONDS": "0",
        "PERMIT_LOG_LEVEL": "error",
    }
    command = [str(Path(sys.executable).parent / "permit-issuer"), "serve"]
    process = subprocess.Popen(command, env=environment)
    try:
        deadline = time.monotonic() + 120
        while True:
            assert process.poll() is None, "the service ended"
            try:
                with socket.create_connection(("127.0.0.1", port), 1):
                    break
            except OSError:
                assert time.monotonic() < deadline, "the service does not answer"
                time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(60)


@pytest.fixture
def two(url: str, tmp_path: Path) -> Iterator[Two]:
    with houses.opened(tmp_path, url) as house, ExitStack() as stack:
        house.clock.now = datetime.now(UTC)  # sessions hold in the processes too
        ports = [stack.enter_context(served(tmp_path, url)) for _ in range(2)]
        yield Two(house=house, ports=(ports[0], ports[1]))


def one_wins(answers: list[Answer], *losing: int) -> None:
    counted = Counter(answer.status for answer in answers)
    assert counted[200] == 1, answers
    assert set(counted) - {200} <= set(losing or (409,)), answers


def serial(number: int) -> str:
    return f"{number:020x}"


@pytest.mark.timeout(600)
def test_two_processes_two_desks(two: Two) -> None:
    """Everything that two desks can want at once, one after the other: two processes take a while to start."""
    house = two.house
    registrars = [house.as_(Role.REGISTRAR, "community", number) for number in (1, 2)]
    approvers = [house.as_(Role.APPROVER, "community", number) for number in (1, 2)]
    persons = iter(range(1, 1000))
    races: list[Callable[[int], None]] = []

    @races.append
    def one_person(_round: int) -> None:
        body = house.person(next(persons))
        one_wins(two.at_once(*((who, "/holders", body) for who in registrars)))

    @races.append
    def one_decision(_round: int) -> None:
        path = f"/applications/{house.accepted(next(persons))['application']}"
        one_wins(two.at_once(*((who, f"{path}/approve", None) for who in approvers)))
        path = f"/applications/{house.accepted(next(persons))['application']}"
        one_wins(
            two.at_once((approvers[0], f"{path}/approve", None), (approvers[1], f"{path}/reject", {"reason": "x"}))
        )

    @races.append
    def one_blank(round_: int) -> None:
        house.blanks(serial(round_ * 10 + 1))
        paths = [f"/applications/{house.approved(next(persons))['application']}/blank" for _ in range(2)]
        body = {"desk": DESK, "serial": serial(round_ * 10 + 1)}
        one_wins(two.at_once(*((who, path, body) for who, path in zip(registrars, paths, strict=True))))

    @races.append
    def one_application(round_: int) -> None:
        house.blanks(serial(round_ * 10 + 2), serial(round_ * 10 + 3))
        path = f"/applications/{house.approved(next(persons))['application']}/blank"
        bodies = [{"desk": DESK, "serial": serial(round_ * 10 + number)} for number in (2, 3)]
        one_wins(two.at_once(*((who, path, body) for who, body in zip(registrars, bodies, strict=True))))

    @races.append
    def next_blanks(round_: int) -> None:
        """Two in the drawer, four who take the next one: nobody gets the same, two are told."""
        house.blanks(serial(round_ * 10 + 4), serial(round_ * 10 + 5), desk=f"other-{round_}")
        paths = [f"/applications/{house.approved(next(persons))['application']}/blank" for _ in range(4)]
        answers = two.at_once(*((registrars[n % 2], path, {"desk": f"other-{round_}"}) for n, path in enumerate(paths)))
        taken = [answer.tree["data"]["serial"] for answer in answers if answer.status == 200]
        assert len(set(taken)) == len(taken), answers
        assert 1 <= len(taken) <= 2, answers
        assert {answer.status for answer in answers} <= {200, 409, 422}

    @races.append
    def one_permit(_round: int) -> None:
        path = f"/permits/{house.approved(next(persons))['permit']}/terminate"
        bodies = [{"ending": "death"}, {"ending": "local-registration"}]
        one_wins(two.at_once(*((who, path, body) for who, body in zip(approvers, bodies, strict=True))))

    @races.append
    def one_card_two_ends(round_: int) -> None:
        """Spoiled and laid out at the same moment: in whatever order, the card is not laid out and void."""
        number = serial(round_ * 10 + 6)
        house.blanks(number)
        path = f"/applications/{house.approved(next(persons))['application']}/blank"
        answers = two.at_once(
            (registrars[0], f"/cards/{number}/spoil", {"reason": "bent"}),
            (registrars[1], path, {"desk": DESK, "serial": number}),
        )
        assert {answer.status for answer in answers} <= {200, 409}, answers
        assert any(answer.status == 200 for answer in answers)
        card = registrars[0].get(f"/api/v1/cards/{number}").json()
        assert card["state"] in ("spoiled", "allocated")

    @races.append
    def one_delivery(round_: int) -> None:
        body = {"district": house.places["community"], "desk": DESK, "serials": [serial(round_ * 10 + 7)]}
        one_wins(two.at_once(*((who, "/stock/receive", body) for who in registrars)))

    @races.append
    def one_day(round_: int) -> None:
        body = {"district": house.places["community"], "desk": f"day-{round_}", "counted": 0}
        one_wins(two.at_once(*((who, "/stock/days", body) for who in registrars)))

    @races.append
    def one_request(_round: int) -> None:
        """The same key at both processes: carried out once, and all are answered the same."""
        body = house.person(next(persons))
        key = house.key()["Idempotency-Key"]
        answers = two.at_once(*[(registrars[0], "/holders", body)] * 4, key=key)
        assert {answer.status for answer in answers} == {200}, answers
        assert len({answer.tree["data"]["holder"] for answer in answers}) == 1
        assert [answer.tree["replayed"] for answer in answers].count(False) == 1

    for round_ in range(ROUNDS):
        for race in races:
            race(round_)
    two.sound()
