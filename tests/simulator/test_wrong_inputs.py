"""Every wrong input, by the command line: one clear line that says what to do, and card and journal as they were.

The rows are those of the requirement. Readers are real ones, in a private pcscd, where the input is about a reader; the
memory of the card is compared byte for byte, and so is the journal wherever nothing had to be begun.
"""

from __future__ import annotations

import io
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from issuing import CAN, NOW, PASSPHRASE, PROFILE, applicant, authority_home, blank, small_photo
from life_of_a_card import PluggedCard
from PIL import Image
from private_pcscd import READERS, PrivatePcscd
from toy_card import ToyCard

from card_profiles.softcard.image import MemoryImage, decode_state, encode_state, write_atomically
from issuer import cli as issuer_cli
from issuer.desk import JOURNAL, opened_journal
from verifier import cli as verifier_cli

LANGUAGES = ("zh", "en")


@dataclass
class Bench:
    """A folder with an authority, a card image, an application and a photo, all in order."""

    folder: Path
    stack: ExitStack
    monkeypatch: pytest.MonkeyPatch
    journal_may_be_rewritten: bool = False
    watched: list[Callable[[], object]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.home = authority_home(self.folder)
        self.image = self.folder / "card.img"
        write_atomically(self.image, encode_state(blank().state))
        (self.folder / "pass").write_bytes(PASSPHRASE + b"\n")
        self.application(applicant())
        self.photo(small_photo())

    def application(self, tree: dict[str, Any]) -> None:
        (self.folder / "application.json").write_text(json.dumps(tree), encoding="utf-8")

    def photo(self, raw: bytes) -> None:
        (self.folder / "photo").write_bytes(raw)

    def issue(self, *more: str) -> int:
        files = ["--application", str(self.folder / "application.json"), "--photo", str(self.folder / "photo")]
        return self._issuer("issue", *files, *more)

    def endorse(self, *more: str) -> int:
        return self._issuer("endorse", "--until", "+1y", *more)

    def void(self, *more: str) -> int:
        return self._issuer("void", "--reason", "test", *more)

    def _issuer(self, *arguments: str) -> int:
        keys = ["--home", str(self.home), "--passphrase-file", str(self.folder / "pass")]
        return issuer_cli.main([*arguments, *keys], now=lambda: NOW)

    def check(self, *more: str) -> int:
        where = ["--trust", str(self.home / "trust"), "--state", str(self.folder / "state")]
        return verifier_cli.main(["check", "--sector", "health", *where, *more], now=lambda: NOW)

    @property
    def embedded(self) -> tuple[str, str]:
        return "--image", str(self.image)

    def issued(self) -> None:
        assert self.issue(*self.embedded, "--can", CAN) == 0

    # --- readers

    def no_pcscd(self) -> None:
        self.monkeypatch.setenv("PCSCLITE_CSOCK_NAME", str(self.folder / "nobody-listens-here"))

    def pcscd(self, *, readers: bool = True) -> PrivatePcscd:
        daemon = PrivatePcscd(readers=readers)
        self.stack.callback(daemon.close)
        self.monkeypatch.setenv("PCSCLITE_CSOCK_NAME", str(daemon.socket_path))
        daemon.start()
        return daemon

    def reader_with(self, make: Callable[[int], ToyCard]) -> ToyCard:
        daemon = self.pcscd()
        card = make(daemon.port)
        self.stack.enter_context(card.inserted())
        daemon.await_card(READERS[0], present=True)
        return card

    def reader_with_the_image(self) -> None:
        memory = MemoryImage(decode_state(self.image.read_bytes()))
        self.watched.append(lambda: encode_state(memory.state))
        self.reader_with(lambda port: PluggedCard(port, memory))

    # --- what must not change

    def snapshot(self) -> tuple[object, ...]:
        """The memory of the card, and the journal: each byte of it, or each row where an intent comes and goes."""
        path = self.home / JOURNAL
        journal: object = None
        if path.exists() and self.journal_may_be_rewritten:
            database = sqlite3.connect(path)
            journal = [*database.iterdump()]
            database.close()
        elif path.exists():
            journal = {file.name: file.read_bytes() for file in sorted(self.home.glob(path.name + "*"))}
        card = self.image.read_bytes() if self.image.exists() else None
        return card, journal, *(look() for look in self.watched)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    with ExitStack() as stack:
        made = Bench(folder=tmp_path, stack=stack, monkeypatch=monkeypatch)
        with opened_journal(made.home):  # which makes it, so that its bytes can be compared
            pass
        yield made


def another_kind_of_card(port: int) -> ToyCard:
    """A bank card: another ATR, and it knows none of our applications."""
    atr = bytes.fromhex("3B6500002063CB6800")
    return ToyCard(port, atr=atr, respond=lambda _: b"\x6a\x82")


def noisy_photo() -> bytes:
    picture = io.BytesIO()
    Image.effect_noise((600, 800), 80).save(picture, "JPEG", quality=95)
    return picture.getvalue()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong:
    """One row: how the input is made wrong, which command gets it, its exit code, what its line must mention.

    `quotes` is what the line repeats of the input, in whatever language that is. `begun`: the card had to be asked who
    it is, so an intent stood in the journal meanwhile.
    """

    prepare: Callable[[Bench], object]
    run: Callable[[Bench, str], int]
    code: int
    mentions: str = ""
    quotes: str = ""
    begun: bool = False


def issue(*more: str) -> Callable[[Bench, str], int]:
    return lambda bench, lang: bench.issue(*(more or bench.embedded), "--lang", lang)


def at_the_reader(verb: str, *more: str) -> Callable[[Bench, str], int]:
    return lambda bench, lang: getattr(bench, verb)(*more, "--reader", READERS[0], "--lang", lang)


def endorse(*more: str) -> Callable[[Bench, str], int]:
    return lambda bench, lang: bench.endorse(*bench.embedded, *more, "--lang", lang)


def check(*more: str) -> Callable[[Bench, str], int]:
    return lambda bench, lang: bench.check(*(more or bench.embedded), "--can", CAN, "--lang", lang)


ANY_READER = ("--reader", "Virtual")
REFUSED, NOT_READ = 1, 2
ISSUER = {
    "no reader: pcscd does not run": Wrong(prepare=Bench.no_pcscd, run=issue(*ANY_READER), code=REFUSED),
    "no reader: none is connected": Wrong(
        prepare=lambda bench: bench.pcscd(readers=False), run=issue(*ANY_READER), code=REFUSED
    ),
    "no reader: none of that name": Wrong(
        prepare=Bench.pcscd, run=issue("--reader", "Cherry"), code=REFUSED, mentions="Cherry"
    ),
    "no reader: two, and it is not said which": Wrong(
        prepare=Bench.pcscd, run=issue(*ANY_READER), code=REFUSED, mentions=READERS[1]
    ),
    "no card": Wrong(prepare=Bench.pcscd, run=at_the_reader("issue"), code=REFUSED),
    "no card, and the only reader was to be found": Wrong(prepare=Bench.pcscd, run=issue("--can", CAN), code=REFUSED),
    "no card: no image": Wrong(
        prepare=lambda bench: bench.image.unlink(), run=issue(), code=REFUSED, mentions="permit-softcard new"
    ),
    **{
        f"another kind of card: {verb}": Wrong(
            prepare=lambda bench: bench.reader_with(another_kind_of_card),
            run=at_the_reader(verb, *more),
            code=REFUSED,
            begun=True,
        )
        for verb, more in {"issue": (), "endorse": ("--can", CAN), "void": ()}.items()
    },
    "another kind of card: not an image": Wrong(
        prepare=lambda bench: bench.image.write_bytes(bytes(100)), run=issue(), code=REFUSED
    ),
    "wrong CAN": Wrong(prepare=Bench.issued, run=endorse("--can", "000000"), code=REFUSED, begun=True),
    "wrong CAN: of five digits": Wrong(
        prepare=Bench.issued, run=endorse("--can", "12345"), code=REFUSED, mentions="CAN"
    ),
    "unreadable photo": Wrong(
        prepare=lambda bench: bench.photo(small_photo()[:-100] + bytes(98)), run=issue(), code=REFUSED
    ),
    "photo too large for the card": Wrong(
        prepare=lambda bench: bench.photo(noisy_photo()),
        run=issue(),
        code=REFUSED,
        mentions=str(PROFILE.identity.file("DG2").size),
    ),
    "name that does not transliterate": Wrong(
        prepare=lambda bench: bench.application(
            applicant(names={"native": "陈晓雯", "latin_surname": "陈", "latin_given": "XIAOWEN"})
        ),
        run=issue(),
        code=REFUSED,
        mentions="names.latin_surname",
        quotes="陈",
    ),
    "missing field": Wrong(
        prepare=lambda bench: bench.application(applicant(address=...)), run=issue(), code=REFUSED, mentions="address"
    ),
    "unknown service code": Wrong(
        prepare=lambda bench: bench.application(applicant(entitlements={"H99": "+1y"})),
        run=issue(),
        code=REFUSED,
        mentions="H99",
    ),
    "unknown service code, at an endorsement": Wrong(
        prepare=Bench.issued, run=endorse("--can", CAN, "--set", "H99=+1y"), code=REFUSED, mentions="H99"
    ),
    "a field whose name would break the line": Wrong(
        prepare=lambda bench: bench.application(applicant(**{"a\nb\x1b[2J": 1})), run=issue(), code=REFUSED
    ),
    "card already personalised": Wrong(prepare=Bench.issued, run=issue(), code=REFUSED, begun=True),
    "card already personalised, for another permit": Wrong(
        prepare=lambda bench: (bench.issued(), bench.application(applicant(permit_number="RP00000099"))),
        run=issue(),
        code=REFUSED,
        begun=True,
    ),
    "card already personalised, in a reader": Wrong(
        prepare=lambda bench: (bench.issued(), bench.reader_with_the_image()),
        run=at_the_reader("issue"),
        code=REFUSED,
        begun=True,
    ),
}
VERIFIER = {
    "no reader: pcscd does not run": Wrong(prepare=Bench.no_pcscd, run=check(*ANY_READER), code=NOT_READ),
    "no reader: none is connected": Wrong(
        prepare=lambda bench: bench.pcscd(readers=False), run=check(*ANY_READER), code=NOT_READ
    ),
    "no card": Wrong(prepare=Bench.pcscd, run=at_the_reader("check", "--can", CAN), code=NOT_READ),
    "no card: no image": Wrong(prepare=lambda bench: bench.image.unlink(), run=check(), code=NOT_READ),
    "another kind of card": Wrong(
        prepare=lambda bench: bench.reader_with(another_kind_of_card),
        run=at_the_reader("check", "--can", CAN),
        code=NOT_READ,
    ),
    "another kind of card: not an image": Wrong(
        prepare=lambda bench: bench.image.write_bytes(bytes(100)), run=check(), code=NOT_READ
    ),
    "a blank card": Wrong(prepare=lambda _: None, run=check(), code=NOT_READ),
    "wrong CAN": Wrong(
        prepare=Bench.issued,
        run=lambda bench, lang: bench.check(*bench.embedded, "--can", "000000", "--lang", lang),
        code=NOT_READ,
    ),
    "wrong CAN: of five digits": Wrong(
        prepare=Bench.issued,
        run=lambda bench, lang: bench.check(*bench.embedded, "--can", "12345", "--lang", lang),
        code=NOT_READ,
    ),
}


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("case", ISSUER)
def test_the_issuer_says_what_to_do(bench: Bench, capsys: pytest.CaptureFixture[str], case: str, lang: str) -> None:
    assert_one_line(bench, capsys, ISSUER[case], lang)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("case", VERIFIER)
def test_the_verifier_says_what_to_do(bench: Bench, capsys: pytest.CaptureFixture[str], case: str, lang: str) -> None:
    assert_one_line(bench, capsys, VERIFIER[case], lang)


def assert_one_line(bench: Bench, capsys: pytest.CaptureFixture[str], wrong: Wrong, lang: str) -> None:
    wrong.prepare(bench)
    bench.journal_may_be_rewritten = wrong.begun
    before = bench.snapshot()
    capsys.readouterr()
    code = wrong.run(bench, lang)
    printed = capsys.readouterr()
    assert code == wrong.code
    assert printed.out == ""
    (line,) = printed.err.split("\n")[:-1]
    assert printed.err.endswith("\n")
    assert line.isprintable()
    assert any("\u4e00" <= character <= "\u9fff" for character in set(line) - set(wrong.quotes)) == (lang == "zh")
    assert wrong.mentions in line
    assert len(line) > 15
    assert bench.snapshot() == before


def test_the_bench_is_in_order(bench: Bench) -> None:
    """Without a wrong input all of it works: no case is refused for a reason of its own."""
    bench.issued()
    assert bench.check(*bench.embedded, "--can", CAN) == 0
    assert bench.endorse(*bench.embedded, "--can", CAN) == 0
    bench.reader_with_the_image()
    assert bench.check("--reader", READERS[0], "--can", CAN) == 0
