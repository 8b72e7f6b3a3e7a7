"""`permit-issuer` as people run it: the main job, and every wrong input with card and journal as they were."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import pytest
from issuing import (
    CAN,
    NOW,
    PASSPHRASE,
    PROFILE,
    World,
    applicant,
    authority_home,
    blank,
    small_photo,
)
from PIL import Image

from card_profiles.entitlements.catalogue import Sector
from card_profiles.errors import TransportFailed, TransportFault
from card_profiles.model import LifeCycle
from card_profiles.protocols.scp03 import StaticKeys
from card_profiles.readers import pcsc
from card_profiles.softcard.connection import InProcessConnection, Tear, TornConnection
from card_profiles.softcard.image import CardState, MemoryImage, decode_state, encode_state, write_atomically
from issuer import cli, command_line
from issuer.errors import ExitCode, Refusal, Refused
from issuer.terminal import Terminal

SAMPLES = Path(cli.__file__).parent / "samples"


class Bench:
    """A folder with an authority, one card, an application and a photo, and the command line over it."""

    def __init__(self, folder: Path, refused: list[Refused]) -> None:
        self.folder = folder
        self.home = authority_home(folder)
        self.card = folder / "card.img"
        self.now = NOW
        self.refused = refused
        self.put_card(blank().state)
        self.application(applicant())
        self.photo(small_photo())
        (folder / "pass").write_bytes(PASSPHRASE + b"\n")

    def put_card(self, state: CardState) -> None:
        write_atomically(self.card, encode_state(state))

    def card_state(self) -> CardState:
        return decode_state(self.card.read_bytes())

    def application(self, tree: dict[str, Any] | bytes) -> None:
        raw = tree if isinstance(tree, bytes) else json.dumps(tree, ensure_ascii=False).encode()
        (self.folder / "application.json").write_bytes(raw)

    def photo(self, raw: bytes) -> None:
        (self.folder / "photo").write_bytes(raw)

    def run(self, *arguments: str) -> int:
        return cli.main(
            [*arguments, "--home", str(self.home)]
            + ([] if arguments[0] == "journal" else ["--passphrase-file", str(self.folder / "pass")]),
            now=lambda: self.now,
        )

    def issue(self, *more: str) -> int:
        where = () if "--reader" in more else ("--image", str(self.card))
        return self.run(
            "issue",
            "--application",
            str(self.folder / "application.json"),
            "--photo",
            str(self.folder / "photo"),
            *where,
            *more,
        )

    def endorse(self, *more: str) -> int:
        return self.run("endorse", "--image", str(self.card), *more)

    def snapshot(self) -> tuple[object, str]:
        """Card and journal. SCP03 counts every INITIALIZE UPDATE, which changes nothing else."""
        card = replace(self.card_state(), sequence_counter=0) if self.card.exists() else None
        path = self.home / "journal.sqlite"
        if not path.exists():
            return card, ""
        database = sqlite3.connect(path)
        try:
            return card, "\n".join(line for line in database.iterdump() if line.startswith("INSERT"))
        finally:
            database.close()

    def check(self) -> bool:
        world = World(home=self.home, now=self.now)
        return world.check(MemoryImage(self.card_state())).accepted


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    refused: list[Refused] = []
    plain = Terminal.refuse

    def refuse(self: Terminal, program: str, one: Refused) -> None:
        refused.append(one)
        plain(self, program, one)

    monkeypatch.setattr(Terminal, "refuse", refuse)
    return Bench(tmp_path, refused)


def test_the_main_job(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.issue("--can", CAN) == ExitCode.DONE
    assert bench.check()
    assert CAN in capsys.readouterr().out
    assert bench.run("journal") == ExitCode.DONE
    assert "RP00000017" in capsys.readouterr().out


@pytest.mark.parametrize("name", sorted(path.stem for path in SAMPLES.glob("0*.json")))
def test_every_sample_is_issued(bench: Bench, name: str) -> None:
    bench.application((SAMPLES / f"{name}.json").read_bytes())
    (photo,) = (path for path in SAMPLES.glob(f"{name}.*") if path.suffix != ".json")
    bench.photo(photo.read_bytes())
    assert bench.issue("--can", CAN) == ExitCode.DONE
    assert bench.check()


def test_the_can_goes_to_a_file_and_nowhere_else(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    target = bench.folder / "can"
    assert bench.issue("--can-out", str(target)) == ExitCode.DONE
    can = target.read_text().strip()
    assert len(can) == 6
    assert can.isdigit()
    assert target.stat().st_mode & 0o777 == 0o600
    printed = capsys.readouterr()
    assert can not in printed.out + printed.err


def test_a_random_can_opens_the_card(bench: Bench) -> None:
    target = bench.folder / "can"
    assert bench.issue("--can-out", str(target)) == ExitCode.DONE
    image = MemoryImage(bench.card_state())
    assert World(home=bench.home).check(image, can=target.read_text().strip()).accepted


def test_a_plan_writes_nothing(bench: Bench) -> None:
    before = bench.snapshot()
    path = str(bench.folder / "application.json")
    assert bench.run("plan", "--application", path, "--photo", str(bench.folder / "photo")) == ExitCode.DONE
    assert bench.run("plan", "--application", path) == ExitCode.DONE
    assert bench.snapshot() == before


def test_cards_that_were_never_entered_are_pointed_out(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.issue() == ExitCode.DONE
    hint = "journal --received"
    capsys.readouterr()
    assert bench.run("journal") == ExitCode.DONE
    assert hint in capsys.readouterr().out
    assert bench.run("journal", "--received", "1") == ExitCode.DONE
    assert hint not in capsys.readouterr().out


def test_stock_and_balance(bench: Bench) -> None:
    assert bench.run("journal", "--received", "10", "--note", "delivery 7") == ExitCode.DONE
    assert bench.issue() == ExitCode.DONE
    with World(home=bench.home).desk() as desk:
        balance = desk.journal.balance()
    assert (balance.received, balance.activated, balance.remaining) == (10, 1, 9)


# --- every wrong input: one line, a code, and nothing changed


def _jpeg(width: int, height: int, **options: Any) -> bytes:
    picture = BytesIO()
    Image.effect_noise((width, height), 80).save(picture, "JPEG", **options)
    return picture.getvalue()


def _png() -> bytes:
    picture = BytesIO()
    Image.new("L", (100, 130)).save(picture, "PNG")
    return picture.getvalue()


def _rotated() -> bytes:
    picture, exif = BytesIO(), Image.Exif()
    exif[0x0112] = 6
    Image.new("L", (130, 100)).save(picture, "JPEG", exif=exif)
    return picture.getvalue()


Prepare = Callable[[Bench], None]


def _turn(bench: Bench, *, days: int) -> None:
    bench.now += timedelta(days=days)


def _other_keys(bench: Bench) -> None:
    key = bytes(range(16))
    bench.put_card(replace(blank().state, keys=StaticKeys(enc=key, mac=key, dek=key, version=1)))


def _state(bench: Bench, state: LifeCycle, *, version: int = 1) -> None:
    keys = replace(blank().state.keys, version=version)
    bench.put_card(replace(blank().state, life_cycle=state, keys=keys))


WRONG: dict[str, tuple[Prepare, tuple[str, ...], Refusal]] = {
    "missing field": (lambda b: b.application(applicant(address=...)), (), Refusal.APPLICATION_MISTAKES),
    "name that does not transliterate": (
        lambda b: b.application((SAMPLES / "faulty-name-without-latin.json").read_bytes()),
        (),
        Refusal.APPLICATION_MISTAKES,
    ),
    "unknown service": (
        lambda b: b.application(applicant(entitlements={"H99": "+1y"})),
        (),
        Refusal.APPLICATION_MISTAKES,
    ),
    "no JSON": (lambda b: b.application(b"{"), (), Refusal.APPLICATION_MISTAKES),
    "no application": (lambda b: (b.folder / "application.json").unlink(), (), Refusal.NO_SUCH_FILE),
    "no photo": (lambda b: (b.folder / "photo").unlink(), (), Refusal.NO_SUCH_FILE),
    "photo unreadable": (lambda b: b.photo(small_photo()[:300]), (), Refusal.PHOTO_UNREADABLE),
    "photo of another kind": (lambda b: b.photo(_png()), (), Refusal.PHOTO_KIND),
    "photo too large": (lambda b: b.photo(_jpeg(600, 800, quality=95)), (), Refusal.PHOTO_TOO_LARGE),
    "photo far too large": (lambda b: b.photo(b"\xff\xd8" + bytes(9 << 20)), (), Refusal.PHOTO_TOO_LARGE),
    "photo too small": (lambda b: b.photo(_jpeg(40, 50)), (), Refusal.PHOTO_TOO_SMALL),
    "photo rotated by EXIF": (lambda b: b.photo(_rotated()), (), Refusal.PHOTO_ROTATED),
    "CAN of five digits": (lambda b: None, ("--can", "12345"), Refusal.BAD_CAN),
    "CAN to a folder": (lambda b: None, ("--can-out", "/"), Refusal.OUTPUT_UNWRITABLE),
    "no card": (lambda b: b.card.unlink(), (), Refusal.NO_CARD),
    "another kind of card": (lambda b: b.card.write_bytes(b"?") and None, (), Refusal.FOREIGN_CARD),
    "wrong passphrase": (lambda b: (b.folder / "pass").write_text("nope") and None, (), Refusal.KEYS_LOCKED),
    "empty passphrase": (lambda b: (b.folder / "pass").write_text("\n") and None, (), Refusal.KEYS_LOCKED),
    "expired keys": (lambda b: _turn(b, days=91), (), Refusal.KEYS_EXPIRED),
    "status list ran out": (lambda b: _turn(b, days=31), (), Refusal.TRUST_UNUSABLE),
    "clock before the keys": (lambda b: _turn(b, days=-30), (), Refusal.KEYS_EXPIRED),
    "blank of another supplier": (_other_keys, (), Refusal.FOREIGN_KEYS),
    "card already terminated": (lambda b: _state(b, LifeCycle.TERMINATED), (), Refusal.CARD_TERMINATED),
    "half-written by another office": (
        lambda b: _state(b, LifeCycle.PERSONALISING, version=0x30),
        (),
        Refusal.UNKNOWN_CARD,
    ),
    "activated by another office": (
        lambda b: _state(b, LifeCycle.ACTIVATED, version=0x30),
        (),
        Refusal.ALREADY_PERSONALISED,
    ),
    "no authority": (lambda b: (b.home / "registry.db").unlink(), (), Refusal.NO_AUTHORITY),
}


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("case", WRONG)
def test_wrong_input(bench: Bench, capsys: pytest.CaptureFixture[str], case: str, lang: str) -> None:
    prepare, arguments, reason = WRONG[case]
    prepare(bench)
    before = bench.snapshot() if case != "another kind of card" else None
    code = bench.issue(*arguments, "--lang", lang)
    assert [one.reason for one in bench.refused] == [reason]
    assert code == bench.refused[0].exit_code != ExitCode.DONE
    lines = capsys.readouterr().err.splitlines()
    more = len(getattr(bench.refused[0], "mistakes", ()))
    assert len(lines) == (1 + more if more > 1 else 1)
    assert all(any("\u4e00" <= c <= "\u9fff" for c in line) == (lang == "zh") for line in lines) or more
    if before is not None:
        (card, rows), (card_after, rows_after) = before, bench.snapshot()
        assert card_after == card
        assert rows_after == rows == ""


def test_openssl_is_missing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(bench.folder))
    before = bench.snapshot()
    assert bench.issue() == ExitCode.REFUSED
    assert bench.refused[0].reason is Refusal.OPENSSL_MISSING
    assert bench.snapshot()[0] == before[0]


@pytest.mark.parametrize(("where", "missing"), [(("--reader", "ACME"), "smartcard"), ((), "PIL"), ((), "asn1crypto")])
def test_an_extra_is_missing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, where: tuple[str, ...], missing: str
) -> None:
    """Before anything is read or written, since these modules are imported half-way."""
    monkeypatch.setattr(command_line, "find_spec", lambda name: None if name == missing else object())
    before = bench.snapshot()
    assert bench.issue(*where) == ExitCode.REFUSED
    assert bench.refused[0].reason is Refusal.EXTRA_MISSING
    assert bench.snapshot() == before


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (TransportFault.NO_SERVICE, Refusal.NO_READER_SERVICE),
        (TransportFault.NO_READER, Refusal.NO_READER),
        (TransportFault.READER_BUSY, Refusal.NO_READER),
        (TransportFault.NO_CARD, Refusal.NO_CARD),
        (TransportFault.CARD_MUTE, Refusal.NO_CARD),
    ],
)
def test_readers_that_give_no_card(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, fault: TransportFault, reason: Refusal
) -> None:
    def connect(name: str | None) -> None:
        raise TransportFailed("no", fault=fault)

    monkeypatch.setattr(pcsc, "connect", connect)
    before = bench.snapshot()[0]
    assert bench.issue("--reader", "ACME") == ExitCode.REFUSED
    assert bench.refused[0].reason is reason
    assert bench.snapshot() == (before, "")


def test_another_application_on_the_chip_only(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bank card: SELECT of our application is refused."""

    class BankCard(InProcessConnection):
        reader_name = "r"

        def __init__(self) -> None:
            pass

        atr = bytes.fromhex("3B00")  # type: ignore[assignment]

        def transmit(self, command: bytes) -> bytes:
            return b"\x6a\x82"

        def close(self) -> None:
            pass

    monkeypatch.setattr(pcsc, "connect", lambda name: BankCard())
    assert bench.issue("--reader", "r") == ExitCode.REFUSED
    assert bench.refused[0].reason is Refusal.FOREIGN_CARD
    assert bench.snapshot()[1] == ""


def test_a_card_is_not_issued_twice(bench: Bench) -> None:
    assert bench.issue() == ExitCode.DONE
    before = bench.snapshot()
    assert bench.issue() == ExitCode.REFUSED
    bench.application(applicant(permit_number="RP00000018"))
    assert bench.issue() == ExitCode.REFUSED
    assert [one.reason for one in bench.refused] == [Refusal.ALREADY_DONE, Refusal.ALREADY_PERSONALISED]
    assert bench.snapshot() == before


def test_a_permit_has_one_card(bench: Bench) -> None:
    assert bench.issue() == ExitCode.DONE
    bench.put_card(blank(2).state)
    before = bench.snapshot()
    assert bench.issue() == ExitCode.REFUSED
    assert bench.refused[0].reason is Refusal.PERMIT_HAS_CARD
    assert bench.snapshot() == before


def test_a_serial_comes_once(bench: Bench) -> None:
    """A second blank with the serial of a card in force: somebody copies cards."""
    assert bench.issue() == ExitCode.DONE
    bench.put_card(blank().state)
    before = bench.snapshot()
    assert bench.issue() == ExitCode.REFUSED
    assert bench.refused[0].reason is Refusal.DUPLICATE_SERIAL
    assert bench.snapshot() == before


@pytest.fixture
def torn(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """The bench after a run that broke in the middle of writing."""
    from card_profiles.softcard import connection as softcard

    plain = softcard.open_image
    with monkeypatch.context() as patch:
        patch.setattr(softcard, "open_image", lambda path: TornConnection(plain(path), at=40, when=Tear.AFTER))
        assert bench.issue() == ExitCode.CARD_FAILED
    assert bench.refused.pop().reason is Refusal.TRANSPORT_FAILED
    return bench


def test_torn_and_resumed(torn: Bench) -> None:
    assert torn.issue("--can", CAN) == ExitCode.DONE
    assert torn.check()


def test_torn_and_another_blank(torn: Bench) -> None:
    torn.put_card(blank(2).state)
    before = torn.snapshot()
    assert torn.issue() == ExitCode.REFUSED
    assert torn.refused[0].reason is Refusal.PERMIT_UNRESOLVED
    assert torn.snapshot() == before


def test_torn_and_used_for_another_permit(torn: Bench) -> None:
    torn.application(applicant(permit_number="RP00000018"))
    before = torn.snapshot()
    assert torn.issue() == ExitCode.REFUSED
    assert torn.refused[0].reason is Refusal.CARD_RESERVED
    assert torn.snapshot() == before


def test_torn_and_endorsed(torn: Bench) -> None:
    before = torn.snapshot()
    assert torn.endorse("--until", "+1y", "--can", CAN) == ExitCode.REFUSED
    assert torn.refused[0].reason is Refusal.HALF_WRITTEN
    assert torn.snapshot() == before


def test_torn_and_voided_by_serial(torn: Bench) -> None:
    serial = torn.card_state().serial.hex()
    assert torn.run("void", "--serial", serial, "--reason", "lost in the post") == ExitCode.DONE
    torn.put_card(blank(2).state)
    assert torn.issue("--can", CAN) == ExitCode.DONE
    assert torn.check()


def test_torn_and_voided_in_the_reader(torn: Bench) -> None:
    assert torn.run("void", "--image", str(torn.card), "--reason", "scratched") == ExitCode.DONE
    assert torn.card_state().life_cycle is LifeCycle.TERMINATED
    assert torn.issue() == ExitCode.REFUSED
    assert torn.refused[0].reason is Refusal.CARD_VOID


def test_a_blank_is_spoiled(bench: Bench) -> None:
    assert bench.run("void", "--image", str(bench.card), "--reason", "bent") == ExitCode.DONE
    with World(home=bench.home).desk() as desk:
        assert desk.journal.balance().void == 1


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--serial", "00" * 10, "--reason", "x"), Refusal.CARD_NOT_IN_JOURNAL),
        (("--serial", "zz", "--reason", "x"), Refusal.BAD_SERIAL),
        (("--serial", "00", "--reason", "x"), Refusal.BAD_SERIAL),
        (("--serial", "00" * 10, "--reason", " "), Refusal.BAD_REASON),
        (("--serial", "00" * 10, "--reason", "x" * 81), Refusal.BAD_REASON),
    ],
)
def test_voiding_what_is_not_there(bench: Bench, arguments: tuple[str, ...], reason: Refusal) -> None:
    assert bench.run("void", *arguments) == ExitCode.REFUSED
    assert bench.refused[0].reason is reason
    assert bench.snapshot()[1] == ""


def test_a_terminated_card_voids_no_card_in_force(bench: Bench) -> None:
    """It can prove nothing: a made-up card with the serial of somebody else's must not void that one."""
    assert bench.issue("--can", CAN) == ExitCode.DONE
    good = bench.card_state()
    bench.put_card(replace(blank().state, life_cycle=LifeCycle.TERMINATED))
    assert bench.run("void", "--image", str(bench.card), "--reason", "x") == ExitCode.REFUSED
    assert bench.refused[0].reason is Refusal.CARD_TERMINATED
    bench.put_card(good)
    assert bench.check()


def test_a_foreign_card_voids_no_card_in_force(bench: Bench) -> None:
    assert bench.issue("--can", CAN) == ExitCode.DONE
    good = bench.card_state()
    before = bench.snapshot()
    _other_keys(bench)
    assert bench.run("void", "--image", str(bench.card), "--reason", "x") == ExitCode.REFUSED
    assert bench.refused[0].reason is Refusal.FOREIGN_KEYS
    bench.put_card(good)
    assert bench.snapshot() == before


def test_usage(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["issue"], ["void", "--reason", "x"], ["nonsense"], []):
        with pytest.raises(SystemExit) as ended:
            cli.main(arguments)
        assert ended.value.code == ExitCode.USAGE


def test_the_journal_is_another_database(bench: Bench) -> None:
    database = sqlite3.connect(bench.home / "journal.sqlite")
    database.execute("CREATE TABLE photos (x)")
    database.close()
    assert bench.issue() == ExitCode.CARD_FAILED
    assert bench.refused[0].reason is Refusal.JOURNAL_UNUSABLE


def test_over_both_transports(bench: Bench, card_connection: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same run through pcscd and straight into the card."""
    from card_profiles.softcard.card import SoftCard

    image = blank()
    inner = card_connection(SoftCard(PROFILE, image))
    inner.reader_name = "virtual"
    monkeypatch.setattr(pcsc, "connect", lambda name: inner)
    assert bench.issue("--reader", "virtual", "--can", CAN) == ExitCode.DONE
    assert World(home=bench.home, now=bench.now).check(image).accepted


def test_passphrase_from_the_environment(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERMIT_PASSPHRASE_FILE", str(bench.folder / "pass"))
    monkeypatch.setenv("PERMIT_HOME", str(bench.home))
    path = str(bench.folder / "application.json")
    assert cli.main(["plan", "--application", path], now=lambda: bench.now) == ExitCode.DONE
    assert os.environ["PERMIT_HOME"]


def test_a_publication_that_was_cut_off_is_made_good_by_the_next_run(bench: Bench) -> None:
    from issuer.journal_sqlite import SqliteJournal

    assert bench.issue("--can", CAN) == ExitCode.DONE
    serial = bench.card_state().serial
    journal = SqliteJournal(bench.home / "journal.sqlite", clock=lambda: NOW)
    journal.void(None, serial, reason="cut off here", profile_digest=PROFILE.digest())
    journal.close()
    assert bench.check()  # counters do not know yet
    old = bench.card_state()
    bench.put_card(blank(2).state)
    assert bench.issue() == ExitCode.DONE
    with World(home=bench.home).desk() as desk:
        card = desk.journal.card(serial)
        assert card is not None
        assert not card.revocation_due
    bench.put_card(old)
    assert not bench.check()


# --- endorsing on the command line


@pytest.fixture
def issued(bench: Bench) -> Bench:
    assert bench.issue("--can", CAN) == ExitCode.DONE
    return bench


def test_endorse(issued: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    more = ("--until", "+1y", "--set", "all=+1y", "--set", "E01=none", "--set", "J01=2028-01-31", "--can", CAN)
    before = issued.snapshot()
    assert issued.endorse(*more, "--dry-run") == ExitCode.DONE
    assert issued.snapshot() == before
    capsys.readouterr()
    assert issued.endorse(*more) == ExitCode.DONE
    shown = capsys.readouterr().out
    assert "2027-11-21 → 2028-11-21" in shown
    assert CAN not in shown
    world = World(home=issued.home)
    image = MemoryImage(issued.card_state())
    services = {sector: world.check(image, sector=sector).services for sector in (Sector.HEALTH, Sector.EDUCATION)}
    assert [(one.code, str(one.until)) for one in services[Sector.HEALTH]] == [("H01", "2028-11-21")]
    assert services[Sector.EDUCATION] == ()


def test_endorse_by_the_application(issued: Bench) -> None:
    """The MRZ that opens the card follows from it, and its intervals count on from the last endorsement."""
    issued.now += timedelta(days=20)
    issued.application(applicant(permit_class=1, entitlements={"H01": "+1y", "H02": "+6m"}))
    assert issued.endorse("--application", str(issued.folder / "application.json")) == ExitCode.DONE
    world = World(home=issued.home, now=issued.now)
    verdict = world.check(MemoryImage(issued.card_state()))
    assert verdict.holder is not None
    assert verdict.holder.permit_class == 1
    assert [(one.code, str(one.until)) for one in verdict.services] == [("H01", "2028-11-21"), ("H02", "2028-05-21")]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--until", "+1y"), Refusal.READ_CODE_MISSING),
        (("--until", "+1y", "--can", "12"), Refusal.BAD_CAN),
        (("--until", "+1y", "--can", "654321"), Refusal.WRONG_READ_CODE),
        (("--until", "+1y", "--mrz", "nonsense"), Refusal.WRONG_READ_CODE),
        (("--until", "soon", "--can", CAN), Refusal.BAD_DATE),
        (("--until", "2026-01-01", "--can", CAN), Refusal.DATE_PAST),
        (("--until", "+9y", "--can", CAN), Refusal.AFTER_EXPIRY),
        (("--set", "H99=+1y", "--can", CAN), Refusal.UNKNOWN_SERVICE),
        (("--set", "H01", "--can", CAN), Refusal.UNKNOWN_SERVICE),
        (("--set", "H01=soon", "--can", CAN), Refusal.BAD_DATE),
        (("--application", "/nowhere"), Refusal.NO_SUCH_FILE),
    ],
)
def test_wrong_endorsements(
    issued: Bench, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], reason: Refusal
) -> None:
    monkeypatch.setattr("sys.stdin", StringIO())  # nobody to ask
    before = issued.snapshot()
    assert issued.endorse(*arguments) == ExitCode.REFUSED
    assert issued.refused[0].reason is reason
    assert issued.snapshot() == before


def test_endorse_a_blank(bench: Bench) -> None:
    assert bench.endorse("--until", "+1y", "--can", CAN) == ExitCode.REFUSED
    assert bench.refused[0].reason is Refusal.NOT_PERSONALISED
    assert bench.snapshot()[1] == ""


# --- other cards and readers


class ShortOnly(InProcessConnection):
    """A card, or a reader, without extended length: its ATR says so, and it refuses what is longer."""

    reader_name = "short"

    @property
    def atr(self) -> bytes:
        return bytes.fromhex("3B80800101")

    def transmit(self, command: bytes) -> bytes:
        assert len(command) <= 261
        return super().transmit(command)


def test_short_apdus_only(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    from card_profiles.softcard.card import SoftCard

    image = blank()
    monkeypatch.setattr(pcsc, "connect", lambda name: ShortOnly(SoftCard(PROFILE, image)))
    assert bench.issue("--reader", "short", "--can", CAN) == ExitCode.DONE
    assert World(home=bench.home).check(image).accepted
