"""`permit-issuer serve | init | db | audit | records`: what an administrator does beside the API.

Exit codes: 0 done; 1 refused, or the audit chain does not hold; 2 the database or a file cannot be used; 64 usage.
"""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import NoReturn

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session as Transaction

from keys import files
from keys.rotation import issued_cards

from ..acts import issuance_records, staff
from ..agent.messages import MAX_MESSAGE
from ..audit import export, log
from ..audit.chain import ChainBroken, ChainFault
from ..domain.places import Place
from ..domain.reasons import ActRefused
from ..domain.roles import Act, Actor, Role
from ..errors import ExitCode
from ..rules import rule_set as rule_sets
from ..store import migrate
from ..store.engine import open_engine
from ..store.models.people import District, Operator
from ..store.models.permits import RuleSet
from ..store.unit import Receipt, Store, Unit
from . import authority_keys, backup, logs, state
from .passwords import Passwords
from .problems import Problem
from .settings import LOOPBACK, Settings, SettingWrong, from_environment

PROGRAM = "permit-issuer"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(ExitCode.USAGE, f"{self.prog}: {message}\n")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = _Parser(
        prog=PROGRAM,
        description="The issuing service. 签发服务。",
        epilog="Settings come from the environment: docs/ADMINISTRATION.md. " + (__doc__ or "").partition("\n\n")[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    known = top.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)
    serve_ = known.add_parser("serve", help="answer over HTTP 启动服务")
    serve_.add_argument(
        "--days-ahead", type=int, default=0, metavar="N", help="only with a demonstration's keys: so many days later"
    )
    serve_.set_defaults(command=serve)
    init_ = known.add_parser("init", help="database, city, first administrator, rules 初始化")
    init_.add_argument(
        "--city-code", default="990100", metavar="CODE", help="GB/T 2260 where there is one 行政区划代码"
    )
    init_.add_argument("--city-name", required=True, metavar="NAME", help="城市名称")
    init_.add_argument("--administrator", required=True, metavar="NAME", help="the first key administrator 首位管理员")
    init_.add_argument("--password-file", type=Path, metavar="F", help="else it is asked for 密码文件")
    init_.set_defaults(command=init)
    database = known.add_parser("db", help="the schema 数据库").add_subparsers(required=True, parser_class=_Parser)
    upgrade_ = database.add_parser("upgrade", help="bring the schema up to date 升级")
    upgrade_.set_defaults(command=upgrade)
    backup_ = database.add_parser("backup", help="copy an SQLite database that is in use 备份")
    backup_.add_argument("file", type=Path, metavar="FILE", help="a new file 新文件")
    backup_.set_defaults(command=copy)
    audit = known.add_parser("audit", help="the chain of acts 审计").add_subparsers(required=True, parser_class=_Parser)
    verify_ = audit.add_parser("verify", help="every record and every signature 校验")
    verify_.add_argument("--file", type=Path, metavar="F", help="an export; else the database 导出文件")
    verify_.add_argument(
        "--checkpoints", type=Path, metavar="F", help="kept elsewhere: nothing may be lost since 另存的检查点"
    )
    verify_.set_defaults(command=verify)
    records = known.add_parser("records", help="who signed which card 签发记录")
    records_ = records.add_subparsers(required=True, parser_class=_Parser).add_parser(
        "export", help="for permit-keys drill and simulate; - for standard output 导出"
    )
    records_.add_argument("file", type=Path, metavar="FILE")
    records_.set_defaults(command=export_records)
    for command in (serve_, init_, upgrade_, backup_, verify_, records_):
        command.add_argument("--home", type=Path, metavar="DIR", help="else $PERMIT_HOME 发证机关目录")
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    options = parser().parse_args(arguments)
    environment = dict(os.environ) | ({"PERMIT_HOME": str(options.home)} if options.home else {})
    command: Callable[[Settings, argparse.Namespace], int] = options.command
    try:
        return command(from_environment(environment), options)
    except SettingWrong as wrong:
        return _fail(str(wrong), ExitCode.USAGE)
    except FileNotFoundError as missing:
        hint = f"a service that is not set up begins with `{PROGRAM} init`"
        return _fail(f"{missing.filename} is not there; {hint}", ExitCode.CARD_FAILED)
    except migrate.SchemaOutdated as outdated:
        return _fail(f"{outdated}: run `{PROGRAM} db upgrade`, or `{PROGRAM} init`", ExitCode.CARD_FAILED)
    except (ActRefused, Problem) as refused:
        code = refused.reason if isinstance(refused, ActRefused) else refused.code
        return _fail(f"refused: {code}", ExitCode.REFUSED)
    except (SQLAlchemyError, OSError, ValueError) as error:
        return _fail(f"{type(error).__name__}: {str(error).splitlines()[0][:200]}", ExitCode.CARD_FAILED)


def serve(settings: Settings, options: argparse.Namespace) -> int:
    """Answer until told to stop."""
    import uvicorn

    from .app import create_app
    from .serving import Server

    logs.configure(settings.log_level)
    ahead = timedelta(days=options.days_ahead)

    def clock() -> datetime:
        return state.system_clock() + ahead

    with state.opened(settings, clock=clock) as service:
        if ahead:
            keys = service.keys
            if keys is None or not keys.authority.uses_test_transport_keys or settings.host not in LOOPBACK:
                return _fail("--days-ahead is for demonstrations on loopback, with test keys", ExitCode.USAGE)
            keys.authority.refresh()
        logs.log("serving", what=f"{settings.host}:{settings.port}", problem=service.keyless)
        config = uvicorn.Config(
            create_app(service),
            host=settings.host,
            port=settings.port,
            ssl_certfile=settings.tls_certificate,
            ssl_keyfile=settings.tls_key,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=20,
            timeout_graceful_shutdown=130,
            h11_max_incomplete_event_size=32 * 1024,
            ws_max_size=MAX_MESSAGE,  # desk agents; nobody else opens a WebSocket
            ws_ping_interval=10,
            ws_ping_timeout=10,
            ws_per_message_deflate=False,
        )
        server = Server(config, service.runs)
        with suppress(KeyboardInterrupt):  # it has ended by then
            server.run()
        if not server.started:
            return _fail(f"cannot listen on {settings.host}:{settings.port}", ExitCode.CARD_FAILED)
    return ExitCode.DONE


def init(settings: Settings, options: argparse.Namespace) -> int:
    """Everything that must be there before the first request. What is there already stays as it is."""
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    password = _password(options.password_file)
    Passwords().check(password, name=options.administrator)
    state.make_secret(settings.secret_file)
    engine = open_engine(settings.database)
    try:
        migrate.upgrade(engine)
        store = Store(engine, clock=state.system_clock, number_secret=state.read_secret(settings.secret_file))
        with store.read() as transaction:
            city = transaction.scalars(select(District).order_by(District.id)).first()
            somebody = transaction.scalars(select(Operator.id).limit(1)).first()
        if city is None:
            made = staff.create_district(
                store, None, code=options.city_code, name=options.city_name, parent_id=None
            ).data
            place = Place(ids=(int(made["district"]),))
        else:
            place = city.place
        if somebody is None:
            staff.create_operator(
                store,
                None,
                name=options.administrator,
                display_name=options.administrator,
                role=Role.KEY_ADMINISTRATOR,
                district_id=place.id,
                password=password,
            )
        first_rules(store, place)
    finally:
        engine.dispose()
    print(f"ready: {settings.home} ({migrate.head()}); now `{PROGRAM} serve`")
    return ExitCode.DONE


def first_rules(store: Store, city: Place) -> None:
    """The newest rule set of this release comes into force where there is none."""
    version = rule_sets.versions()[-1]
    text = resources.files("issuer.rules.sets").joinpath(f"{version}.json").read_text("utf-8")
    founder = Actor(operator=0, name="founding", role=Role.KEY_ADMINISTRATOR, place=city)

    def work(unit: Unit) -> Receipt:
        subject = f"rule-set:{version}"
        if unit.transaction.scalars(select(RuleSet.version).where(RuleSet.state == "active")).first() is None:
            unit.transaction.add(
                RuleSet(
                    version=version,
                    state="active",
                    document=text,
                    digest=rule_sets.load(version).digest,
                    created_at=unit.now,
                    created_by=0,
                    activated_at=unit.now,
                )
            )
            unit.record(Act.ACTIVATE_RULES, subject, digest=rule_sets.load(version).digest)
        return Receipt(act=Act.ACTIVATE_RULES, subject=subject)

    store.perform(founder, Act.ACTIVATE_RULES, work)


def upgrade(settings: Settings, _options: argparse.Namespace) -> int:
    """The schema of this program; what is there is kept."""
    engine = open_engine(settings.database)
    try:
        before = migrate.current(engine)
        migrate.upgrade(engine)
    finally:
        engine.dispose()
    print(f"{before or 'empty'} → {migrate.head()}")
    return ExitCode.DONE


def copy(settings: Settings, options: argparse.Namespace) -> int:
    """A back-up of an SQLite database."""
    backup.copy(settings, options.file)
    print(f"{options.file}: {options.file.stat().st_size} bytes")
    return ExitCode.DONE


def verify(settings: Settings, options: argparse.Namespace) -> int:
    """The chain in the database, or in an export."""
    keys = authority_keys.audit_keys(settings.home)
    witness = None if options.checkpoints is None else backup.newest_witness(options.checkpoints)
    try:
        if options.file is not None:
            with options.file.open("rb") as stream:
                found = export.verify(stream, keys)
        else:
            engine = open_engine(settings.database)
            try:
                migrate.require_current(engine)
                with Transaction(engine) as transaction:
                    found = log.verify(transaction, keys, witness=witness)
            finally:
                engine.dispose()
    except ChainBroken as broken:
        lost = witness is not None and broken.fault is ChainFault.TRUNCATED
        what = "acts are lost: docs/ADMINISTRATION.md, After a restore" if lost else broken.fault
        return _fail(f"the chain does not hold at record {broken.seq}: {what}", ExitCode.REFUSED)
    print(f"{found.records} records hold; {found.checkpoints} checkpoints vouch up to record {found.signed_seq}")
    return ExitCode.DONE


def export_records(settings: Settings, options: argparse.Namespace) -> int:
    """Every card with the keys that signed it, whole or not at all."""
    engine = open_engine(settings.database)
    try:
        migrate.require_current(engine)
        store = Store(engine, clock=state.system_clock, number_secret=state.read_secret(settings.secret_file))
        lines = issued_cards.encode(issuance_records.cards(store), exported=store.now())
        if str(options.file) == "-":
            sys.stdout.writelines(lines)
        else:
            _write(options.file, lines)
    finally:
        engine.dispose()
    return ExitCode.DONE


def _write(path: Path, lines: Iterable[str]) -> None:
    """A file of any length, in its place when it is whole."""
    partial = path.with_name(f"{path.name}.partial")
    with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, files.PRIVATE), "w", encoding="utf-8") as stream:
        stream.writelines(lines)
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(path)
    files.sync_directory(str(path.parent))


def _password(path: Path | None) -> str:
    if path is not None:
        return path.read_text("utf-8").split("\n", 1)[0].rstrip("\r")
    return getpass.getpass("Password 密码: ")


def _fail(text: str, code: ExitCode) -> int:
    print(f"{PROGRAM}: {text}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
