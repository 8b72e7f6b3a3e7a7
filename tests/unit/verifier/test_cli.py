"""The command line: exit codes, one clear line for every wrong input, outputs that can be used."""

from __future__ import annotations

import importlib.metadata
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from card_profiles.errors import Misuse, TransportFailed, TransportFault
from card_profiles.model import LifeCycle
from card_profiles.readers import pcsc
from card_profiles.readers.pcsc import ReaderState
from card_profiles.softcard.connection import InProcessConnection
from card_profiles.softcard.image import encode_state
from keys.status_list import Status
from tests.factory import CAN, DAY, NOW, STATUS_URI, authority, issue, jpeg, write_files
from verifier import cli
from verifier.evidence import decode, encode
from verifier.reason import Reason
from verifier.texts import REASONS

PERMIT = issue()


@pytest.fixture(autouse=True)
def _surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PERMIT_TRUST", "PERMIT_CAN", "PERMIT_STATE", "LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "C.UTF-8")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    write_files(tmp_path / "trust", authority().trust_files())
    (tmp_path / "card").write_bytes(encode_state(PERMIT.card_state()))


def run(*arguments: str, now: Any = NOW) -> int:
    return cli.main(arguments, now=lambda: now)


def check(tmp_path: Path, *more: str, **options: Any) -> int:
    usual = ["--sector", "health", "--image", str(tmp_path / "card"), "--trust", str(tmp_path / "trust")]
    if not {"--can", "--can-file", "--mrz"} & set(more):
        usual += ["--can", CAN]
    return run("check", *usual, *more, **options)


def reason_in_json(capsys: pytest.CaptureFixture[str]) -> list[str]:
    reasons: list[str] = json.loads(capsys.readouterr().out)["reasons"]
    return reasons


def test_accepted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(tmp_path) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    for part in (
        "[+] ACCEPTED",
        "genuine",
        "current",
        "entitled (Health)",
        "data age",
        "endorsed until 2027-03-28",
        "陈晓梅",
        "RP0402137",
        "13 commands",
    ):
        assert part in out
    assert "[+] H01 Health record (resident >= 6 months) until 2027-05-20" in out
    assert "[x] H03" in out
    assert REASONS[Reason.SERVICE_EXPIRED][1] in out
    assert CAN not in out


def test_in_chinese(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert check(tmp_path, "--lang", "zh") == 0
    chinese = capsys.readouterr().out
    assert "建立健康档案 至 2027-05-20" in chinese
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    assert check(tmp_path) == 0
    assert "建立健康档案 至 2027-05-20" in capsys.readouterr().out


def test_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(tmp_path, "--json") == 0
    tree = json.loads(capsys.readouterr().out)
    assert tree["accepted"] is True
    assert tree["effort"]["commands"] == 13
    assert tree["effort"]["bytes_received"] > 1000
    assert {name: facet["outcome"] for name, facet in tree["facets"].items()} == {
        "genuine": "passed",
        "current": "passed",
        "entitled": "passed",
        "data_age": "passed",
    }
    assert [step["number"] for step in tree["steps"]] == ["1", "2", "3", "4", "5", "6", "7", "8", "10", "11"]
    assert all(step["milliseconds"] is not None for step in tree["steps"])
    assert [service["entitled"] for service in tree["services"]] == [True, True, False]


def test_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    revoked = authority().status_list({PERMIT.mso.status_index: Status.INVALID})
    write_files(tmp_path / "trust", authority().trust_files(status={STATUS_URI: revoked}))
    assert check(tmp_path) == 1
    out = capsys.readouterr().out
    assert "REFUSED" in out
    assert REASONS[Reason.STATUS_REVOKED][1] in out
    assert "[+] genuine" in out


def test_without_services_is_accepted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = run(
        *("check", "--sector", "legal", "--image", str(tmp_path / "card")),
        *("--trust", str(tmp_path / "trust"), "--can", CAN),
    )
    assert code == 0
    assert REASONS[Reason.NO_SERVICES][1] in capsys.readouterr().out


def test_photo_evidence_and_replay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo, evidence = tmp_path / "photo.jpg", tmp_path / "evidence"
    assert check(tmp_path, "--photo", str(photo), "--evidence", str(evidence), "--identity") == 0
    assert photo.read_bytes() == jpeg(PERMIT.person.portrait_shade)
    assert evidence.stat().st_mode & 0o777 == 0o600
    capsys.readouterr()
    trust = ("--trust", str(tmp_path / "trust"))
    assert run("replay", "--evidence", str(evidence), "--json", *trust) == 0
    tree = json.loads(capsys.readouterr().out)
    assert "9b" in [step["number"] for step in tree["steps"]]
    later = NOW + 40 * DAY
    assert run("replay", "--evidence", str(evidence), *trust, now=later) == 3
    assert run("replay", "--evidence", str(evidence), "--then", *trust, now=later) == 0


def test_outputs_that_cannot_be_written_leave_the_verdict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nowhere = str(tmp_path / "nowhere" / "file")
    assert check(tmp_path, "--photo", nowhere, "--evidence", nowhere) == 0
    assert capsys.readouterr().err.count(nowhere) == 2


def test_a_false_portrait_is_not_written(tmp_path: Path) -> None:
    other = issue(person=replace(PERMIT.person, portrait_shade=20))
    state = PERMIT.card_state()
    state.files["identity", 0x0102] = other.identity["DG2"][: len(PERMIT.identity["DG2"])]
    (tmp_path / "card").write_bytes(encode_state(state))
    assert check(tmp_path, "--photo", str(tmp_path / "photo.jpg")) == 1
    assert not (tmp_path / "photo.jpg").exists()


def test_altered_evidence(tmp_path: Path) -> None:
    evidence = PERMIT.evidence()
    path = tmp_path / "evidence"
    path.write_bytes(encode(replace(evidence, sector_item=PERMIT.permit["EF.NS.legal"])))
    trust = ("--trust", str(tmp_path / "trust"))
    assert run("replay", "--evidence", str(path), *trust) == 1
    path.write_bytes(encode(evidence)[:-1])
    assert run("replay", "--evidence", str(path), *trust) == 2
    path.write_bytes(encode(replace(evidence, sector="permit")))
    assert run("replay", "--evidence", str(path), *trust) == 2
    assert decode(encode(evidence)) == evidence


@pytest.mark.parametrize(
    ("life_cycle", "reason"),
    [(LifeCycle.BLANK, Reason.NOT_ACTIVATED), (LifeCycle.TERMINATED, Reason.TERMINATED)],
)
def test_cards_out_of_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], life_cycle: LifeCycle, reason: Reason
) -> None:
    (tmp_path / "card").write_bytes(encode_state(PERMIT.card_state(life_cycle=life_cycle)))
    assert check(tmp_path) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == f"[x] {REASONS[reason][1]}\n"


def test_wrong_inputs_get_one_line_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "noise").write_bytes(b"noise")
    (tmp_path / "empty").mkdir()
    (tmp_path / "none").touch()
    cases: list[tuple[list[str], int, Reason]] = [
        (["--can", "111111"], 2, Reason.WRONG_PASSWORD),
        (["--can", "12"], 2, Reason.PASSWORD_MALFORMED),
        (["--can-file", str(tmp_path / "none")], 2, Reason.PASSWORD_MALFORMED),
        (["--can-file", str(tmp_path / "nowhere")], 2, Reason.PASSWORD_MISSING),
        (["--mrz", "X"], 2, Reason.PASSWORD_MALFORMED),
        (["--image", str(tmp_path / "nowhere")], 2, Reason.IMAGE_UNREADABLE),
        (["--image", str(tmp_path / "noise")], 2, Reason.IMAGE_UNREADABLE),
        (["--trust", str(tmp_path / "nowhere")], 3, Reason.TRUST_MISSING),
        (["--trust", str(tmp_path / "empty")], 3, Reason.TRUST_MISSING),
    ]
    for more, code, reason in cases:
        assert check(tmp_path, *more) == code, more
        captured = capsys.readouterr()
        assert captured.err == f"[x] {REASONS[reason][1]}\n", more
        assert captured.out == ""
        assert check(tmp_path, *more, "--lang", "zh") == code
        assert capsys.readouterr().err == f"[x] {REASONS[reason][0]}\n"
        assert check(tmp_path, *more, "--json") == code
        assert reason_in_json(capsys) == [reason]


def test_no_password_and_nobody_to_ask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    usual = ("check", "--sector", "health", "--image", str(tmp_path / "card"), "--trust", str(tmp_path / "trust"))
    assert run(*usual, "--json") == 2
    assert reason_in_json(capsys) == [Reason.PASSWORD_MISSING]
    monkeypatch.setenv("PERMIT_CAN", CAN)
    assert run(*usual) == 0


def test_the_watermark_is_kept_and_believed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(tmp_path) == 0
    assert check(tmp_path, now=NOW - DAY) == 3
    assert REASONS[Reason.CLOCK_SET_BACK][1] in capsys.readouterr().out


def test_a_state_directory_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert check(tmp_path, "--state", str(tmp_path / "file" / "state")) == 0
    assert "watermark" in capsys.readouterr().err


# --- readers ---------------------------------------------------------------------------------------------------


def failing(error: Exception) -> Any:
    def call(*_: object, **__: object) -> Any:
        raise error

    return call


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (TransportFailed("x", fault=TransportFault.NO_SERVICE), Reason.NO_READER_SERVICE),
        (TransportFailed("x", fault=TransportFault.NO_READER), Reason.NO_READER),
        (TransportFailed("x", fault=TransportFault.NO_CARD), Reason.NO_CARD),
        (TransportFailed("x", fault=TransportFault.READER_BUSY), Reason.READER_BUSY),
        (Misuse("which reader? a, b"), Reason.READER_AMBIGUOUS),
    ],
)
def test_readers_in_the_way(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    reason: Reason,
) -> None:
    monkeypatch.setattr(pcsc, "connect", failing(error))
    monkeypatch.setattr(pcsc, "list_readers", failing(error))
    trust = str(tmp_path / "trust")
    assert run("check", "--sector", "health", "--can", CAN, "--trust", trust, "--json") == 2
    assert reason_in_json(capsys) == [reason]
    assert run("readers") == 2
    assert capsys.readouterr().err == f"[x] {REASONS[reason][1]}\n"


def test_pcsc_support_that_is_not_installed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pcsc, "list_readers", failing(TransportFailed("x", fault=TransportFault.NO_SERVICE)))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert run("readers") == 2
    assert capsys.readouterr().err == f"[x] {REASONS[Reason.READER_SUPPORT_MISSING][1]}\n"


def test_watch_ends_where_no_reader_can_ever_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from card_profiles.readers import monitor
    from card_profiles.readers.monitor import CardChange, CardEvent

    lost = iter([CardEvent(change=CardChange.SERVICE_LOST)])
    monkeypatch.setattr(monitor, "watch", lambda: lost)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert run("watch", "--sector", "health", "--trust", str(tmp_path / "trust")) == 2
    assert capsys.readouterr().err.endswith(f"[x] {REASONS[Reason.READER_SUPPORT_MISSING][1]}\n")


def test_identity_support_that_is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Told before the card is read; evidence with EF.SOD is not decided by halves either."""
    usual = ("--trust", str(tmp_path / "trust"), "--json")
    captured = str(tmp_path / "captured")
    monkeypatch.setattr(pcsc, "connect", lambda name: InProcessConnection(PERMIT.card()))
    assert run("check", "--sector", "health", "--can", CAN, *usual, "--identity", "--evidence", captured) == 0
    capsys.readouterr()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr(pcsc, "connect", failing(AssertionError("asked for a card")))
    assert run("check", "--sector", "health", "--can", CAN, *usual, "--identity") == 2
    assert reason_in_json(capsys) == [Reason.IDENTITY_SUPPORT_MISSING]
    assert run("replay", "--evidence", captured, *usual) == 2
    assert reason_in_json(capsys) == [Reason.IDENTITY_SUPPORT_MISSING]


def test_a_reader_is_used_and_what_it_taught_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str | None] = []

    def connect(name: str | None) -> InProcessConnection:
        asked.append(name)
        return InProcessConnection(PERMIT.card())

    monkeypatch.setattr(pcsc, "connect", connect)
    usual = ("check", "--sector", "health", "--can", CAN, "--trust", str(tmp_path / "trust"))
    assert run(*usual) == 0
    assert run(*usual, "--reader", "Reader") == 0
    assert asked == [None, "Reader"]


def test_list_readers(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    states = (ReaderState(name="A", card_present=True), ReaderState(name="B", card_present=False))
    monkeypatch.setattr(pcsc, "list_readers", lambda: states)
    assert run("readers") == 0
    assert capsys.readouterr().out.splitlines() == ["A  (card present)", "B  (empty)"]
    monkeypatch.setattr(pcsc, "list_readers", lambda: ())
    assert run("readers", "--lang", "zh") == 0
    assert capsys.readouterr().out == "没有连接读卡器。\n"


def test_watch_checks_each_card_and_survives_failures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from card_profiles.readers import monitor
    from card_profiles.readers.monitor import CardChange, CardEvent

    def events() -> Any:
        yield CardEvent(change=CardChange.SERVICE_FOUND)
        for reader in ("A", "other", "A"):
            yield CardEvent(change=CardChange.INSERTED, reader=reader, atr=b"")
            yield CardEvent(change=CardChange.REMOVED, reader=reader)
        yield CardEvent(change=CardChange.SERVICE_LOST)
        yield CardEvent(change=CardChange.SERVICE_FOUND)
        yield CardEvent(change=CardChange.INSERTED, reader="A", atr=b"")

    answers: list[Any] = [
        InProcessConnection(PERMIT.card()),
        TransportFailed("x", fault=TransportFault.CARD_REMOVED),
        InProcessConnection(PERMIT.card()),
    ]

    def connect(name: str) -> Any:
        assert name == "A"
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(monitor, "watch", events)
    monkeypatch.setattr(pcsc, "connect", connect)
    usual = ("watch", "--sector", "health", "--can", CAN, "--trust", str(tmp_path / "trust"), "--reader", "A")
    assert run(*usual, "--json", "--count", "3") == 0
    captured = capsys.readouterr()
    assert REASONS[Reason.NO_READER_SERVICE][1] in captured.err
    trees = [json.loads(line) for line in captured.out.splitlines()]
    assert [tree["exit_code"] for tree in trees] == [0, 2, 0]
    assert trees[1]["reasons"] == [Reason.CARD_REMOVED]


def test_version_and_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        run("--version")
    assert left.value.code == 0
    assert capsys.readouterr().out == f"permit-verifier {cli.VERSION}\n"
    assert importlib.metadata.version("residence-permit") == cli.VERSION
    with pytest.raises(SystemExit) as left:
        run("check", "--sector", "police", "--can", CAN)
    assert left.value.code == 2
