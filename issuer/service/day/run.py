"""The whole day: keys, cards and database made, the service started twice, every step sent."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .client import SAMPLES, Client, DayFailed
from .steps import COMMANDS, FIRST, LATER, PASSWORD, VALIDITY, YEAR

HERE = Path("build/day")


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
    tree["validity"] = VALIDITY
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
        return f": {answer['records']} records hold; a checkpoint vouches up to record {answer['signed_seq']}"
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
