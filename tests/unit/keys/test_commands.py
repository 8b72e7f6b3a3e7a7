"""permit-keys from the outside: a life of keys by commands, and a text for every reason in two languages."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

import pytest

from keys import cli
from keys.authority.backup import BackupReason
from keys.authority.errors import AuthorityReason
from keys.commands import common
from keys.commands.messages import LANGUAGES, message
from keys.commands.texts import EVENTS, Say, say
from keys.registry.lifecycle import KeyEvent
from keys.rotation.ceremony import CeremonyReason
from tests.key_home import DAY, NOW, PASSPHRASE, Home

NAMES = [
    *("detail", "key", "event", "purpose", "moment", "begin", "until", "path", "files", "size", "fingerprint", "made"),
    *("home", "revocations", "statuses", "keys", "text", "cose", "title", "name", "known", "begun"),
    *("version", "lacking", "draft"),
]
PEOPLE = ("--operator", "Li Wei", "--witness", "Wang Fang")


class Desk:
    """A terminal at an authority."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.home, self._capsys = folder, Home(folder), capsys
        (folder / "passphrase").write_bytes(PASSPHRASE)
        (folder / "other").write_bytes(b"another horse")

    def run(self, *arguments: str, language: str = "en", home: str = "home") -> tuple[int, str, str]:
        command = arguments[0]
        more = ["--home", str(self.folder / home), "--lang", language]
        if command not in {"status", "backup", "restore", "catch-up"}:
            more += ["--passphrase-file", str(self.folder / "passphrase")]
        if command in {"backup", "restore"}:
            more += ["--backup-passphrase-file", str(self.folder / "other")]
        code = cli.main([*arguments, *more], clock=self.home.clock)
        shown = self._capsys.readouterr()
        return code, shown.out, shown.err

    def refused(self, *arguments: str) -> list[AuthorityReason]:
        """The reasons whose text comes back, in both languages, in one line."""
        found = []
        for language in LANGUAGES:
            code, out, error = self.run(*arguments, language=language)
            assert (code, out, error.count("\n")) == (1, "", 1)
            found.append({reason for reason in AuthorityReason if _fits(message(reason, language, detail="\0"), error)})
        both = set.intersection(*found)
        return sorted(both)


def _fits(pattern: str, error: str) -> bool:
    return (
        re.fullmatch("permit-keys: " + ".*".join(re.escape(part) for part in pattern.split("\0")), error.strip())
        is not None
    )


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(tmp_path, capsys)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_quarter_by_commands(desk: Desk, language: str) -> None:
    assert desk.run("rotate", language=language)[0] == 0
    desk.home.days(70)
    code, out, error = desk.run("rotate", language=language)
    assert (code, error) == (0, "")
    assert [name for name in ("DS-2", "ES-2", "SS-2") if name in out] == ["DS-2", "ES-2", "SS-2"]
    desk.home.days(14)
    assert desk.run("rotate", "DS", "entitlement-signer", "ss", language=language)[0] == 0
    assert desk.run("refresh", language=language)[0] == 0
    code, out, _ = desk.run("destroy", "DS-1", "ES-1", "SS-1", *PEOPLE, language=language)
    assert code == 0
    code, out, error = desk.run("status", "--timeline", str(desk.folder / "t.svg"), language=language)
    assert code == 0
    assert "DS-1" not in out
    assert "DS-1" in desk.run("status", "--all", language=language)[1]
    assert (desk.folder / "t.svg").read_text().startswith("<svg")
    desk.home.days(100)
    assert desk.run("status", language=language)[0] == common.OVERDUE


def test_an_emergency_by_commands(desk: Desk) -> None:
    desk.home.days(3)
    since = (desk.home.now - DAY).date().isoformat()
    assert desk.run("compromise", "DS-1", "--since", since)[0] == 0
    key = desk.home.open().registry.by_name("DS-1")
    assert key.compromised_at == datetime.fromisoformat(f"{since}T00:00:00+00:00")
    assert desk.run("rotate", "document-signer")[0] == 1  # whether counters may be left behind is for people to say
    assert desk.refused("rotate", "--replace", "DS-1") == [AuthorityReason.NOT_PUBLISHED_AHEAD]
    assert desk.run("rotate", "--replace", "DS-1", "--override", "stolen")[0] == 0
    code, out, _ = desk.run("rotate", "--replace", "DS-1", "--override", "stolen")
    assert (code, out.strip()) == (0, say(Say.REPLACED, "en", key="DS-1"))
    assert desk.run("rotate", "CSCA", "--replace", "DS-2", "--override", "x")[0] == 1
    assert desk.home.open().registry.by_name("DS-2").signatures == 0


REFUSED: dict[str, tuple[tuple[str, ...], AuthorityReason]] = {
    "unknown key": (("retire", "DS-9"), AuthorityReason.NO_KEY),
    "no successor": (("retire", "DS-1"), AuthorityReason.NO_SUCCESSOR),
    "one person": (("destroy", "DS-1", "--operator", "Li"), AuthorityReason.KEY_STATE),
    "a root": (("revoke", "CSCA-1"), AuthorityReason.NOT_REVOCABLE),
    "no witness": (("stage", "CSCA", "--operator", "Li"), AuthorityReason.NO_WITNESS),
    "too early": (("stage", "DS", "--from", "2026-06-02"), AuthorityReason.NOT_PUBLISHED_AHEAD),
    "no home": (("stage", "DS"), AuthorityReason.NOT_FOUND),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_take_one_line(desk: Desk, name: str) -> None:
    arguments, reason = REFUSED[name]
    if name == "no home":
        desk.home.path.rename(desk.folder / "elsewhere")
    assert desk.refused(*arguments) == [reason]


def test_one_purpose_that_waits_does_not_stop_the_others(desk: Desk) -> None:
    desk.home.days(1461 - 80)
    code, out, _ = desk.run("rotate", "--operator", "Li")
    assert code == 1
    names = [key.name for key in desk.home.open().registry.keys]
    assert "DS-2" in names
    assert "CSCA-2" not in names
    code, out, _ = desk.run("rotate", "csca", *PEOPLE)
    assert (code, "CSCA-2" in out) == (0, True)


def test_the_gap_of_a_late_rotation_is_told(desk: Desk) -> None:
    desk.home.days(85)
    desk.run("rotate", "ds")
    assert "rotate --replace DS-1" in desk.run("rotate", "ds")[1]


def test_stage_activate_retire_revoke_by_hand(desk: Desk) -> None:
    begin = (NOW + 20 * DAY).isoformat()
    assert desk.run("stage", "es", "--from", begin)[0] == 0
    assert desk.run("stage", "es")[0] == 0
    assert desk.run("stage", "es", "--another")[0] == 0
    assert desk.run("retire", "ES-3")[0] == 0
    desk.home.days(20)
    assert desk.run("activate", "es")[0] == 0
    assert desk.run("activate", "es")[0] == 0
    assert desk.run("revoke", "ES-1")[0] == 0
    states = [key.state for key in desk.home.open().registry.keys if key.name.startswith("ES")]
    assert states == ["retired", "active", "retired"]
    assert desk.run("stage", "es", "--from", "tomorrow")[0] == 1


def test_backup_restore_catch_up(desk: Desk) -> None:
    archive, trust = str(desk.folder / "x.bak"), str(desk.home.path / "trust")
    assert desk.run("backup", archive, *PEOPLE)[0] == 0
    assert desk.run("backup", archive)[0] == 1
    desk.home.days(1)
    desk.run("compromise", "AS-1")
    assert desk.run("restore", archive, home="back")[0] == 1
    assert desk.run("restore", archive, "--published", trust, home="back")[0] == 0
    assert "compromised" in desk.run("status", home="back")[1]
    assert desk.run("catch-up", "--published", trust, home="back")[0] == 0
    (desk.folder / "other").write_text("wrong passphrase")
    assert desk.run("restore", archive, "--published", trust, home="back2")[0] == 1


def test_a_registry_that_is_none(desk: Desk) -> None:
    (desk.home.path / "registry.db").write_bytes(b"SQLite format 3\0" + bytes(5000))
    assert desk.refused("rotate") == [AuthorityReason.DAMAGED]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("reason", [*Say, *CeremonyReason, *BackupReason], ids=lambda r: f"{type(r).__name__}.{r}")
def test_every_text_is_there(reason: Say | CeremonyReason | BackupReason, language: str) -> None:
    text = say(reason, language, **dict.fromkeys(NAMES, "value"))
    assert text
    chinese = any("\u4e00" <= character <= "\u9fff" for character in text)
    # Where all words are given by others, only the punctuation tells.
    assert chinese == (language == "zh") or "\t" in text or "：" in text


def test_every_event_has_a_name() -> None:
    assert set(EVENTS) == set(KeyEvent)
