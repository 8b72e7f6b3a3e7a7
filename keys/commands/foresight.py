"""`permit-keys simulate` and `drill`: what activating a key would mean, and what losing one means."""

from __future__ import annotations

import argparse
import os
from datetime import datetime
from hashlib import sha256

from ..algorithms import Purpose
from ..authority import root_renewal
from ..authority.authority import Authority
from ..errors import DecodeError
from ..files import PRIVATE, PUBLIC, replace
from ..foresight import simulator, simulator_picture
from ..parsed_certificate import is_signed_by
from ..publication import command as publication
from ..publication.errors import PublicationError
from ..registry.lifecycle import ROLE_RULES, RULES, KeyState
from ..registry.registry import KeyRecord, load
from ..rotation import drill as drills
from ..rotation import issued_cards
from ..rotation.issued_cards import IssuedCard
from ..rotation.plans import Coverage, Known
from ..rotation.rotation import Rotation
from .common import MINUTE, Refused, Terminal, add_people, moment, read_file
from .messages import LANGUAGES
from .texts import event_name

NOT_SAFE = 3
"""Exit code of `simulate` when too few counters know the key."""
_MAX_COUNTERS = 1 << 26
COUNTERS, CARDS = ("counters.csv", "counters.json"), "cards.jsonl"
"""Where the home keeps what is known of the counters' last syncs, and the newest export of the issuance records."""

_SAY = {
    "unknown": (
        "{key}：{counters}/{all} 个柜台不知道该密钥（{silent} 个已失联）。",
        "{key}: {counters} of {all} counters do not know it ({silent} silent).",
    ),
    "cards": (
        "  {cards} 张有效卡由其他密钥签发，不受影响。",
        "  {cards} cards in force are signed by other keys, and go on counting on those.",
    ),
    "no_counters": (
        "{key}：没有柜台同步记录（{path}），只按提前发布的天数判断。",
        "{key}: nothing is known of the counters' last syncs ({path}); only the days since its release are judged.",
    ),
    "which_counters": (
        "请用 --counters 指定柜台清单，或将其存为 {path}。",
        "Name the list of counters with --counters, or keep it as {path}.",
    ),
    "unpublished": (
        "{key} 从未发布：以下按现在发布推算。",
        "{key} was never published: what follows is as if that happened now.",
    ),
    "safe": ("  可以启用：覆盖率 {coverage}，门槛 {threshold}。", "  Safe now: {coverage} know it, {threshold} must."),
    "wait": (
        "  尚不可启用：覆盖率 {coverage}，门槛 {threshold}。安全日期：{moment}。",
        "  Not yet: {coverage} know it, {threshold} must. Safe date: {moment}.",
    ),
    "never": (
        "  按现有同步节奏达不到门槛（{coverage} < {threshold}）。请先派人同步失联的柜台：{names}",
        "  It will not be safe by itself ({coverage} < {threshold}). Have somebody sync the silent counters: {names}",
    ),
    "needed": ("  此前密钥的证书须继续发布至 {day}。", "  Earlier keys' certificates must stay published until {day}."),
    "picture": ("  覆盖率曲线：{path}", "  Coverage curve: {path}"),
    "counters": ("柜台清单 {path} 无法使用：{detail}", "{path} is no list of counters: {detail}"),
    "journal": ("日志导出 {path} 不完整或已损坏：{detail}", "{path} is no whole export of the journal: {detail}"),
    "threshold": ("门槛应为 0 至 1 之间的数。", "The threshold is a share from 0 to 1."),
    "no_cards": (
        "{key} 不签发卡片：请使用 permit-keys compromise。",
        "{key} signs no cards: use permit-keys compromise.",
    ),
    "window": ("时间段无效：--from 应早于 --to。", "No such window: --from comes before --to."),
    "listed": (
        "{key}：{since} 至 {until} 之间签发 {count} 张卡（其中 {uncertain} 张日志未记录密钥）。",
        "{key} signed {count} cards from {since} to {until} ({uncertain} of them where the journal names no key).",
    ),
    "besides": (
        "  另有 {count} 张有效卡由该密钥在此时间段之外签发：吊销后柜台同样拒绝。",
        "  {count} more in force were signed by it outside of that: once it is revoked, counters refuse them too.",
    ),
    "plan": (
        "  处理计划：{path}（{sign} 张在下次签注时重签，{new} 张换卡）。",
        "  Plan: {path} ({sign} to re-sign at the next endorsement, {new} to replace).",
    ),
    "rehearsed": (
        "  以上为演练，未作任何更改。加 --carry-out 执行。",
        "  This was a rehearsal: nothing was changed. With --carry-out it is done.",
    ),
    "done": (
        "  {key} 已标记为泄露并吊销。请运行 permit-keys rotate --replace {key} --override 原因，换用新密钥。",
        "  {key} is compromised and revoked. For a new key run permit-keys rotate --replace {key} --override REASON.",
    ),
    "removed": (
        "  {key} 已标记为泄露，其根证书不再发布；由它签发的证书全部失效。",
        "  {key} is compromised: its root is published no more, and nothing that it certified is believed.",
    ),
    "role": (
        "{key} 是发布用的密钥，不签发卡片。请依次运行：permit-keys compromise {key}、"
        "permit-keys renew-root --replace {key}、permit-keys publish。",
        "{key} is a key of the publication and signs no cards. Run permit-keys compromise {key}, permit-keys "
        "renew-root --replace {key}, permit-keys publish.",
    ),
    "publish": (
        "  尚未发布：请运行 permit-keys publish，使柜台获知。",
        "  Not published yet: run permit-keys publish, so that counters learn of it.",
    ),
}


def add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
) -> tuple[list[argparse.ArgumentParser], list[argparse.ArgumentParser]]:
    """Add the commands: those that need keys, and those that need none."""
    simulate = commands.add_parser("simulate", help="what activating a staged key would mean: who does not know it")
    simulate.add_argument("key", metavar="KEY", help="such as ES-2, or its kid in hex")
    add_counters(simulate)
    simulate.add_argument("--published", metavar="DATE", help="when it was published; else when its release came out")
    simulate.add_argument("--picture", metavar="F", help="write the coverage curve there, as SVG")
    simulate.set_defaults(command=_simulate)
    drill = commands.add_parser("drill", help="a key is lost: the cards it signed, and what becomes of them")
    drill.add_argument("--key", required=True, metavar="KEY", help="such as ES-2, or its kid in hex")
    drill.add_argument("--from", dest="since", required=True, metavar="DATE", help="since when it may be in use")
    drill.add_argument("--to", dest="until", metavar="DATE", help="until when; else now")
    drill.add_argument("--journal", required=True, metavar="FILE", help="from permit-issuer journal --export")
    drill.add_argument("--plan", required=True, metavar="FILE", help="write the cards and their remedies there, as CSV")
    drill.add_argument("--carry-out", action="store_true", help="do it: revoke, and with --publish release")
    drill.add_argument("--publish", metavar="DIR", help="with --carry-out, release there what counters need")
    add_people(drill)
    drill.set_defaults(command=_drill)
    return [drill], [simulate]


def add_counters(parser: argparse.ArgumentParser) -> None:
    """Options that say what the counters know, and which cards there are."""
    text = (
        f"CSV or JSON: counter, last_sync, channel (web, stick), every_days; else {' or '.join(COUNTERS)} in the home"
    )
    parser.add_argument("--counters", metavar="FILE", help=text)
    parser.add_argument(
        "--cards", metavar="FILE", help=f"from permit-issuer journal --export; else {CARDS} in the home"
    )
    parser.add_argument(
        "--threshold", type=float, default=simulator.DEFAULT_THRESHOLD, metavar="SHARE", help="that must know it"
    )


def coverage(terminal: Terminal) -> Coverage:
    """What `Rotation` asks before it activates a key that counters look for; the person is told what it finds."""

    def known(key: KeyRecord, published: datetime | None) -> Known | None:
        counters = _counters(terminal)
        if counters is None:
            _tell(terminal, "no_counters", key=key.name, path=os.path.join(terminal.home, COUNTERS[0]))
            return None
        forecast, cards_known = _forecast(terminal, key, counters, published)
        _tell_forecast(terminal, key, forecast, cards_known=cards_known)
        return Known(
            share=forecast.coverage if published is not None else 0.0,
            safe_date=forecast.safe_date if published is not None else None,
            counters=forecast.counters,
            unaware=len(forecast.unaware),
            cards=forecast.cards_unaware if cards_known else None,
        )

    return known


def _simulate(terminal: Terminal) -> int:
    """Needs no passphrase: everything shown is public."""
    options = terminal.options
    counters = _counters(terminal)
    if counters is None:
        raise Refused(_text(terminal, "which_counters", path=os.path.join(terminal.home, COUNTERS[0])))
    key, _ = _key(terminal, options.key)
    published = moment(options.published, terminal.language) if options.published else _published(terminal, key)
    if published is None:
        _tell(terminal, "unpublished", key=key.name)
    forecast, cards_known = _forecast(terminal, key, counters, published)
    _tell_forecast(terminal, key, forecast, cards_known=cards_known)
    if options.picture:
        drawn = simulator_picture.draw(forecast, key=key.name, language=terminal.language)
        replace(os.path.abspath(options.picture), drawn.encode(), mode=PUBLIC)
        _tell(terminal, "picture", path=options.picture)
    return 0 if forecast.is_safe and published is not None else NOT_SAFE


def _published(terminal: Terminal, key: KeyRecord) -> datetime | None:
    """Since when counters can learn of a key; where nothing is published by TUF, since it lies there."""
    return key.published_at if root_renewal.is_set_up(terminal.home) else key.staged_at


def _forecast(
    terminal: Terminal, key: KeyRecord, counters: tuple[simulator.CounterSync, ...], published: datetime | None
) -> tuple[simulator.Forecast, bool]:
    """What activating the key now would mean, and whether the issuance records were at hand."""
    registry = load(terminal.home)
    try:
        kids = [one.kid for one in registry.keys if one.purpose is key.purpose]
    finally:
        registry.close()
    path = terminal.options.cards or _first(terminal.home, CARDS)
    cards = simulator.population(_cards(terminal, path), kids) if path else ()
    forecast = simulator.simulate(
        kid=key.kid,
        published=published or terminal.clock(),
        now=terminal.clock(),
        counters=counters,
        cards=cards,
        threshold=terminal.options.threshold,
    )
    return forecast, path is not None


def _tell_forecast(terminal: Terminal, key: KeyRecord, forecast: simulator.Forecast, *, cards_known: bool) -> None:
    counts = {"counters": len(forecast.unaware), "all": forecast.counters, "silent": len(forecast.silent)}
    _tell(terminal, "unknown", key=key.name, **counts)
    if cards_known:
        _tell(terminal, "cards", cards=forecast.cards_unaware)
    shares = {"coverage": f"{forecast.coverage:.1%}", "threshold": f"{forecast.threshold:.1%}"}
    if forecast.is_safe:
        _tell(terminal, "safe", **shares)
    elif forecast.safe_date is not None:
        _tell(terminal, "wait", **shares, moment=forecast.safe_date.strftime(MINUTE))
    else:
        names = " ".join(one.counter for one in forecast.silent[:20])
        _tell(terminal, "never", **shares, names=names)
    if forecast.needed_until is not None:
        _tell(terminal, "needed", day=forecast.needed_until)


def _drill(terminal: Terminal) -> int:
    options = terminal.options
    since = moment(options.since, terminal.language)
    until = moment(options.until, terminal.language) if options.until else terminal.clock()
    key, _ = _key(terminal, options.key)
    if key.purpose in ROLE_RULES:
        raise Refused(_text(terminal, "role", key=key.name))
    if key.purpose not in drills.REMEDIES:
        raise Refused(_text(terminal, "no_cards", key=key.name))
    if since > until:
        raise Refused(_text(terminal, "window"))
    cards = _cards(terminal, options.journal)
    certified = _certified(terminal, key) if key.purpose is Purpose.CSCA else ()
    found = drills.drill(cards, purpose=key.purpose, kid=key.kid, since=since, until=until, certified=certified)
    plan = drills.plan_table(found).encode()
    replace(os.path.abspath(options.plan), plan, mode=PRIVATE)
    _tell_drill(terminal, key, found)
    if not options.carry_out:
        _tell(terminal, "rehearsed")
        return 0
    authority = terminal.open()
    rotation = Rotation(authority, terminal.actor)
    rotation.compromise(key.name, since=since)
    authority.registry.note(
        "drill",
        at=terminal.clock(),
        actor=terminal.actor,
        key=key.name,
        since=since.isoformat(),
        until=until.isoformat(),
        cards=len(found.affected),
        besides=len(found.refused_besides),
        plan=sha256(plan).hexdigest(),
    )
    if key.purpose is Purpose.CSCA:
        _tell(terminal, "removed", key=key.name)
        # Without a root there is nothing to publish; and new signers take a new root.
        done = rotation.replace(key.name, override=options.override or f"{key.name} is compromised")
        for one in done:
            print(f"  {one.key.name}: {event_name(one.event, terminal.language)}")
    else:
        _tell(terminal, "done", key=key.name)
    if not options.publish:
        _tell(terminal, "publish")
        return 0
    try:
        release = argparse.Namespace(directory=options.publish, stick=None, dry_run=False)
        publication.publish(release, terminal.language, authority, now=terminal.clock(), actor=terminal.actor)
    except PublicationError as error:
        raise Refused(publication.explain(error, terminal.language)) from error
    return 0


def _tell_drill(terminal: Terminal, key: KeyRecord, found: drills.Drill) -> None:
    uncertain = sum(not one.certain for one in found.affected)
    window = {"since": found.since.strftime(MINUTE), "until": found.until.strftime(MINUTE)}
    _tell(terminal, "listed", key=key.name, count=len(found.affected), uncertain=uncertain, **window)
    for one in found.affected:
        print(f"    {one.card.serial.hex()}  {one.card.permit}  {one.signed[0].strftime(MINUTE)}  {one.remedy}")
    if found.refused_besides:
        _tell(terminal, "besides", count=len(found.refused_besides))
    count = len(found.planned) + len(found.refused_besides)
    new = key.purpose is not Purpose.ENTITLEMENT_SIGNER
    _tell(terminal, "plan", path=terminal.options.plan, sign=0 if new else count, new=count if new else 0)


def _certified(terminal: Terminal, csca: KeyRecord) -> frozenset[bytes]:
    """The kids of all that this CSCA certified."""
    authority = Authority.look(terminal.home, clock=terminal.clock)
    root = authority.certificate(csca)
    return frozenset(
        key.kid
        for key in authority.registry.keys
        if key.certificate and key.purpose is not Purpose.CSCA and is_signed_by(authority.certificate(key), root)
    )


def _key(terminal: Terminal, name: str) -> tuple[KeyRecord, tuple[KeyRecord, ...]]:
    """The key of this name, or the staged key of this purpose, or else its active one; and all keys of its purpose."""
    registry = load(terminal.home)
    try:
        purpose = next((row for row, rules in RULES.items() if name.lower() in {row.value, rules.label.lower()}), None)
        if purpose is None:
            key = registry.by_name(name)
        else:
            staged = registry.in_state(purpose, KeyState.STAGED)
            key = staged[0] if staged else registry.active(purpose)
        return key, tuple(one for one in registry.keys if one.purpose is key.purpose)
    finally:
        registry.close()


def _counters(terminal: Terminal) -> tuple[simulator.CounterSync, ...] | None:
    """The counters of `--counters`, or of the list that lies in the home; None when there is none."""
    options = terminal.options
    if not 0 <= options.threshold <= 1:
        raise Refused(_text(terminal, "threshold"))
    path = options.counters or _first(terminal.home, *COUNTERS)
    if path is None:
        return None
    try:
        return simulator.read_counters(read_file(path, _MAX_COUNTERS).decode("utf-8"))
    except (DecodeError, UnicodeDecodeError) as error:
        raise Refused(_text(terminal, "counters", path=path, detail=error)) from error


def _first(home: str, *names: str) -> str | None:
    """The first of these files that lies in the home."""
    paths = (os.path.join(home, name) for name in names)
    return next((path for path in paths if os.path.lexists(path)), None)


def _cards(terminal: Terminal, path: str) -> tuple[IssuedCard, ...]:
    try:
        with open(path, encoding="utf-8") as lines:
            return tuple(issued_cards.decode(lines))
    except (DecodeError, UnicodeDecodeError) as error:
        raise Refused(_text(terminal, "journal", path=path, detail=error)) from error


def _tell(terminal: Terminal, what: str, **values: object) -> None:
    print(_text(terminal, what, **values))


def _text(terminal: Terminal, what: str, **values: object) -> str:
    return _SAY[what][LANGUAGES.index(terminal.language)].format(**values)
