"""`permit-keys stage, activate, retire, destroy, rotate, revoke, compromise`."""

from __future__ import annotations

import argparse
from collections.abc import Iterable

from ..algorithms import Purpose
from ..registry.lifecycle import RULES, KeyEvent, KeyState
from ..registry.registry import AuthorityError, AuthorityReason
from ..rotation.rotation import Done, Rotation
from .common import MINUTE, Refused, Terminal, add_people, moment, purpose
from .foresight import add_counters, coverage
from .messages import message, purpose_name
from .texts import Say, event_name, say

_PUBLISHED = frozenset({KeyEvent.STAGE, KeyEvent.ACTIVATE, KeyEvent.COMPROMISE})


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> list[argparse.ArgumentParser]:
    """Add the commands."""
    rotate = commands.add_parser("rotate", help="do what is due: activate staged keys, stage successors; run it daily")
    rotate.add_argument("purposes", nargs="*", type=purpose, metavar="PURPOSE", help=f"of {', '.join(RULES)}; else all")
    rotate.add_argument("--replace", metavar="KEY", help="put a fresh key in the place of this one now")
    rotate.set_defaults(command=_rotate)
    stage = commands.add_parser("stage", help="make the next key of a purpose and publish its certificate ahead")
    stage.add_argument("purpose", type=purpose, metavar="PURPOSE")
    stage.add_argument("--from", dest="begin", metavar="DATE", help="when it begins to sign")
    stage.add_argument("--another", action="store_true", help="although one is staged already")
    stage.set_defaults(command=_stage)
    activate = commands.add_parser("activate", help="put the staged key of a purpose into use")
    activate.add_argument("purpose", type=purpose, metavar="PURPOSE")
    activate.set_defaults(command=_activate)
    for parser in (rotate, activate):
        add_counters(parser)
    parsers = [rotate, stage, activate]
    for name, function, text in (
        ("retire", _retire, "end a key's use: it signs no more, what it signed is still believed"),
        ("destroy", _destroy, "erase private keys that are not needed any more"),
        ("revoke", _revoke, "put a key's certificate on the CRL, for good"),
        ("compromise", _compromise, "somebody else may have the key: it signs no more, counters refuse what it signed"),
    ):
        parser = commands.add_parser(name, help=text)
        several = name == "destroy"
        parser.add_argument("keys", nargs="+" if several else 1, metavar="KEY", help="such as DS-3, or its kid in hex")
        parser.set_defaults(command=function)
        if name == "compromise":
            parser.add_argument("--since", metavar="DATE", help="since when it may be; else now")
        parsers.append(parser)
    for parser in parsers:
        add_people(parser)
    return parsers


def _rotate(terminal: Terminal) -> int:
    options, language = terminal.options, terminal.language
    rotation = _rotation(terminal)
    if options.replace:
        if options.purposes and rotation.registry.by_name(options.replace).purpose not in options.purposes:
            raise Refused(say(Say.NO_PURPOSE, language, detail=options.replace))
        done = rotation.replace(options.replace, override=options.override)
        if not done:
            terminal.tell(Say.REPLACED, key=options.replace)
        return _tell(terminal, done)
    changed: list[Done] = list(rotation.resume())
    refused = 0
    for each in options.purposes or list(RULES):
        try:
            done = rotation.rotate(each, override=options.override)
        except AuthorityError as error:
            # One purpose that waits for a second person must not keep the others from going on.
            print(f"{purpose_name(each, language)}: {message(error.reason, language, detail=error.detail)}")
            refused = 1
            continue
        changed.extend(done)
        if not done and not _tell_next(terminal, rotation, each):
            refused = 1
    _tell(terminal, changed)
    return refused


def _stage(terminal: Terminal) -> int:
    options = terminal.options
    begin = moment(options.begin, terminal.language) if options.begin else None
    rotation = _rotation(terminal)
    done = rotation.stage(options.purpose, active_from=begin, another=options.another, override=options.override)
    return _tell(terminal, [done])


def _activate(terminal: Terminal) -> int:
    options = terminal.options
    return _tell(terminal, [_rotation(terminal).activate(options.purpose, override=options.override)])


def _retire(terminal: Terminal) -> int:
    options = terminal.options
    return _tell(terminal, [_rotation(terminal).retire(options.keys[0], override=options.override)])


def _destroy(terminal: Terminal) -> int:
    options, rotation = terminal.options, _rotation(terminal)
    return _tell(terminal, [rotation.destroy(name, override=options.override) for name in options.keys])


def _revoke(terminal: Terminal) -> int:
    options = terminal.options
    done = _rotation(terminal).revoke(options.keys[0], override=options.override)
    _tell(terminal, [done])
    terminal.tell(Say.CHANGED)
    return 0


def _compromise(terminal: Terminal) -> int:
    options = terminal.options
    since = moment(options.since, terminal.language) if options.since else None
    return _tell(terminal, [_rotation(terminal).compromise(options.keys[0], since=since)])


def _rotation(terminal: Terminal) -> Rotation:
    if not hasattr(terminal.options, "threshold"):
        return Rotation(terminal.open(), terminal.actor)
    return Rotation(terminal.open(), terminal.actor, coverage=coverage(terminal), threshold=terminal.options.threshold)


def _tell(terminal: Terminal, done: Iterable[Done]) -> int:
    changed = False
    for one in done:
        what = Say.ALREADY if one.already else Say.RESUMED if one.resumed else Say.DONE
        unpublished = one.event is KeyEvent.STAGE and not one.key.certificate
        event = KeyEvent.GENERATE if unpublished else one.event
        terminal.tell(what, key=one.key.name, event=event_name(event, terminal.language))
        changed |= not one.already and one.event in _PUBLISHED and one.key.purpose is not Purpose.CARD_MASTER_KEY
        if one.event is KeyEvent.STAGE and one.key.active_from and one.key.active_until:
            begin, until = one.key.active_from.strftime(MINUTE), one.key.active_until.strftime(MINUTE)
            terminal.tell(Say.FROM, begin=begin, until=until)
    if changed:
        terminal.tell(Say.CHANGED)
    return 0


def _tell_next(terminal: Terminal, rotation: Rotation, each: Purpose) -> bool:
    """What comes next for a purpose; False when it has no key in use and none coming."""
    name = purpose_name(each, terminal.language)
    staged = rotation.registry.in_state(each, KeyState.STAGED)
    active = rotation.registry.in_state(each, KeyState.ACTIVE)
    if not staged and not active:
        print(f"{name}: {message(AuthorityReason.NO_ACTIVE_KEY, terminal.language, detail=name)}")
        return False
    begin = staged[0].active_from if staged else None
    until = active[0].active_until if active else None
    due = begin or rotation.stage_due(each)
    terminal.tell(Say.NOTHING_DUE, purpose=name, moment=due.strftime(MINUTE))
    if begin and until and until < begin:
        terminal.tell(Say.GAP, until=until.strftime(MINUTE), begin=begin.strftime(MINUTE), key=active[0].name)
    return True
