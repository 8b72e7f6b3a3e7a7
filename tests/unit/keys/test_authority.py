"""A small authority: made whole or not at all, opened, publishing, and told of in two languages."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from keys import cli, files, status_list
from keys.algorithms import Purpose
from keys.authority import file as authority_file
from keys.authority.authority import TEST_TRANSPORT_KEYS, Authority
from keys.authority.file import AuthoritySettings, parse
from keys.chain import ChainError, ChainReason
from keys.commands import common
from keys.commands.messages import LANGUAGES, Text, language_of, message, purpose_name
from keys.custody import CardKeys, CustodyError, CustodyReason, CustodyWarning
from keys.custody.software import ScryptCost
from keys.envelopes import cose
from keys.errors import DecodeError
from keys.registry.registry import AuthorityError, AuthorityReason
from keys.status_list import Status
from keys.trust import TrustStore

CHEAP = ScryptCost(log2_n=4, r=1, p=1)
PASSPHRASE = b"correct horse"
NOW = datetime(2026, 6, 1, 2, 0, tzinfo=UTC)
DAY = timedelta(days=1)
MEMBERS: dict[str, Any] = {
    "country": "UT",
    "mrz_country": "UTO",
    "name_zh": "乌托邦示例市居住证办理中心",
    "name_en": "Residence Permit Office",
    "status_uri": "https://permits.utopia.example/status/1",
}


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def settings(**changes: Any) -> AuthoritySettings:
    return authority_file.from_members({**MEMBERS, **changes})


def found(home: Path, clock: Callable[[], datetime] = lambda: NOW, **changes: Any) -> Authority:
    return Authority.create(home, settings(**changes), PASSPHRASE, clock=clock, cost=CHEAP)


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("authority") / "home"
    found(home)
    return home


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def authority(master: Path, tmp_path: Path, clock: Clock) -> Authority:
    """A fresh copy of one authority."""
    shutil.copytree(master, tmp_path / "home")
    return Authority.open(tmp_path / "home", PASSPHRASE, clock=clock)


def store(authority: Authority) -> TrustStore:
    return TrustStore.load(authority.trust_dir)


def reason_of(call: Callable[[], object]) -> object:
    try:
        call()
    except (AuthorityError, CustodyError, ChainError) as error:
        return error.reason
    return None


def test_each_signer_is_believed_for_its_purpose_alone(authority: Authority) -> None:
    signers = [authority.document_signer, authority.entitlement_signer, authority.status_signer]
    assert [signer.purpose for signer in signers] == [
        Purpose.DOCUMENT_SIGNER,
        Purpose.ENTITLEMENT_SIGNER,
        Purpose.STATUS_SIGNER,
    ]
    for signer in signers:
        assert len(signer.kid) == 8
        for purpose in (signer.purpose for signer in signers):
            reason = reason_of(
                lambda kid=signer.kid, purpose=purpose: store(authority).signer(kid, purpose=purpose, at=NOW, now=NOW)
            )
            assert (reason is None) == (purpose is signer.purpose)
    assert "private" not in repr(signers[0])


def test_what_it_signs_a_counter_verifies(authority: Authority) -> None:
    signer = authority.entitlement_signer
    envelope = cose.parse(cose.sign1(b"MSO", sign=signer.raw_signer(), kid=signer.kid))
    trusted = store(authority).signer(signer.kid, purpose=Purpose.ENTITLEMENT_SIGNER, at=NOW, now=NOW)
    envelope.verify(trusted.public_key)


def test_files_and_permissions(authority: Authority) -> None:
    home = Path(authority.home)
    names = {entry.name for entry in home.iterdir()}
    assert (
        {"registry.db", "status.db", "keys", "trust"}
        <= names
        <= {"registry.db", "registry.db-wal", "registry.db-shm", "status.db", "keys", "trust"}
    )
    assert home.stat().st_mode & 0o777 == 0o700
    for key in (home / "keys").iterdir():
        assert key.stat().st_mode & 0o777 == 0o600
    assert {entry.name for entry in (home / "trust").iterdir()} == {"csca", "link", "signers", "crl", "status"}
    assert not list(home.rglob("*.tmp"))


def test_card_keys(authority: Authority) -> None:
    serial = bytes(10)
    assert authority.card_master_key.diversify(serial) == authority.card_master_key.diversify(serial)
    assert authority.transport_keys == TEST_TRANSPORT_KEYS
    assert authority.transport_keys.enc.hex() == "404142434445464748494a4b4c4d4e4f"
    assert authority.uses_test_transport_keys


def test_own_transport_keys_are_kept_in_custody(tmp_path: Path) -> None:
    keys = {"enc": "11" * 16, "mac": "22" * 16, "dek": "33" * 16}
    authority = found(tmp_path / "home", transport_keys=keys)
    assert authority.transport_keys == CardKeys(enc=b"\x11" * 16, mac=b"\x22" * 16, dek=b"\x33" * 16)
    assert not authority.uses_test_transport_keys
    for file in (tmp_path / "home").rglob("*"):
        if file.is_file():
            assert b"\x11" * 16 not in file.read_bytes()
            assert b"11" * 16 not in file.read_bytes()


def test_periods_cover_the_last_card(authority: Authority) -> None:
    validity = authority.settings.validity
    by_purpose = {key.purpose: authority.certificate(key) for key in authority.registry.keys if key.certificate}
    csca, signer = by_purpose[Purpose.CSCA], by_purpose[Purpose.ENTITLEMENT_SIGNER]
    for certificate in (csca, signer):
        assert certificate.key_use is not None
        assert certificate.key_use[0] == certificate.not_before == NOW
    assert csca.key_use is not None
    assert csca.key_use[1] is not None
    # A signer made on the CSCA key's last day, a card signed on the signer's last day.
    last = csca.key_use[1] + timedelta(days=validity.signer_key_days + validity.longest_card_days)
    assert csca.not_after >= last
    assert signer.not_after == NOW + timedelta(days=validity.signer_key_days + validity.longest_card_days)


def test_a_signer_stops_with_its_period(authority: Authority, clock: Clock) -> None:
    until = authority.entitlement_signer.key_use_until
    clock.now = until
    assert authority.entitlement_signer
    clock.now = until + timedelta(seconds=1)
    assert reason_of(lambda: authority.entitlement_signer) is AuthorityReason.KEY_PERIOD_ENDED


def test_it_is_never_made_twice(tmp_path: Path) -> None:
    found(tmp_path / "home")
    before = {file: file.read_bytes() for file in (tmp_path / "home").rglob("*") if file.is_file()}
    assert reason_of(lambda: found(tmp_path / "home")) is AuthorityReason.EXISTS
    assert before == {file: file.read_bytes() for file in (tmp_path / "home").rglob("*") if file.is_file()}


@pytest.mark.parametrize("kind", ["file", "link", "folder with a file"])
def test_nothing_is_overwritten(tmp_path: Path, kind: str) -> None:
    home = tmp_path / "home"
    if kind == "file":
        home.write_text("x")
    elif kind == "link":
        (tmp_path / "empty").mkdir()
        home.symlink_to(tmp_path / "empty")
    else:
        home.mkdir()
        (home / "x").write_text("x")
    assert reason_of(lambda: found(home)) is AuthorityReason.EXISTS


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    assert found(tmp_path / "home").entitlement_signer


class _Killed(BaseException):
    pass


def test_a_run_killed_at_any_file_leaves_nothing_and_the_next_succeeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    link, fatal, calls = os.link, 0, 0

    def dying(source: str, target: str) -> None:
        nonlocal calls
        calls += 1
        if calls == fatal:
            raise _Killed
        link(source, target)

    monkeypatch.setattr(files.os, "link", dying)
    while True:
        fatal, calls = fatal + 1, 0
        try:
            authority = found(home)
        except _Killed:
            assert not home.exists()
            assert reason_of(lambda: Authority.open(home, PASSPHRASE)) is AuthorityReason.NOT_FOUND
        else:
            break
    assert fatal > 10
    assert authority.entitlement_signer
    assert [entry.name for entry in tmp_path.iterdir()] == ["home"]


def test_two_runs_at_once(tmp_path: Path) -> None:
    partial = tmp_path / "home.partial"
    partial.mkdir()
    descriptor = os.open(partial, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        assert reason_of(lambda: found(tmp_path / "home")) is AuthorityReason.BUSY
    finally:
        os.close(descriptor)
    assert found(tmp_path / "home")


def test_wrong_passphrase_shows_at_once(authority: Authority) -> None:
    assert reason_of(lambda: Authority.open(authority.home, b"wrong")) is CustodyReason.WRONG_PASSPHRASE


def test_statuses_are_published(authority: Authority, clock: Clock) -> None:
    clock.now += timedelta(hours=1)
    authority.publish_status(7, Status.SUSPENDED)
    authority.publish_statuses({8: Status.INVALID, 262143: Status.INVALID})
    authority.publish_status(7, Status.VALID)
    published = store(authority).status_list(authority.status_uri, now=clock.now)
    expected = {7: Status.VALID, 8: Status.INVALID, 9: Status.VALID, 262143: Status.INVALID}
    assert {index: published.lookup(index) for index in expected} == expected
    assert published.iat == clock.now
    assert len(published) == status_list.SHARD_ENTRIES


@pytest.mark.parametrize("status", [Status.VALID, Status.SUSPENDED])
def test_invalid_is_for_good(authority: Authority, status: Status) -> None:
    authority.publish_status(8, Status.INVALID)
    before = authority.published_statuses()
    change = {7: Status.SUSPENDED, 8: status}
    assert reason_of(lambda: authority.publish_statuses(change)) is AuthorityReason.STATUS_FINAL
    assert authority.published_statuses() == before
    authority.publish_status(8, Status.INVALID)


@pytest.mark.parametrize("index", [-1, 262144])
def test_no_such_index(authority: Authority, index: int) -> None:
    assert reason_of(lambda: authority.publish_status(index, Status.VALID)) is AuthorityReason.STATUS_INDEX


def test_a_clock_set_back_publishes_nothing(authority: Authority, clock: Clock) -> None:
    clock.now -= DAY
    assert reason_of(lambda: authority.publish_status(7, Status.INVALID)) is AuthorityReason.CLOCK
    assert reason_of(authority.refresh) is AuthorityReason.CLOCK
    assert authority.published_statuses().iat == NOW
    assert authority.published_crl().number == 1


def test_a_torn_publication_leaves_the_old_list(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    def dying(source: str, target: str) -> None:
        raise _Killed

    before = authority.published_statuses()
    with monkeypatch.context() as patch:
        patch.setattr(files.os, "replace", dying)
        with pytest.raises(_Killed):
            authority.publish_status(7, Status.INVALID)
    assert authority.published_statuses() == before
    authority.publish_status(7, Status.INVALID)


def test_publications_at_once_lose_nothing(authority: Authority) -> None:
    def publish(index: int) -> None:
        Authority.open(authority.home, PASSPHRASE, clock=lambda: NOW).publish_status(index, Status.INVALID)

    threads = [threading.Thread(target=publish, args=(index,)) for index in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    published = authority.published_statuses()
    assert [published.lookup(index) for index in range(7)] == [Status.INVALID] * 6 + [Status.VALID]


def test_a_foreign_status_list_is_not_built_upon(authority: Authority, tmp_path: Path) -> None:
    other = found(tmp_path / "other")
    (name,) = os.listdir(os.path.join(other.trust_dir, "status"))
    shutil.copy(os.path.join(other.trust_dir, "status", name), os.path.join(authority.trust_dir, "status", name))
    assert reason_of(lambda: authority.publish_status(7, Status.INVALID)) is AuthorityReason.DAMAGED


def test_refresh(authority: Authority, clock: Clock) -> None:
    authority.publish_status(8, Status.INVALID)
    clock.now += 80 * DAY
    signer = authority.entitlement_signer
    now = clock.now + 20 * DAY
    arguments: dict[str, Any] = {"purpose": Purpose.ENTITLEMENT_SIGNER, "at": NOW, "now": now}
    assert reason_of(lambda: store(authority).signer(signer.kid, **arguments)) is ChainReason.CRL_STALE
    crl, statuses = authority.refresh()
    assert (crl.number, crl.this_update, crl.next_update) == (2, clock.now, clock.now + 90 * DAY)
    assert (statuses.iat, statuses.lookup(8), statuses.lookup(7)) == (clock.now, Status.INVALID, Status.VALID)
    store(authority).signer(signer.kid, **arguments)
    assert store(authority).crl_time() == clock.now


# The authority file.


WRONG: dict[str, tuple[bytes, str]] = {
    "not JSON": (b"{", ""),
    "not UTF-8": (b"\xff", ""),
    "nested": (b"[" * 60000, ""),
    "too long": (b" " * 70000, ""),
    "a list": (b"[]", ""),
    **{
        f"without {name}": (json.dumps({key: MEMBERS[key] for key in MEMBERS if key != name}).encode(), name)
        for name in MEMBERS
    },
    **{
        f"{name} = {value!r:.20}": (json.dumps({**MEMBERS, name: value}).encode(), path)
        for name, value, path in (
            ("country", "ut", "country"),
            ("country", "UTO", "country"),
            ("mrz_country", "UTOP", "mrz_country"),
            ("name_zh", "", "name_zh"),
            ("name_en", 5, "name_en"),
            ("name_en", "a\nb", "name_en"),
            ("status_uri", "http://permits.example/1", "status_uri"),
            ("status_uri", "https://permits.example", "status_uri"),
            ("status_uri", "https:///1", "status_uri"),
            ("status_uri", "https://[/1", "status_uri"),
            ("status_uri", "https://例.example/1", "status_uri"),
            ("status_uri", "https://permits.example/" + "1" * 128, "status_uri"),
            ("document_types", [], "document_types"),
            ("document_types", "IR", "document_types"),
            ("document_types", ["ir"], "document_types"),
            ("validity", [], "validity"),
            ("validity", {"csca_key_days": 0}, "validity/csca_key_days"),
            ("validity", {"crl_days": 91}, "validity/crl_days"),
            ("validity", {"crl_days": 1.5}, "validity/crl_days"),
            ("validity", {"crl_days": True}, "validity/crl_days"),
            ("validity", {"crldays": 9}, "validity/crldays"),
            ("transport_keys", {"enc": "00"}, "transport_keys"),
            ("transport_keys", {"enc": "zz", "mac": "zz", "dek": "zz"}, "transport_keys"),
            ("transport_keys", {"enc": 1, "mac": 1, "dek": 1}, "transport_keys"),
            ("colour", "red", "colour"),
        )
    },
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_authority_files(name: str) -> None:
    data, path = WRONG[name]
    with pytest.raises(DecodeError) as caught:
        parse(data)
    assert caught.value.path == path


def test_json_and_toml_say_the_same() -> None:
    toml = "\n".join(f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in MEMBERS.items())
    assert parse(json.dumps(MEMBERS).encode()) == parse(toml.encode(), toml=True) == settings()


def test_what_can_be_derived_is() -> None:
    assert settings().contact_uri == "https://permits.utopia.example/"
    assert settings().crl_uri == "https://permits.utopia.example/crl/UTO.crl"
    assert authority_file.from_members(settings().public()) == settings()


# The command.


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder with an authority file and a passphrase file."""
    (tmp_path / "authority.json").write_text(json.dumps(MEMBERS))
    (tmp_path / "passphrase").write_bytes(PASSPHRASE + b"\n")
    return tmp_path


def run(desk: Path, command: str, *more: str, clock: Callable[[], datetime] = lambda: NOW) -> int:
    arguments = [command, "--home", str(desk / "home"), *more]
    if command != "status" and "--passphrase-file" not in more:
        arguments += ["--passphrase-file", str(desk / "passphrase")]
    if command == "init":
        arguments += ["--authority", str(desk / "authority.json")]
    return cli.main(arguments, clock=clock)


@pytest.mark.parametrize("language", LANGUAGES)
def test_init_status_refresh(desk: Path, capsys: pytest.CaptureFixture[str], language: str) -> None:
    assert run(desk, "init", "--lang", language) == 0
    shown = capsys.readouterr()
    assert MEMBERS[f"name_{language}"] in shown.out
    warnings = [message(CustodyWarning.KEYS_ON_DISK, language), message(Text.TEST_KEYS, language)]
    assert shown.err.splitlines() == warnings
    assert run(desk, "refresh", "--lang", language, clock=lambda: NOW + DAY) == 0
    assert run(desk, "status", "--lang", language, clock=lambda: NOW + 2 * DAY) == 0
    assert run(desk, "status", "--lang", language, clock=lambda: NOW + 91 * DAY) == common.OVERDUE
    shown = capsys.readouterr()
    for purpose in (Purpose.CSCA, Purpose.DOCUMENT_SIGNER, Purpose.ENTITLEMENT_SIGNER, Purpose.STATUS_SIGNER):
        assert purpose_name(purpose, language) in shown.out
    assert "2026-08-30 02:00Z" + message(Text.ENDED, language) in shown.out


def test_init_with_a_catalogue(desk: Path) -> None:
    (desk / "catalogue.json").write_text("{}")
    assert run(desk, "init", "--catalogue", str(desk / "catalogue.json")) == 0
    assert TrustStore.load(desk / "home" / "trust").catalogue == b"{}"


def _short(desk: Path) -> None:
    (desk / "passphrase").write_text("short\n")


def _empty(desk: Path) -> None:
    (desk / "passphrase").write_text("\n")


def _spoil(desk: Path) -> None:
    (desk / "authority.json").write_text("{}")


def _endless(desk: Path) -> None:
    (desk / "authority.json").unlink()
    (desk / "authority.json").symlink_to("/dev/zero")


def _occupied(desk: Path) -> None:
    (desk / "home").mkdir()
    (desk / "home" / "x").touch()


FAILURES: dict[str, tuple[str, Callable[[Path], object]]] = {
    "short passphrase": ("init", _short),
    "empty passphrase": ("init", _empty),
    "no passphrase file": ("init", lambda desk: (desk / "passphrase").unlink()),
    "spoilt authority file": ("init", _spoil),
    "endless authority file": ("init", _endless),
    "no authority file": ("init", lambda desk: (desk / "authority.json").unlink()),
    "home occupied": ("init", _occupied),
    "no home, status": ("status", lambda desk: None),
    "no home, refresh": ("refresh", lambda desk: None),
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", FAILURES)
def test_failures_take_one_line_and_change_nothing(
    desk: Path, capsys: pytest.CaptureFixture[str], name: str, language: str
) -> None:
    command, spoil = FAILURES[name]
    spoil(desk)
    before = sorted(desk.rglob("*"))
    assert run(desk, command, "--lang", language) == 1
    shown = capsys.readouterr()
    assert (shown.out, shown.err.count("\n")) == ("", 1)
    assert any("\u4e00" <= character <= "\u9fff" for character in shown.err) == (language == "zh")
    assert sorted(desk.rglob("*")) == before


def test_wrong_passphrase_at_the_terminal(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(desk, "init") == 0
    (desk / "passphrase").write_text("incorrect horse")
    capsys.readouterr()
    assert run(desk, "refresh", "--lang", "en") == 1
    expected = message(CustodyReason.WRONG_PASSPHRASE, "en", detail="file:status-signer-1.p8")
    assert capsys.readouterr().err.strip() == f"permit-keys: {expected}"


@pytest.mark.parametrize(
    ("answers", "code"), [(["correct horse", "correct horse"], 0), (["correct horse", "wrong horse"], 1)]
)
def test_the_passphrase_is_asked_twice(
    desk: Path, monkeypatch: pytest.MonkeyPatch, answers: list[str], code: int
) -> None:
    monkeypatch.setattr(common.sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(common.getpass, "getpass", lambda prompt: answers.pop(0))
    arguments = ["init", "--home", str(desk / "home"), "--authority", str(desk / "authority.json")]
    assert cli.main(arguments, clock=lambda: NOW) == code


def test_without_a_terminal_a_file_is_needed(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(common.sys.stdin, "isatty", lambda: False, raising=False)
    arguments = ["init", "--home", str(desk / "home"), "--authority", str(desk / "authority.json")]
    assert cli.main(arguments, clock=lambda: NOW) == 1


def test_wrong_usage(desk: Path) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["init"])
    assert caught.value.code == 2


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "de_DE", "LC_MESSAGES": "zh_TW"}, "zh"),
        ({"LANG": "zh_CN", "LC_ALL": ""}, "zh"),
    ],
)
def test_language(environment: dict[str, str], language: str) -> None:
    assert language_of(environment) == language


VALUES = dict.fromkeys(
    ["detail", "path", "name", "home", "number", "crl", "status", "revoked", "signed", "invalid", "suspended"], "value"
)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("reason", [*AuthorityReason, *CustodyReason, *Text], ids=lambda r: f"{type(r).__name__}.{r}")
def test_every_reason_has_its_message(reason: Any, language: str) -> None:
    """Also where two families of reasons share a value."""
    text = message(reason, language, **VALUES)
    assert text
    assert "{" not in text
    assert any("\u4e00" <= character <= "\u9fff" for character in text) == (language == "zh") or "\t" in text


def test_a_missing_authority_is_no_missing_key() -> None:
    assert message(AuthorityReason.NOT_FOUND, "en", detail="x") != message(CustodyReason.NOT_FOUND, "en", detail="x")


@pytest.mark.parametrize("purpose", Purpose)
def test_every_key_has_a_name(purpose: Purpose) -> None:
    assert len({purpose_name(purpose, language) for language in LANGUAGES}) == 2
