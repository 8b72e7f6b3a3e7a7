"""`permit-keys status`: what signs, what expires when, what to do next."""

from __future__ import annotations

import argparse
import sys
from datetime import datetime

from ..algorithms import Purpose
from ..authority.authority import Authority
from ..files import PUBLIC, replace
from ..foresight.timeline import tasks
from ..foresight.timeline_picture import STATES, TASKS, draw
from ..registry.lifecycle import KeyState
from ..status_list import Status
from .common import MINUTE, OVERDUE, Terminal, table
from .messages import LANGUAGES, Text, message, purpose_name
from .texts import Say, say


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> list[argparse.ArgumentParser]:
    """Add the command."""
    status = commands.add_parser("status", help="show keys, periods, lists and what to do; needs no passphrase")
    status.add_argument("--timeline", metavar="FILE", help="also draw it, as SVG")
    status.add_argument("--all", action="store_true", help="also keys that were destroyed")
    status.set_defaults(command=_status)
    return [status]


def _status(terminal: Terminal) -> int:
    """Needs no passphrase: everything shown is public. Exit code 3 when something is overdue."""
    authority = Authority.look(terminal.home, clock=terminal.clock)
    language, now = terminal.language, terminal.clock()
    half = LANGUAGES.index(language)

    def until(moment: datetime | None) -> str:
        if moment is None:
            return "-"
        return moment.strftime(MINUTE) + (message(Text.ENDED, language) if moment < now else "")

    rows = [say(Say.LIFE_HEADINGS, language).split("\t")]
    for key in authority.registry.keys:
        if key.state is KeyState.DESTROYED and not terminal.options.all:
            continue
        begin = key.active_from.strftime(MINUTE) if key.active_from else "-"
        signatures = str(key.signatures) + (f"/{key.cap}" if key.cap is not None else "")
        if key.purpose is Purpose.CARD_MASTER_KEY:
            signatures = "-"
        name, state = purpose_name(key.purpose, language), STATES[key.state][half]
        kid = key.kid.hex() or "-"
        rows.append([key.name, name, state, kid, begin, until(key.active_until), until(key.expires_at), signatures])
    print(table(rows))
    _lists(authority, language, until)
    todo = tasks(authority, now)
    print(say(Say.NEXT, language))
    lines = [
        [
            f"  {task.due.strftime(MINUTE)}" + (say(Say.OVERDUE, language) if task.is_overdue(now) else ""),
            TASKS[task.kind][half],
            " ".join(task.subjects),
            task.command,
        ]
        for task in todo
    ]
    print(table(lines))
    if terminal.options.timeline:
        name = authority.settings.name_zh if language == "zh" else authority.settings.name_en
        picture = draw(authority.registry.keys, todo, now=now, name=name, language=language)
        replace(terminal.options.timeline, picture.encode(), mode=PUBLIC)
        terminal.tell(Say.PICTURE, path=terminal.options.timeline)
    if authority.uses_test_transport_keys:
        print(message(Text.TEST_KEYS, language), file=sys.stderr)
    return OVERDUE if any(task.is_overdue(now) for task in todo) else 0


def _lists(authority: Authority, language: str, until: object) -> None:
    assert callable(until)
    crl, lists = authority.published_crl(), sorted(authority.lists.all_statuses(), key=lambda one: one.exp)
    entries = [status for one in lists for status in one.exceptions().values()]
    statuses = lists[0] if lists else authority.published_statuses()
    print(
        message(
            Text.LISTS,
            language,
            number=crl.number,
            crl=until(crl.next_update),
            revoked=len(crl.revoked),
            signed=statuses.iat.strftime(MINUTE),
            status=until(statuses.exp),
            invalid=entries.count(Status.INVALID),
            suspended=entries.count(Status.SUSPENDED),
        )
    )
