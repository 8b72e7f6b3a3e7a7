"""The printed code from `permit-issuer`, through a counter's hands: print, endorse, print again, open the chip."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from issuing import CAN, PASSPHRASE, World, applicant, authority_home, blank, small_photo

from card_profiles import printed_code
from card_profiles.softcard.image import encode_state, write_atomically
from issuer import cli as issuer_cli
from issuer.code_image import DPI
from issuer.errors import ExitCode
from issuer.journal_sqlite import SqliteJournal
from keys.algorithms import Purpose
from keys.authority.authority import Authority
from keys.status_list import Place
from verifier import cli as verifier_cli
from verifier.reason import Reason

PNG, JOURNAL = b"\x89PNG\r\n\x1a\n", "journal.sqlite"


class Office:
    """A folder with an authority, a card and an application, and both command lines over it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.world = World(authority_home(folder))
        write_atomically(folder / "card.img", encode_state(blank().state))
        (folder / "application.json").write_text(
            json.dumps(applicant(endorsed_until="+60d", entitlements={"C03": "+1y", "F01": "+1y"}))
        )
        (folder / "photo.jpg").write_bytes(small_photo())
        (folder / "pass").write_bytes(PASSPHRASE + b"\n")

    def issuer(self, command: str, *more: str) -> int:
        usual = ["--home", str(self.world.home), "--passphrase-file", str(self.folder / "pass"), "--lang", "en"]
        usual += ["--image", str(self.folder / "card.img")]
        return issuer_cli.main([command, *usual, *more], now=lambda: self.world.now)

    def issue(self, *more: str) -> int:
        files = ["--application", str(self.folder / "application.json"), "--photo", str(self.folder / "photo.jpg")]
        return self.issuer("issue", *files, "--can", CAN, *more)

    def counter(self, command: str, *more: str) -> int:
        own = ["--trust", str(self.world.home / "trust"), "--state", str(self.folder / "state"), "--json"]
        return verifier_cli.main([command, "--sector", "culture", *own, *more], now=lambda: self.world.now)

    def path(self, name: str) -> str:
        return str(self.folder / name)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def last_line(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    tree: dict[str, object] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return tree


def test_issue_prints_and_a_counter_reads(office: Office, capsys: pytest.CaptureFixture[str]) -> None:
    assert office.issue("--code-out", office.path("code.png")) == ExitCode.DONE
    assert (office.folder / "code.png").read_bytes().startswith(PNG)
    assert (office.folder / "code.png").stat().st_mode & 0o777 == 0o600
    capsys.readouterr()
    assert office.counter("check-code", "--image", office.path("code.png")) == 0
    tree = last_line(capsys)
    assert tree["assurance"] == "printed"
    assert tree["chip_adds"] == ["8", "9a", "9b"]
    assert [service["code"] for service in tree["services"]] == ["C03"]


def test_no_sensitive_service_is_printed(office: Office) -> None:
    assert office.issue("--code-out", office.path("code.txt")) == ExitCode.DONE
    text = (office.folder / "code.txt").read_text().rstrip("\n")
    assert b"F01" not in printed_code.unwrap(text)
    assert b"C03" in printed_code.unwrap(text)


def test_the_code_opens_the_chip(office: Office, capsys: pytest.CaptureFixture[str]) -> None:
    for kind in ("png", "txt"):
        name = office.path(f"code.{kind}")
        if kind == "png":
            assert office.issue("--code-out", name) == ExitCode.DONE
        else:
            assert office.issuer("code", "--can", CAN, "--code-out", name) == ExitCode.DONE
        capsys.readouterr()
        assert office.counter("check", "--image", office.path("card.img"), "--code-file", name) == 0
        assert last_line(capsys)["assurance"] == "chip"


def wait(office: Office, **interval: float) -> None:
    """Time goes by, and the authority goes on publishing."""
    office.world.later(**interval)
    Authority.open(office.world.home, PASSPHRASE, clock=lambda: office.world.now).refresh()


def test_after_an_endorsement_the_old_code_runs_out(office: Office, capsys: pytest.CaptureFixture[str]) -> None:
    assert office.issue("--code-out", office.path("old.txt")) == ExitCode.DONE
    wait(office, days=55)
    assert office.issuer("endorse", "--can", CAN, "--until", "+1y") == ExitCode.DONE
    assert office.issuer("code", "--can", CAN, "--code-out", office.path("new.svg")) == ExitCode.DONE
    assert office.issuer("code", "--can", CAN, "--code-out", office.path("new.txt")) == ExitCode.DONE
    old, new = (
        printed_code.decode((office.folder / name).read_text().rstrip("\n")).code for name in ("old.txt", "new.txt")
    )
    assert new.valid_until - old.valid_until >= timedelta(days=365)
    assert (old.mrz_password(), old.status_index) == (new.mrz_password(), new.status_index)
    assert "mm" in (office.folder / "new.svg").read_text()
    wait(office, days=10)
    capsys.readouterr()
    assert office.counter("check-code", "--text", office.path("old.txt")) == 1
    assert last_line(capsys)["reasons"] == [Reason.PRINTED_CODE_EXPIRED]
    assert office.counter("check-code", "--text", office.path("new.txt")) == 0
    assert last_line(capsys)["accepted"] is True
    # The old print still opens the chip, which knows of the endorsement.
    assert office.counter("check", "--image", office.path("card.img"), "--code-file", office.path("old.txt")) == 0


def test_codes_of_a_revoked_card_are_refused(office: Office, capsys: pytest.CaptureFixture[str]) -> None:
    assert office.issue("--code-out", office.path("code.txt")) == ExitCode.DONE
    copy = (office.folder / "code.txt").read_text()
    with office.world.desk() as desk:
        code = printed_code.decode(copy.rstrip("\n")).code
        desk.revoke(Place(uri=code.status_uri, index=code.status_index))
    (office.folder / "copy.txt").write_text(copy)
    capsys.readouterr()
    assert office.counter("check-code", "--text", office.path("copy.txt")) == 1
    assert Reason.STATUS_REVOKED in last_line(capsys)["reasons"]  # type: ignore[operator]


def test_the_signature_stands_in_the_journal(office: Office) -> None:
    assert office.issue() == ExitCode.DONE

    def signatures() -> list[str]:
        journal = SqliteJournal(office.world.home / JOURNAL, clock=lambda: office.world.now)
        try:
            (card,) = journal.cards()
            return [event.detail for event in journal.events(card.serial) if event.kind == "signed"]
        finally:
            journal.close()

    before = signatures()
    assert office.issuer("code", "--can", CAN, "--code-out", office.path("code.txt")) == ExitCode.DONE
    (added,) = signatures()[len(before) :]
    assert added.startswith(Purpose.ENTITLEMENT_SIGNER)


def test_a_file_that_cannot_be_written_is_told_before_the_card_is_touched(office: Office) -> None:
    before = (office.folder / "card.img").read_bytes()
    assert office.issue("--code-out", office.path("nowhere/code.png")) == ExitCode.REFUSED
    with pytest.raises(SystemExit) as ended:
        office.issue("--code-out", office.path("code.gif"))
    assert ended.value.code == ExitCode.USAGE
    assert (office.folder / "card.img").read_bytes() == before


def test_a_blank_card_and_a_missed_endorsement_get_no_code(office: Office) -> None:
    assert office.issuer("code", "--can", CAN, "--code-out", office.path("code.txt")) == ExitCode.REFUSED
    assert office.issue() == ExitCode.DONE
    wait(office, days=62)
    assert office.issuer("code", "--can", CAN, "--code-out", office.path("code.txt")) == ExitCode.REFUSED
    assert not (office.folder / "code.txt").exists()


def test_the_picture_has_its_print_size(office: Office) -> None:
    from PIL import Image

    assert office.issue("--code-out", office.path("code.png")) == ExitCode.DONE
    with Image.open(office.folder / "code.png") as picture:
        assert picture.size == (292, 292)
        assert [round(value) for value in picture.info["dpi"]] == [DPI, DPI]
