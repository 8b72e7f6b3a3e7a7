"""A scripted day over the API, with software cards: registration to handover; a year later endorsement, loss,
replacement, end. `python -m issuer.service.day` runs it; docs/API.md shows the same steps for curl, made from STEPS.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path("build/day")
SAMPLES = Path(__file__).parent.parent / "samples"
YEAR = 340
"""Days between the two halves: the month before the full year, in which the endorsement is done."""
PASSWORD = "paper-lantern-and-9-oars"  # noqa: S105 - of a demonstration
CARDS = ("00000000000000000001", "00000000000000000002")
_PROBLEM = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A request. `who` is whose token goes along; braces name what earlier steps took. `take` names what of the answer
    is kept: a path such as ``data.holder``. With `photo` the body is that file; `until` repeats the request until the
    member has the value."""

    title: str
    who: str
    method: str
    path: str
    body: Mapping[str, Any] | None = None
    photo: str | None = None
    take: Mapping[str, str] = field(default_factory=dict)
    until: tuple[str, str] | None = None
    status: int = 200


def _sign_in(name: str) -> Step:
    return Step(
        title=f"The {name} signs in",
        who="",
        method="POST",
        path="/session",
        body={"name": name, "password": PASSWORD, "desk": "desk-1", "program": True},
        take={name: "token"},
    )


def _operator(name: str, role: str) -> Step:
    body = {"name": name, "display_name": name.title(), "role": role, "district": "{city}", "password": PASSWORD}
    return Step(title=f"Appointed: the {name}", who="admin", method="POST", path="/operators", body=body)


def _written(run: str) -> Step:
    return Step(
        title="… until it is done",
        who="registrar",
        method="GET",
        path=f"/runs/{{{run}}}",
        until=("state", "done"),
    )


_ISSUE = {"reader": "desk-1"}
FIRST = (
    _sign_in("admin"),
    Step(
        title="Which districts there are",
        who="admin",
        method="GET",
        path="/districts",
        take={"city": "0.id"},
    ),
    _operator("registrar", "registrar"),
    _operator("approver", "approver"),
    _operator("auditor", "auditor"),
    _sign_in("registrar"),
    _sign_in("approver"),
    Step(
        title="Two blank cards come in",
        who="registrar",
        method="POST",
        path="/stock/receive",
        body={"district": "{city}", "desk": "desk-1", "serials": list(CARDS)},
    ),
    Step(
        title="A person registers",
        who="registrar",
        method="POST",
        path="/holders",
        body={
            "district": "{city}",
            "names": {"native": "陈晓雯", "latin_surname": "CHEN", "latin_given": "XIAOWEN"},
            "sex": "F",
            "birth_date": "1991-04-17",
            "nationality": "UTO",
            "address": "乌托邦省示例市新城区梧桐街道书香里8号2单元301室",
            "residence_since": "2024-03-01",
            "facts": {
                "employment": "2024-03-01/..",
                "social_insurance": "2024-03-01/..",
                "home": "2024-03-01/..",
                "home_kind": "rented",
                "education": "bachelor",
            },
        },
        take={"holder": "data.holder", "application": "data.application"},
    ),
    Step(
        title="What the rules will give, to be read aloud",
        who="registrar",
        method="GET",
        path="/holders/{holder}/entitlements",
    ),
    Step(
        title="The documents; what is missing is told once and in full",
        who="registrar",
        method="POST",
        path="/applications/{application}/checklist",
        body={"present": ["identity-document", "proof-of-address", "proof-of-ground"]},
    ),
    Step(
        title="The photo",
        who="registrar",
        method="PUT",
        path="/applications/{application}/photo",
        photo="01-chen-xiaowen.jpg",
    ),
    Step(
        title="Accepted, against a slip",
        who="registrar",
        method="POST",
        path="/applications/{application}/accept",
        body={"ground": "employment"},
        take={"slip": "data.slip"},
    ),
    Step(
        title="Four eyes: who registered cannot approve",
        who="registrar",
        method="POST",
        path="/applications/{application}/approve",
        status=403,
    ),
    Step(title="The approver looks at the queue", who="approver", method="GET", path="/deadlines"),
    Step(
        title="… and approves",
        who="approver",
        method="POST",
        path="/applications/{application}/approve",
        take={"permit": "data.permit"},
    ),
    Step(
        title="A blank is laid out",
        who="registrar",
        method="POST",
        path="/applications/{application}/blank",
        body={"desk": "desk-1", "serial": CARDS[0]},
    ),
    Step(
        title="The card is written",
        who="registrar",
        method="POST",
        path="/applications/{application}/personalisation",
        body=_ISSUE,
        take={"run": "id"},
        status=202,
    ),
    _written("run"),
    Step(
        title="Handed over against the slip: the permit is in force",
        who="registrar",
        method="POST",
        path="/applications/{application}/handover",
        body={"slip": "{slip}"},
    ),
    Step(
        title="The holder reads what is on the card",
        who="registrar",
        method="GET",
        path="/permits/{permit}/card",
    ),
    Step(
        title="The drawer's books",
        who="registrar",
        method="GET",
        path="/stock?district={city}&desk=desk-1",
    ),
)
LATER = (
    _sign_in("registrar"),
    _sign_in("approver"),
    _sign_in("auditor"),
    Step(title="Whose endorsement is due", who="registrar", method="GET", path="/endorsements"),
    Step(
        title="Endorsed, with a new address in the same pass: old → new",
        who="registrar",
        method="POST",
        path="/permits/{permit}/endorse",
        body={"address": {"address": "乌托邦省示例市新城区海棠路12号", "since": "{yesterday}"}},
    ),
    Step(
        title="The card is written to say so",
        who="registrar",
        method="POST",
        path="/permits/{permit}/card-update",
        body=_ISSUE,
        take={"run": "id"},
        status=202,
    ),
    _written("run"),
    Step(
        title="A call: the card is lost. Suspended at once",
        who="registrar",
        method="POST",
        path="/permits/{permit}/report-lost",
        body={"in_person": False},
    ),
    Step(
        title="Only a visit restores it",
        who="registrar",
        method="POST",
        path="/permits/{permit}/restore",
        body={"in_person": False},
        status=422,
    ),
    Step(
        title="It does not come back: another card is asked for, the old one is void for good",
        who="registrar",
        method="POST",
        path="/permits/{permit}/replace",
        body={"reason": "lost"},
        take={"application": "data.application", "slip": "data.slip"},
    ),
    Step(
        title="The photo is taken anew",
        who="registrar",
        method="PUT",
        path="/applications/{application}/photo",
        photo="01-chen-xiaowen.jpg",
    ),
    Step(
        title="The approver agrees",
        who="approver",
        method="POST",
        path="/applications/{application}/approve",
    ),
    Step(
        title="A second blank",
        who="registrar",
        method="POST",
        path="/applications/{application}/blank",
        body={"desk": "desk-1", "serial": CARDS[1]},
    ),
    Step(
        title="The replacement is written",
        who="registrar",
        method="POST",
        path="/applications/{application}/personalisation",
        body={"reader": "desk-2"},
        take={"run": "id"},
        status=202,
    ),
    _written("run"),
    Step(
        title="… and handed over: the permit is in force again",
        who="registrar",
        method="POST",
        path="/applications/{application}/handover",
        body={"slip": "{slip}"},
    ),
    Step(
        title="The holder is registered here for good: the permit ends, the card comes back",
        who="approver",
        method="POST",
        path="/permits/{permit}/terminate",
        body={"ending": "local-registration", "old_serial": CARDS[1], "desk": "desk-1"},
    ),
    Step(
        title="The day is closed: no blank is left, and the ledger says the same",
        who="registrar",
        method="POST",
        path="/stock/days",
        body={"district": "{city}", "desk": "desk-1", "counted": 0},
    ),
    Step(
        title="The auditor believes nothing: every record and every signature",
        who="auditor",
        method="GET",
        path="/audit/verification",
    ),
)
STEPS = (*FIRST, *LATER)
COMMANDS = (
    "permit-keys init --authority {samples}/authority.json --home {here}/authority --passphrase-file {here}/passphrase",
    f"permit-softcard new --image {{here}}/card-1.img --serial {CARDS[0]}",
    f"permit-softcard new --image {{here}}/card-2.img --serial {CARDS[1]}",
    "permit-issuer init --city-name 示例市 --administrator admin --password-file {here}/password",
)
"""What stands before the first request; with the settings of `environment`."""


class DayFailed(Exception):
    """A step was answered otherwise than it should."""


class Client:
    """Runs steps against a service."""

    def __init__(self, base: str, known: dict[str, str]) -> None:
        self._base = base + "/api/v1"
        self.known = known

    def run(self, step: Step) -> Any:
        """One step; its answer. Raises DayFailed."""
        for _ in range(600):
            status, answer = self._send(step)
            if status != step.status:
                raise DayFailed(f"{step.title}: {status} in place of {step.status}: {answer}")
            if step.until is None or answer[step.until[0]] == step.until[1]:
                break
            if answer[step.until[0]] == "failed":
                raise DayFailed(f"{step.title}: {answer['problem']}")
            time.sleep(0.05)
        for name, path in step.take.items():
            self.known[name] = str(pick(answer, path))
        return answer

    def _send(self, step: Step) -> tuple[int, Any]:
        headers = {"Accept-Language": "en"}
        if step.who:
            headers["Authorization"] = f"Bearer {self.known[step.who]}"
        content: bytes | None = None
        if step.photo is not None:
            headers["Content-Type"] = "image/jpeg"
            content = (SAMPLES / step.photo).read_bytes()
        elif step.body is not None:
            headers["Content-Type"] = "application/json"
            content = json.dumps(fill(step.body, self.known)).encode()
        if step.method != "GET" and step.who:
            headers["Idempotency-Key"] = secrets.token_hex(16)
        url = self._base + step.path.format_map(self.known)
        request = urllib.request.Request(url, content, headers, method=step.method)  # noqa: S310 - our own service
        try:
            with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
                return response.status, json.loads(response.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())


def fill(value: Any, known: Mapping[str, str]) -> Any:
    """A body with what is known by now; a text that is one brace and a number becomes a number."""
    if isinstance(value, Mapping):
        return {name: fill(item, known) for name, item in value.items()}
    if isinstance(value, list):
        return [fill(item, known) for item in value]
    if isinstance(value, str) and value.startswith("{"):
        text = value.format_map(known)
        return int(text) if value == "{city}" else text
    return value


def pick(answer: Any, path: str) -> Any:
    """The member at ``data.holder`` or ``0.id``."""
    for name in path.split("."):
        answer = answer[int(name)] if name.isdigit() else answer[name]
    return answer


def environment(here: Path, port: int) -> dict[str, str]:
    """The settings of the demonstration."""
    return {
        "PERMIT_HOME": str(here / "authority"),
        "PERMIT_PASSPHRASE_FILE": str(here / "passphrase"),
        "PERMIT_READERS": f"desk-1=image:{here / 'card-1.img'};desk-2=image:{here / 'card-2.img'}",
        "PERMIT_PORT": str(port),
        "PERMIT_LOG_LEVEL": "warning",
    }


def prepare(here: Path) -> None:
    """Keys that serve for a year, two blank cards, the database, the first administrator."""
    if here.exists():
        shutil.rmtree(here)
    here.mkdir(parents=True)
    tree = json.loads((SAMPLES / "authority.json").read_text("utf-8"))
    tree["validity"] = {"signer_key_days": 366}
    (here / "authority.json").write_text(json.dumps(tree))
    for name, text in (("passphrase", secrets.token_hex(16)), ("password", PASSWORD)):
        (here / name).write_text(text + "\n")
        (here / name).chmod(0o600)
    for template in COMMANDS:
        _program(template.format(here=here, samples=here).split(), environment(here, 0))


@contextmanager
def served(here: Path, *, ahead: int = 0) -> Iterator[str]:
    """The service in a process of its own; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [_path("permit-issuer"), "serve", "--days-ahead", str(ahead)]
    process = subprocess.Popen(command, env=_clean() | environment(here, port))  # noqa: S603 - our own program
    base = f"http://127.0.0.1:{port}"
    try:
        _wait(base, process)
        yield base
    finally:
        process.terminate()
        process.wait(150)


def main(place: Path = HERE) -> int:
    """The whole day, its state in `place`; exit code 0 when every step ended as it should."""
    started = time.monotonic()
    here = place.absolute()
    known: dict[str, str] = {"yesterday": _day(YEAR - 1)}
    try:
        prepare(here)
        for steps, ahead in ((FIRST, 0), (LATER, YEAR)):
            if ahead:
                print(f"── {ahead} days later")
            with served(here, ahead=ahead) as base:
                client = Client(base, known)
                for step in steps:
                    begun = time.monotonic()
                    answer = client.run(step)
                    milliseconds = (time.monotonic() - begun) * 1000
                    print(f"{milliseconds:7.0f} ms  {step.title}{_told(answer)}")
    except (DayFailed, subprocess.CalledProcessError, OSError) as failed:
        print(f"day: {failed}", file=sys.stderr)
        return 1
    _program([PROGRAM, "audit", "verify"], environment(here, 0))
    print(f"Done in {time.monotonic() - started:.1f} s. docs/API.md has the same day for curl.")
    return 0


PROGRAM = "permit-issuer"


def _told(answer: Any) -> str:
    """What is worth a look, in a few words."""
    if not isinstance(answer, dict):
        return ""
    if "code" in answer and "action" in answer:
        return f": {answer['title']}. {answer['action']}"
    if "act" in answer:
        data = answer["data"]
        words = [answer["state"]] if answer["state"] else []
        words += [f"{name} {data[name]}" for name in ("slip", "permit", "serial", "due_on", "fee") if data.get(name)]
        if data.get("missing"):
            words.append(f"missing: {', '.join(data['missing'])}")
        words += [
            f"{line['name']}: {line['old'] or '-'} → {line['new'] or '-'}" for line in data.get("changes", [])[:4]
        ]
        return f": {'; '.join(words)}" if words else ""
    if "records" in answer:
        return f": {answer['records']} records hold"
    if answer.get("can"):
        return f": CAN {answer['can']} for the face"
    return ""


def _day(ahead: int) -> str:
    from datetime import UTC, datetime, timedelta

    return (datetime.now(UTC) + timedelta(days=ahead)).date().isoformat()


def _wait(base: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        if process.poll() is not None:
            raise DayFailed(f"the service ended with {process.returncode}")
        try:
            with urllib.request.urlopen(base + "/readyz", timeout=5):  # noqa: S310
                return
        except OSError:
            time.sleep(0.05)
    raise DayFailed("the service does not answer")


def _program(command: list[str], settings: dict[str, str]) -> None:
    subprocess.run([_path(command[0]), *command[1:]], env=_clean() | settings, check=True)  # noqa: S603


def _path(program: str) -> str:
    return str(Path(sys.executable).parent / program)


def _clean() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PERMIT_")}


if __name__ == "__main__":
    sys.exit(main())
