"""`permit-issuer desk` as a process: what it loads, what it is told, killed in the middle of a run, over TLS."""

from __future__ import annotations

import datetime
import io
import ipaddress
import json
import logging
import re
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from agent_lines import TOKEN, Links, line
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from issuing import CAN, World, applicant, authority_home, blank

from card_profiles.errors import TransportFailed, TransportFault
from card_profiles.softcard.cli import main as softcard
from card_profiles.softcard.image import ImageFile
from issuer import crosscheck
from issuer.agent import agent as agents
from issuer.agent.address import Address, TokenUnusable, read_token
from issuer.agent.cli import main
from issuer.agent.link import Link, OutOfProtocol
from issuer.agent.messages import Kind, Message, ReaderCondition
from issuer.agent.readers import LentReader, seen
from issuer.agent.screen import Screen
from tests.service.desk import await_true, proxied, served

ROOT = Path(__file__).parents[2]
SERIAL = "00" * 9 + "01"


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(TOKEN + "\n")
    path.chmod(0o600)
    return path


class Process:
    """An agent of its own."""

    def __init__(self, url: str, token_file: Path, image: Path) -> None:
        arguments = ["--server", url, "--token-file", str(token_file), "--image", str(image), "--json"]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "issuer.agent", *arguments], stdout=subprocess.PIPE, cwd=ROOT, text=True
        )
        self.lines: list[dict[str, Any]] = []
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line_ in self._process.stdout:
            self.lines.append(json.loads(line_))

    def await_event(self, event: str) -> None:
        await_true(lambda: any(one["event"] == event for one in self.lines), f"it says {event}")

    def end(self, number: signal.Signals) -> int:
        self._process.send_signal(number)
        code = self._process.wait(30)
        self._reading.join(10)
        assert self._process.stdout is not None
        self._process.stdout.close()
        return code


def test_killed_in_the_middle_of_a_run(
    tmp_path: Path, token_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """kill -9, twice; another agent goes on with the card."""
    monkeypatch.setattr(crosscheck, "by_openssl", lambda *_, **__: None)
    image = tmp_path / "card.img"
    assert softcard(["new", "--image", str(image), "--serial", SERIAL]) == 0
    world, links = World(home=authority_home(tmp_path)), Links()
    with served(links.app) as url, proxied(url, delay=0.005) as proxy:
        for requests in (12, 40):
            agent = Process(proxy.url, token_file, image)
            before, raised = proxy.requests, []

            def work(raised: list[TransportFault] = raised) -> None:
                try:
                    world.issue(links.connection())
                except TransportFailed as failed:
                    raised.append(failed.fault)

            run = threading.Thread(target=work)
            run.start()
            await_true(lambda n=before + requests: proxy.requests >= n, "the run is in its middle")
            assert agent.end(signal.SIGKILL) == -signal.SIGKILL
            run.join(60)
            assert raised == [TransportFault.TORN]
            await_true(lambda: links.link is None, "the service has noticed")
        agent = Process(proxy.url, token_file, image)
        issued = world.issue(links.connection())
        assert issued.resumed
        assert agent.end(signal.SIGTERM) == 0
    assert [one["event"] for one in agent.lines] == ["reader", "connected", "run-begun", "run-ended", "stopped"]
    card = ImageFile(image)
    try:
        assert world.check(card, can=world.handed[-1]).require().accepted  # type: ignore[arg-type]
    finally:
        card.close()
    with world.desk() as desk:
        balance = desk.journal.balance()
        assert (balance.activated, balance.void, balance.unresolved) == (1, 0, 0)


LIGHT = """
import sys
sys.argv = ["permit-issuer", "desk", "--server", "http://127.0.0.1:9", "--token-file", "/nowhere"]
from {module} import main
code = main()
import issuer.agent.agent, issuer.agent.readers, card_profiles.softcard.connection
print(code, *sorted(sys.modules))
"""
NEVER = {"sqlalchemy", "fastapi", "starlette", "pydantic", "uvicorn", "alembic", "psycopg", "argon2", "jinja2"}
NEVER |= {"asn1crypto", "PIL", "cv2", "segno", "fpdf", "smartcard"}


@pytest.mark.parametrize(("module", "heavy"), [("issuer.cli", set()), ("issuer.agent.cli", {"verifier"})])
def test_what_it_loads(module: str, heavy: set[str]) -> None:
    """No database and no framework, so that the extra `desk` is enough; PC/SC only in its worker."""
    code = LIGHT.format(module=module)
    if module == "issuer.agent.cli":
        code = code.replace('"desk", ', "")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    exit_code, *names = done.stdout.split()
    assert exit_code == "1"
    loaded = {name.split(".")[0] for name in names}
    assert not loaded & (NEVER | heavy)


def test_what_it_is_told_wrongly(tmp_path: Path, token_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for url in ("http://permits.example", "ftp://x", "https://", "https://u:p@host", "nonsense"):
        with pytest.raises(SystemExit) as ended:
            main(["--server", url, "--token-file", str(token_file)])
        assert ended.value.code == 64
    assert Address.parse("https://permits.example:8443/desk/").websocket == (
        "wss://permits.example:8443/desk/api/v1/desk-link"
    )
    open_to_all = tmp_path / "open"
    open_to_all.write_text(TOKEN)
    open_to_all.chmod(0o644)
    empty = tmp_path / "empty"
    empty.write_text("\n")
    empty.chmod(0o600)
    for path in (open_to_all, empty, tmp_path / "none"):
        with pytest.raises(TokenUnusable):
            read_token(path)
        assert main(["--server", "http://localhost:9", "--token-file", str(path)]) == 1
    assert read_token(token_file) == TOKEN
    assert TOKEN not in capsys.readouterr().err


# --- TLS


@contextmanager
def tls_service(tmp_path: Path) -> Iterator[tuple[str, Path, Links]]:
    """A service over TLS, and the certificate that vouches for it."""
    import uvicorn

    from tests.service.desk import await_true as until

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "permit test")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    ca, private = tmp_path / "ca.pem", tmp_path / "key.pem"
    ca.write_bytes(certificate.public_bytes(Encoding.PEM))
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    links = Links()
    config = uvicorn.Config(links.app, port=0, log_config=None, ssl_certfile=ca, ssl_keyfile=private)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        until(lambda: server.started, "the service listens")
        yield f"https://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}", ca, links
    finally:
        server.should_exit = True
        thread.join(30)


def test_tls(tmp_path: Path) -> None:
    """A certificate that nobody vouches for is refused before the token is shown."""
    with tls_service(tmp_path) as (url, ca, links):
        for trusted in (False, True):
            out = io.StringIO()
            context = ssl.create_default_context(cafile=ca if trusted else None)
            settings = agents.Settings(servers=(Address.parse(url),), token=TOKEN, tls=context)
            reader = LentReader(image=tmp_path / "none.img")
            agent = agents.Agent(settings, reader, Screen(out, chinese=True, as_json=False))
            thread = threading.Thread(target=agent.run, daemon=True)
            thread.start()
            expected = "已连接" if trusted else "证书不可信"
            await_true(lambda out=out, expected=expected: expected in out.getvalue(), expected)
            assert trusted or links.link is None
            agent.stop()
            thread.join(30)
            assert not thread.is_alive()


# --- what it is asked


class Answers:
    """A wire that keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def receive(self, timeout: float) -> bytes | str:
        raise TimeoutError

    def send(self, message: bytes) -> None:
        self.sent.append(message)


def link() -> Link:
    return Link(Answers(), LentReader(image=Path("/nowhere.img")), "0" * 32, lambda _: None)


@pytest.mark.parametrize(
    "raw",
    [
        "text",
        b"",
        b"\x00" * 40,
        Message(kind=Kind.CLOSED, number=1).encode(),
        Message(kind=Kind.ATR, number=1, atr=b"\x3b\0").encode(),
        b"\x05\0\0\0\1/etc/passwd",
        b"\x02\0\0\0\1\x90\0" + b"\0\0\0\x04abcd" * 33,
    ],
)
def test_it_does_nothing_else(raw: bytes | str) -> None:
    """A service that was taken over has the reader, and nothing of the desk's machine."""
    with pytest.raises(OutOfProtocol):
        link().answer(raw)


def test_nothing_is_open_before_it_is_opened() -> None:
    for kind in (Kind.TRANSMIT, Kind.RESET):
        answer = link().answer(Message(kind=kind, number=3, items=(bytes(4),)).encode())
        assert (answer.kind, answer.number, answer.fault) == (Kind.FAILED, 3, TransportFault.NO_CARD)
    assert link().answer(Message(kind=Kind.OPEN, number=4).encode()).fault is TransportFault.NO_CARD
    assert link().answer(Message(kind=Kind.CLOSE, number=5).encode()).kind is Kind.CLOSED


def test_a_card_that_is_asked_nothing_is_powered_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from issuer.agent import link as module

    assert softcard(["new", "--image", str(tmp_path / "card.img"), "--serial", SERIAL]) == 0
    told: list[bool] = []
    reader = LentReader(image=tmp_path / "card.img")
    one = Link(Answers(), reader, "0" * 32, told.append)
    assert one.answer(Message(kind=Kind.OPEN, number=1).encode()).kind is Kind.ATR
    assert reader.status.condition is ReaderCondition.BUSY
    monkeypatch.setattr(module, "IDLE", 0.0)
    one._rest()
    assert told == [True, False]
    assert reader.status.condition is not ReaderCondition.BUSY
    answer = one.answer(Message(kind=Kind.TRANSMIT, number=2, items=(bytes(5),)).encode())
    assert answer.fault is TransportFault.TIMED_OUT


def test_a_batch_that_takes_long_is_answered_as_far_as_it_got(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from issuer.agent import link as module

    assert softcard(["new", "--image", str(tmp_path / "card.img"), "--serial", SERIAL]) == 0
    reader = LentReader(image=tmp_path / "card.img")
    one = Link(Answers(), reader, "0" * 32, lambda _: None)
    one.answer(Message(kind=Kind.OPEN, number=1).encode())
    select = bytes.fromhex("00A4040C07A0000002471001")
    for seconds, expected in ((8.0, 5), (-1.0, 1)):
        monkeypatch.setattr(module, "BATCH_SECONDS", seconds)
        answer = one.answer(Message(kind=Kind.TRANSMIT, number=2, items=(select,) * 5).encode())
        assert answer.items == (b"\x90\x00",) * expected
    wrong = bytes.fromhex("00A4040C07A0000002471009")
    answer = one.answer(Message(kind=Kind.TRANSMIT, number=3, items=(wrong, select)).encode())
    assert len(answer.items) == 1
    one.answer(Message(kind=Kind.CLOSE, number=4).encode())


@pytest.mark.parametrize(
    ("cards", "wanted", "condition", "name"),
    [
        ({}, None, ReaderCondition.NO_READER, ""),
        ({"A": None}, "B", ReaderCondition.NO_READER, ""),
        ({"A [PICC]": b";", "A [SAM]": None}, "A", ReaderCondition.CARD, "A [PICC]"),
        ({"A": b";", "B": b";"}, None, ReaderCondition.SEVERAL, ""),
        ({"A": b";", "A 2": b";"}, "A", ReaderCondition.CARD, "A"),
        ({"A": None, "B": None}, None, ReaderCondition.EMPTY, "A"),
    ],
)
def test_which_reader_is_meant(
    cards: dict[str, bytes | None], wanted: str | None, condition: ReaderCondition, name: str
) -> None:
    status = seen(cards, wanted)
    assert (status.condition, status.name) == (condition, name)


# --- what it tells


def test_no_line_and_no_log_holds_what_was_carried(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything that is logged is listened to. What SELECT says is public; a name in a commanded file is not."""
    monkeypatch.setattr(crosscheck, "by_openssl", lambda *_, **__: None)
    carried: list[str] = []
    original = agents._Wire.receive

    def receive(self: Any, timeout: float) -> bytes | str:
        raw = original(self, timeout)
        carried.append(raw.hex() if isinstance(raw, bytes) else raw)
        return raw

    monkeypatch.setattr(agents._Wire, "receive", receive)
    quiet = {"websockets.client", "websockets.server", "asyncio"}  # the proxy of the tests, which carries it too
    world = World(home=authority_home(tmp_path))
    with caplog.at_level(logging.DEBUG, logger="issuer"), line(blank()) as desk:
        world.issue(desk.connection(), tree=applicant())
        text = "\n".join(record.getMessage() for record in caplog.records if record.name not in quiet)
        text += json.dumps(desk.agent.lines)
    assert len(carried) > 40
    wanted = [raw[i : i + 16] for raw in carried for i in range(20, len(raw) - 16, 64)]
    plain = re.sub(r"[^0-9a-f]", "", text.lower())
    assert not [piece for piece in wanted if len(piece) == 16 and piece in plain]
    assert TOKEN not in text
    assert CAN not in text


def test_the_services_log_never_takes_frames() -> None:
    """uvicorn's WebSockets would write them at DEBUG."""
    from issuer.service import logs

    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    try:
        logs.configure("debug", io.StringIO())
        for name in ("uvicorn.error", "uvicorn", "websockets.server"):
            assert not logging.getLogger(name).isEnabledFor(logging.INFO)
    finally:
        root.handlers[:] = before
        root.setLevel(level)
