"""`permit-verifier sync`: bring this counter's store up to date, by network or by stick.

Exit codes: 0 taken over, 3 refused (the store is as it was). As the check has it, 3 is about our own data.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from json import dumps
from typing import TYPE_CHECKING

from keys.errors import DecodeError

from . import store
from .sync import Synced, sync
from .sync_reason import SyncReason, SyncRefused
from .sync_texts import LABELS, REASONS
from .verdict import ExitCode

if TYPE_CHECKING:
    from .report import Style

_MAX_ANCHOR = 1 << 16
_MINUTE = "%Y-%m-%d %H:%MZ"


def run(
    arguments: argparse.Namespace,
    style: Style,
    now: Callable[[], datetime],
    environment: Mapping[str, str],
    *,
    wait: Callable[[], bool] = lambda: False,
) -> int:
    """Synchronise as the arguments say; the exit code. While another run has the store, `wait` is asked."""
    while True:
        try:
            return _run(arguments, style, now, environment)
        except SyncRefused as refused:
            if refused.reason is not SyncReason.STORE_BUSY or not wait():
                return _tell_refusal(refused, style, json=arguments.json)


def _run(
    arguments: argparse.Namespace, style: Style, now: Callable[[], datetime], environment: Mapping[str, str]
) -> int:
    watermark = store.Watermark(store.state_directory(arguments.state, dict(environment)))
    try:
        known = watermark.read()
    except (DecodeError, OSError) as error:
        raise SyncRefused(SyncReason.CLOCK_SET_BACK, str(error)) from error
    done = sync(
        arguments.source,
        store.trust_directory(arguments.store, dict(environment)),
        now=now(),
        anchor=_anchor(arguments.trust_anchor),
        watermark=known,
    )
    _tell(done, style, json=arguments.json)
    return ExitCode.ACCEPTED


def _anchor(path: str | None) -> bytes | None:
    """A file that the person named: links and pipes are their choice."""
    if path is None:
        return None
    try:
        with open(path, "rb") as stream:
            data = stream.read(_MAX_ANCHOR + 1)
    except OSError as error:
        raise SyncRefused(SyncReason.ANCHOR_INVALID, f"{path}: {error.strerror}") from error
    if len(data) > _MAX_ANCHOR:
        raise SyncRefused(SyncReason.ANCHOR_INVALID, path)
    return data


def _tell(done: Synced, style: Style, *, json: bool) -> None:
    record = done.record
    if json:
        tree = {
            "synced": True,
            "directory": done.directory,
            "release": record.timestamp,
            "root": record.root,
            "published": record.published.isoformat(),
            "valid_until": record.valid_until.isoformat(),
            "targets": done.targets,
            "changed": list(done.changed),
            "bytes_received": done.bytes_received,
        }
        print(dumps(tree, ensure_ascii=False))
        return

    def say(name: str) -> str:
        return style.say(LABELS[name])

    print(
        f"{say('synced')}: {say('release')} {record.timestamp}, "
        f"{say('published')} {record.published.strftime(_MINUTE)}, "
        f"{say('valid_until')} {record.valid_until.strftime(_MINUTE)}; "
        f"{len(done.changed)}/{done.targets} {say('changed')}, {done.bytes_received} {say('bytes')}"
    )


def _tell_refusal(refused: SyncRefused, style: Style, *, json: bool) -> int:
    if json:
        tree = {"synced": False, "reason": refused.reason, "detail": refused.detail}
        print(dumps(tree, ensure_ascii=False))
    else:
        print(style.say(REASONS[refused.reason]), style.say(LABELS["unchanged"]), file=sys.stderr)
        if refused.detail:
            print(f"  {refused.reason}: {refused.detail}", file=sys.stderr)
    return ExitCode.OWN_DATA
