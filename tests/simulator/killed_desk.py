"""A desk that is killed: runs one job in a process of its own, which sends itself SIGKILL at a chosen step.

A step is a statement that writes the journal, done, or a command that the card has executed. The program reads one job
a line (JSON) on standard input, forks for each, and answers with how the child ended: -9, or what it exited with. Steps
are appended to the file `steps` of the job while they happen, so that a job with `at` -1 lists them all.

    {"job": "issue" | "endorse" | "void", "home": DIR, "image": FILE, "steps": FILE, "at": N}
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import sys
import traceback
from pathlib import Path
from typing import Any

import issuing
from life_of_a_card import endorse_card, photo_in_three_commands, void_card

from card_profiles.softcard.card import SoftCard
from card_profiles.softcard.connection import InProcessConnection
from card_profiles.softcard.image import ImageFile
from issuer import crosscheck, journal_sqlite

WRITING = ("BEGIN", "INSERT", "UPDATE", "DELETE", "COMMIT")


class Steps:
    """Counts, writes down, and ends the process at number `at` (from 0)."""

    def __init__(self, path: str, at: int) -> None:
        self._stream = open(path, "a", encoding="ascii")  # noqa: SIM115 - closed by the end of the process
        self._left = at

    def done(self, name: str) -> None:
        print(name, file=self._stream, flush=True)
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self._left -= 1


def work(job: dict[str, Any]) -> None:
    steps = Steps(job["steps"], job["at"])

    class Journal(sqlite3.Connection):
        def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
            cursor = super().execute(statement, *values)
            verb = statement.split(maxsplit=1)[0]
            if verb in WRITING:
                steps.done(f"journal {verb}")
            return cursor

    class Card(InProcessConnection):
        def transmit(self, command: bytes) -> bytes:
            response = super().transmit(command)
            steps.done(f"card {command[1]:02X}")
            return response

    def connect(*values: Any, **named: Any) -> sqlite3.Connection:
        return sqlite3.connect(*values, factory=Journal, **named)

    journal_sqlite.sqlite3 = type("sqlite3", (), {"connect": staticmethod(connect), "Error": sqlite3.Error})
    crosscheck.by_openssl = lambda *_, **__: None
    issuing.small_photo = photo_in_three_commands
    world = issuing.World(home=Path(job["home"]))
    card = Card(SoftCard(issuing.PROFILE, ImageFile(Path(job["image"]))))
    if job["job"] == "issue":
        world.issue(card)
    elif job["job"] == "endorse":
        endorse_card(world, card)
    else:
        void_card(world, card)


def main() -> None:
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            status = 1
            try:
                work(json.loads(line))
                status = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(status)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
