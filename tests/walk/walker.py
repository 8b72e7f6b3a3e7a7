"""One run: a small office for some years, at random; every request may be killed, torn, repeated, and is then retried
until it is answered. What was acknowledged is remembered, and looked for afterwards."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import create_engine
from sqlalchemy.engine import Engine
from sqlalchemy.pool import NullPool

from card_profiles.residence_permit_v1 import RESIDENCE_PERMIT_V1
from card_profiles.softcard.cli import GLOBALPLATFORM_TEST_KEY
from card_profiles.softcard.image import encode_state, new_card_state
from tests.service.house import DOCUMENTS, PASSWORD, START
from tests.walk import laws
from tests.walk.process import Answer, Office, Request

DESK = "desk-1"
STEPS = 20
LONGEST = timedelta(days=355)
"""Until here the signers' keys serve; a run does not renew them."""
KILL, REPEAT, ACCIDENT = 0.3, 0.25, 0.6
"""How likely: a request is killed; an answered one is sent again; a card is torn, or its process killed."""
MOMENTS = {"write": 24, "card": 160}


@dataclass(slots=True)
class Case:
    """An application, as the clerk has it on the desk; `permit` once there is one, `serial` the card for it."""

    number: int
    state: str
    slip: str = ""
    permit: str = ""
    serial: str = ""
    photo: bool = False


@dataclass(slots=True)
class Scene:
    """What every run begins with: the people and places of `template`, and whose tokens those are."""

    places: dict[str, int]
    people: dict[str, str]
    photo: bytes


@dataclass(slots=True)
class Walk:
    """A run. `seen` counts what happened."""

    random: Random
    office: Office
    scene: Scene
    directory: Path
    seen: Counter[str] = field(default_factory=Counter)
    acknowledged: Counter[str] = field(default_factory=Counter)
    cases: list[Case] = field(default_factory=list)
    held: dict[str, str] = field(default_factory=dict)  # permits in the hand, with the serial of their card
    images: dict[str, Path] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    persons: int = 0
    keys: int = 0

    # --- the run

    def go(self) -> None:
        """All of it. Raises AssertionError when a law is broken."""
        blanks = [serial_of(number) for number in range(self.random.randint(2, 4))]
        for serial in blanks:
            state = new_card_state(
                RESIDENCE_PERMIT_V1, serial=bytes.fromhex(serial), transport_key=GLOBALPLATFORM_TEST_KEY
            )
            path = self.directory / f"card-{serial[-2:]}.img"
            path.write_bytes(encode_state(state))
            self.images[serial] = path
            self.office.readers[reader_of(serial)] = path
        try:
            self._deliver(blanks)
            for _ in range(STEPS):
                kills = self.office.kills
                self._step()
                if self.office.kills != kills:
                    self._laws()
            self._settle()
        finally:
            self.office.kill()
        self._laws()
        engine = look(self.office.url)
        outcomes = laws.at_the_end(engine, self.office.home, self.images, self.acknowledged)
        self.seen.update({f"outcome: {name}": count for name, count in outcomes.items()})
        self.seen["runs"] += 1
        self.seen["acts acknowledged"] += sum(self.acknowledged.values())

    def _laws(self) -> None:
        laws.at_any_moment(look(self.office.url), frozenset(self.images))

    def _deliver(self, blanks: list[str]) -> None:
        body = {"district": self.scene.places["community"], "desk": DESK, "serials": blanks}
        assert self.act("registrar", "/stock/receive", body)

    def _step(self) -> None:
        open_ones = [case for case in self.cases if case.state in NATURAL]
        pick = self.random.random()
        if not self.cases or (pick < 0.1 and len(self.cases) < 3):
            self._register()
        elif pick < 0.7 and open_ones:
            case = self.random.choice(open_ones)
            NATURAL[case.state](self, case)
        elif pick < 0.9 and self.held:
            self.random.choice(IN_FORCE)(self, self.random.choice(sorted(self.held)))
        else:
            self.random.choice(ODD)(self, self.random.choice(self.cases))

    def _settle(self) -> None:
        """Whatever is half done is brought to its end, without any more accidents."""
        self.random = Calm()
        for case in self.cases:
            self._look(case)
            if case.state == "in-production":
                self._write(case)
        for permit, serial in self.held.items():
            self._update(permit, serial)

    # --- one request

    def act(self, who: str, path: str, body: Any = None, *, raw: bytes | None = None, method: str = "POST") -> Any:
        """Until it is answered, with one key; then perhaps once more. The receipt, or None for a refusal."""
        self.keys += 1
        headers = {"Idempotency-Key": f"walk-key-{self.keys:06d}"}
        answer = self._answered(who, method, path, body, raw, headers)
        if answer.status >= 300:
            assert answer.status in (403, 404, 409, 412, 422), (path, answer)
            self.seen[f"refused: {answer.tree['code']}"] += 1
            return None
        self.acknowledged[answer.tree["act"]] += 1
        if self.random.random() < REPEAT:
            self.seen["repeats"] += 1
            again = self._answered(who, method, path, body, raw, headers)
            expected = {**answer.tree, "replayed": True}
            assert again.tree == expected, (path, again.tree, expected)
        return answer.tree

    def _answered(
        self, who: str, method: str, path: str, body: Any, raw: bytes | None, headers: dict[str, str]
    ) -> Answer:
        while True:
            fault = None
            if self.random.random() < KILL:
                fault = ("write", self.random.randint(1, MOMENTS["write"]))
            answer = self._send(who, method, path, body, raw, headers, fault)
            if answer is None:
                self.seen["kills at a write"] += 1
                continue
            if fault is not None:  # it did not come that far: look closer the next time
                MOMENTS["write"] = max(4, (MOMENTS["write"] * 7 + answer.writes + 2) // 8)
            return answer

    def _send(
        self,
        who: str,
        method: str,
        path: str,
        body: Any,
        raw: bytes | None,
        headers: dict[str, str],
        fault: tuple[Any, ...] | None,
        wait: bool = False,
    ) -> Answer | None:
        content = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        kind = "image/jpeg" if raw is not None else "application/json"
        while True:
            signed = {"Authorization": f"Bearer {self.tokens.get(who, 'nobody')}", "Content-Type": kind}
            answer = self.office.send(
                Request(method, f"/api/v1{path}", headers | signed, content, fault=fault, wait=wait)
            )
            if answer is None or answer.status != 401:
                self.seen["requests"] += 1
                return answer
            self._sign_in(who)

    def _sign_in(self, who: str) -> None:
        tree = {"name": self.scene.people[who], "password": PASSWORD, "desk": DESK, "program": True}
        request = Request("POST", "/api/v1/session", {"Content-Type": "application/json"}, json.dumps(tree).encode())
        answer = self.office.send(request)
        assert answer is not None, "killed without a fault"
        assert answer.status == 200, answer
        self.tokens[who] = answer.tree["token"]

    def get(self, path: str) -> Any:
        """Something to look at."""
        answer = self._send("registrar", "GET", path, None, None, {}, None)
        assert answer is not None
        assert answer.status == 200, (path, answer)
        return answer.tree

    # --- the way of an application

    def _register(self) -> None:
        self.persons += 1
        since = (START.date() - timedelta(days=800)).isoformat()
        letters = chr(64 + self.persons) * 6
        body = {
            "district": self.scene.places["community"],
            "names": {"native": f"某{letters}", "latin_surname": letters, "latin_given": letters},
            "sex": "F",
            "birth_date": f"1990-01-{self.persons:02d}",
            "nationality": "UTO",
            "address": "Somewhere 1",
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
        receipt = self.act("registrar", "/holders", body)
        assert receipt
        self.cases.append(Case(number=receipt["data"]["application"], state="registered"))

    def _checklist(self, case: Case) -> None:
        self._moved(case, self.act("registrar", f"/applications/{case.number}/checklist", {"present": DOCUMENTS}))

    def _paper(self, case: Case) -> None:
        path = f"/applications/{case.number}"
        if not case.photo:
            case.photo = bool(self.act("registrar", f"{path}/photo", raw=self.scene.photo, method="PUT"))
        receipt = self.act("registrar", f"{path}/accept", {})
        if receipt:
            case.slip = receipt["data"]["slip"]
        self._moved(case, receipt)

    def _approve(self, case: Case) -> None:
        path = f"/applications/{case.number}"
        if not case.photo:  # a replacement
            case.photo = bool(self.act("registrar", f"{path}/photo", raw=self.scene.photo, method="PUT"))
        receipt = self.act("approver", f"{path}/approve")
        if receipt:
            case.permit = receipt["data"]["permit"]
        self._moved(case, receipt)

    def _lay_out(self, case: Case) -> None:
        body = {"desk": DESK, "serial": self.random.choice([None, *self.images])}
        receipt = self.act("registrar", f"/applications/{case.number}/blank", body)
        if receipt:
            case.serial = receipt["data"]["serial"]
        self._moved(case, receipt)

    def _write(self, case: Case) -> None:
        """The same card is put back until it is done; sometimes it is another one, sometimes it is given up."""
        if not case.serial:
            return
        path = f"/applications/{case.number}/personalisation"
        for attempt in range(20):
            serial = case.serial
            if attempt == 0 and self.random.random() < 0.1:
                serial = self.random.choice(sorted(self.images))
                self.seen["another card in the reader"] += serial != case.serial
            answer = self._run(path, serial)
            if answer is None or (answer.status == 202 and answer.tree["state"] == "failed"):
                if attempt and self.random.random() < 0.12:
                    self.seen["given up and spoiled"] += 1
                    self.act("registrar", f"/cards/{case.serial}/spoil", {"reason": "torn"})
                    break
                continue
            break
        else:
            raise AssertionError(f"never written: {answer and answer.tree.get('problem', answer.tree)}")
        self._look(case)

    def _run(self, path: str, serial: str) -> Answer | None:
        """One attempt at a reader; None when the process was killed."""
        self.keys += 1
        fault: tuple[Any, ...] | None = None
        if self.random.random() < ACCIDENT:
            at = self.random.randint(1, MOMENTS["card"])
            kind = self.random.choice(["tear", "card", "write"])
            fault = ("write", at % 40 + 1) if kind == "write" else (kind, at, self.random.choice(["before", "after"]))
        body = {"reader": reader_of(serial), "can": "246810"}
        headers = {"Idempotency-Key": f"walk-key-{self.keys:06d}"}
        answer = self._send("registrar", "POST", path, body, None, headers, fault, wait=True)
        if answer is None:
            self.seen["kills while a card is written"] += 1
            return None
        if answer.commands:
            MOMENTS["card"] = max(30, (MOMENTS["card"] * 7 + answer.commands + 5) // 8)
        if answer.status == 202 and answer.tree["state"] == "failed":
            code = answer.tree["problem"]["code"]
            assert code != "internal", answer
            self.seen["tears" if fault and fault[0] == "tear" else f"run refused: {code}"] += 1
        elif answer.status == 202:
            self.seen["cards written"] += 1
        return answer

    def _collect(self, case: Case) -> None:
        receipt = self.act("registrar", f"/applications/{case.number}/handover", {"slip": case.slip})
        if receipt:
            self.held[receipt["data"]["permit"]] = receipt["data"]["serial"]
        self._moved(case, receipt)

    def _moved(self, case: Case, receipt: Any) -> None:
        if receipt:
            case.state = receipt["state"]
        else:
            self._look(case)

    def _look(self, case: Case) -> None:
        found = self.get(f"/applications/{case.number}")
        case.state, case.permit = found["state"], found["permit"] or ""
        if case.state == "approved":
            case.serial = ""

    # --- what is not on the way

    def _withdraw(self, case: Case) -> None:
        self._moved(case, self.act("registrar", f"/applications/{case.number}/withdraw"))

    def _release(self, case: Case) -> None:
        self._moved(case, self.act("registrar", f"/applications/{case.number}/release"))

    def _reject(self, case: Case) -> None:
        self._moved(case, self.act("approver", f"/applications/{case.number}/reject", {"reason": "no"}))

    def _spoil(self, case: Case) -> None:
        serial = self.random.choice(sorted(self.images))
        self.act("registrar", f"/cards/{serial}/spoil", {"reason": "bent"})
        for found in self.cases:
            self._look(found)

    def _close_the_day(self, _case: Case) -> None:
        community = self.scene.places["community"]
        remaining = self.get(f"/stock?district={community}&desk={DESK}")["remaining"]
        self.act("registrar", "/stock/days", {"district": community, "desk": DESK, "counted": remaining})
        self.office.now += timedelta(days=1)

    def _publish(self, _case: Case) -> None:
        headers = {"Idempotency-Key": f"walk-publish-{self.keys:06d}"}
        for path in ("/status-list", "/audit/checkpoints"):
            answer = self._send("administrator", "POST", path, None, None, headers, None)
            assert answer is not None
            assert answer.status == 200, answer

    # --- permits in the hand

    def _endorse(self, permit: str) -> None:
        until = self.get(f"/permits/{permit}")["window_opens"]
        noon = START.replace(year=int(until[:4]), month=int(until[5:7]), day=int(until[8:10])) + timedelta(days=1)
        if noon > START + LONGEST:
            return
        if noon > self.office.now:
            self.office.months_later(noon)
        if self.act("registrar", f"/permits/{permit}/endorse", {}):
            self.seen["endorsed"] += 1
            self._update(permit, self.held[permit])

    def _update(self, permit: str, serial: str) -> None:
        for _ in range(20):
            found = self.get(f"/permits/{permit}")
            if not found["card_due"] or found["state"] != "active" or found["card"] != serial:
                return
            answer = self._run(f"/permits/{permit}/card-update", serial)
            if answer is not None and answer.status == 202 and answer.tree["state"] == "done":
                self.seen["cards endorsed"] += 1
        raise AssertionError(f"a card that cannot be brought up to date: {answer}")

    def _telephone(self, permit: str) -> None:
        self.act("registrar", f"/permits/{permit}/report-lost", {"in_person": False})

    def _restore(self, permit: str) -> None:
        self.act("registrar", f"/permits/{permit}/restore", {"in_person": True})

    def _replace(self, permit: str) -> None:
        back = self.random.random() < 0.5
        body = {"reason": "damaged", "old_serial": self.held[permit], "desk": DESK} if back else {"reason": "lost"}
        receipt = self.act("registrar", f"/permits/{permit}/replace", body)
        if receipt:
            del self.held[permit]
            data = receipt["data"]
            self.cases.append(Case(number=data["application"], state="accepted", slip=data["slip"], permit=permit))

    def _end(self, permit: str) -> None:
        if self.random.random() < 0.5:
            receipt = self.act("approver", f"/permits/{permit}/revoke", {"reason": "stolen"})
        else:
            body = {"ending": "death", "old_serial": self.held[permit], "desk": DESK}
            receipt = self.act("approver", f"/permits/{permit}/terminate", body)
        if receipt:
            del self.held[permit]


class Calm(Random):
    """No more accidents."""

    def random(self) -> float:
        return 0.999


def serial_of(number: int) -> str:
    """Ten bytes in hex."""
    return f"{number + 1:020x}"


def reader_of(serial: str) -> str:
    """Every card lies in a reader of its own."""
    return f"card-{serial[-2:]}"


def look(url: str) -> Engine:
    """To read what is there, from outside of the service."""
    return create_engine(url.replace("postgresql:", "postgresql+psycopg:"), poolclass=NullPool)


NATURAL: dict[str, Callable[[Walk, Case], None]] = {
    "registered": Walk._checklist,
    "applied": Walk._paper,
    "accepted": Walk._approve,
    "approved": Walk._lay_out,
    "in-production": Walk._write,
    "ready": Walk._collect,
}
ODD = (
    *NATURAL.values(),
    Walk._withdraw,
    Walk._release,
    Walk._reject,
    Walk._spoil,
    Walk._close_the_day,
    Walk._publish,
)
IN_FORCE = (Walk._endorse, Walk._endorse, Walk._telephone, Walk._restore, Walk._replace, Walk._end)
