"""What goes wrong around a token: PINs, modules, tokens that come and go, threads, forks and kills. All on SoftHSM."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pkcs11
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from keys.custody import CustodyError, CustodyReason, KeyKind, token_session
from keys.custody.pin import VARIABLE_FILE, VARIABLE_PIN, PinFile, PinVariable, pin_source
from keys.custody.pkcs11 import Pkcs11Custody
from tests.softhsm import PIN, SoftHsm, hsm_fixture

__all__ = ["hsm_fixture"]

SHA256 = ec.ECDSA(hashes.SHA256())
WRONG = "wrong-pin-0000"


def reason_of(call: Any, *arguments: Any) -> CustodyReason:
    """The reason of a refusal, whose line tells no PIN and ends in what to do."""
    with pytest.raises(CustodyError) as caught:
        call(*arguments)
    for secret in (PIN, WRONG):
        assert secret not in str(caught.value)
        assert secret not in repr(caught.value)
        assert secret not in caught.value.uri
    assert "\n" not in str(caught.value)
    return caught.value.reason


def with_pin(hsm: SoftHsm, pin: str) -> Pkcs11Custody:
    return Pkcs11Custody(hsm.module, PinVariable(environment={VARIABLE_PIN: pin}))


@pytest.fixture
def logins(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The PINs that went to the token."""
    tried: list[str] = []
    login = token_session._login

    def counted(module: str, token: Any, pin: str, mark: bytes, uri: str) -> Any:
        tried.append(pin)
        return login(module, token, pin, mark, uri)

    monkeypatch.setattr(token_session, "_login", counted)
    return tried


class TestPin:
    def test_a_wrong_pin_is_tried_once(self, hsm: SoftHsm, logins: list[str]) -> None:
        """A token locks after a few: a service that tries again and again must not be what locks it."""
        for _ in range(3):
            assert reason_of(with_pin(hsm, WRONG).private_key, hsm.uri("k")) is CustodyReason.WRONG_PIN
        assert logins == [WRONG]
        hsm.custody().generate(hsm.uri("k"), ec.SECP256R1()).sign(b"m", SHA256)
        assert logins == [WRONG, PIN]

    def test_the_second_login_shares_the_session(self, hsm: SoftHsm, logins: list[str]) -> None:
        one, two = hsm.custody(), hsm.custody()
        key = one.generate(hsm.uri("k"), ec.SECP256R1())
        other = two.private_key(hsm.uri("k"))
        for private in (key, other):
            key.public_key().verify(private.sign(b"m", SHA256), b"m", SHA256)
        assert logins == [PIN]

    def test_the_second_login_needs_the_pin_too(self, hsm: SoftHsm) -> None:
        """The process is logged in already, and the token would not ask again: so we do."""
        key = hsm.custody().generate(hsm.uri("k"), ec.SECP256R1())
        assert reason_of(with_pin(hsm, WRONG).private_key, hsm.uri("k")) is CustodyReason.WRONG_PIN
        key.sign(b"m", SHA256)

    def test_other_code_that_is_logged_in(self, hsm: SoftHsm) -> None:
        token = pkcs11.lib(hsm.module).get_token(token_label="permit")
        with token.open(user_pin=PIN):
            assert reason_of(hsm.custody().private_key, hsm.uri("k")) is CustodyReason.LOGIN_TAKEN

    @pytest.mark.parametrize("error", [pkcs11.PinLocked, pkcs11.PinExpired, pkcs11.UserPinNotInitialized])
    def test_a_locked_pin(self, error: type[Exception]) -> None:
        class Locked:
            label, serial = "permit", b"1"

            def open(self, **_: object) -> None:
                raise error

        assert reason_of(token_session._login, "m", Locked(), PIN, b"", "uri") is CustodyReason.PIN_LOCKED

    def test_a_pin_file_for_each_token(self, hsm: SoftHsm, tmp_path: Path) -> None:
        hsm.initialise("other", "other-pin-1234")
        pins = tmp_path / "pins"
        pins.mkdir()
        for label, pin in (("permit", PIN), ("other", "other-pin-1234")):
            (pins / label).write_text(pin)
            (pins / label).chmod(0o600)
        custody = Pkcs11Custody(hsm.module, PinFile(path=str(pins)))
        for label in ("permit", "other"):
            custody.generate(hsm.uri("k", label), ec.SECP256R1()).sign(b"m", SHA256)
        assert [info.uri for info in custody.inventory()] == [hsm.uri("k", "other"), hsm.uri("k")]

    @pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe", b"x" * 300])
    def test_no_pin_in_the_file(self, hsm: SoftHsm, content: bytes, logins: list[str]) -> None:
        hsm.pin_file.write_bytes(content)
        assert reason_of(hsm.custody().private_key, hsm.uri("k")) is CustodyReason.PIN_MISSING
        assert logins == []

    def test_no_pin_file(self, hsm: SoftHsm) -> None:
        hsm.pin_file.unlink()
        assert reason_of(hsm.custody().private_key, hsm.uri("k")) is CustodyReason.PIN_MISSING
        assert reason_of(pin_source({}).read, "permit") is CustodyReason.PIN_MISSING

    def test_a_token_label_does_not_lead_out_of_the_directory(self, tmp_path: Path) -> None:
        (tmp_path / "pins").mkdir()
        (tmp_path / "secret").write_text("4711")
        (tmp_path / "secret").chmod(0o600)
        assert reason_of(PinFile(path=str(tmp_path / "pins")).read, "../secret") is CustodyReason.PIN_MISSING

    def test_a_pin_file_that_others_can_read(self, hsm: SoftHsm, logins: list[str]) -> None:
        hsm.pin_file.chmod(0o640)
        assert reason_of(hsm.custody().private_key, hsm.uri("k")) is CustodyReason.OPEN_PERMISSIONS
        assert logins == []

    def test_the_environment_names_the_pin(self, hsm: SoftHsm) -> None:
        source = pin_source({VARIABLE_FILE: str(hsm.pin_file), VARIABLE_PIN: WRONG})
        assert source.read("permit") == PIN
        assert pin_source({VARIABLE_PIN: PIN}).read("permit") == PIN
        assert PIN not in repr(pin_source({VARIABLE_PIN: PIN}))
        assert Pkcs11Custody.from_environment(hsm.environment).inventory() == ()


class TestModule:
    def test_missing(self, hsm: SoftHsm, tmp_path: Path) -> None:
        custody = Pkcs11Custody(str(tmp_path / "none.so"), hsm.custody().pin)
        assert reason_of(custody.private_key, hsm.uri("k")) is CustodyReason.MODULE_MISSING

    def test_not_a_module(self, hsm: SoftHsm) -> None:
        for path in (str(hsm.configuration), pkcs11.constants.__file__):
            custody = Pkcs11Custody(path, hsm.custody().pin)
            assert reason_of(custody.private_key, hsm.uri("k")) is CustodyReason.MODULE_FAILED

    def test_without_its_configuration(self, hsm: SoftHsm) -> None:
        """In a process of its own: a module that once started has its configuration."""
        hsm.configuration.unlink()
        assert run(hsm, "print(reason(custody.private_key, uri('k')))") == [CustodyReason.MODULE_FAILED.value]

    def test_python_pkcs11_is_not_installed(self, hsm: SoftHsm, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "pkcs11", None)
        assert reason_of(hsm.custody().private_key, hsm.uri("k")) is CustodyReason.DRIVER_MISSING


class TestToken:
    def test_missing(self, hsm: SoftHsm) -> None:
        assert reason_of(hsm.custody().private_key, hsm.uri("k", "nowhere")) is CustodyReason.TOKEN_MISSING

    def test_two_of_one_name_are_told_apart_by_serial(self, hsm: SoftHsm) -> None:
        hsm.initialise()
        custody = hsm.custody()
        assert reason_of(custody.private_key, hsm.uri("k")) is CustodyReason.TOKEN_AMBIGUOUS
        serials = {token.serial.decode() for token in pkcs11.lib(hsm.module).get_tokens(token_label="permit")}
        assert len(serials) == 2
        keys = [custody.generate(f"pkcs11:token=permit;serial={s};object=k", ec.SECP256R1()) for s in serials]
        assert keys[0].public_key() != keys[1].public_key()

    def test_one_that_comes_later_is_found(self, hsm: SoftHsm) -> None:
        custody = hsm.custody()
        assert reason_of(custody.private_key, hsm.uri("k", "late")) is CustodyReason.TOKEN_MISSING
        hsm.initialise("late")
        custody.generate(hsm.uri("k", "late"), ec.SECP256R1()).sign(b"m", SHA256)

    def test_removed_and_put_back(self, hsm: SoftHsm, tmp_path: Path) -> None:
        custody = hsm.custody()
        key = custody.generate(hsm.uri("k"), ec.SECP256R1())
        [token] = hsm.tokens.iterdir()
        token.rename(tmp_path / "away")
        assert reason_of(key.sign, b"m", SHA256) is CustodyReason.TOKEN_REMOVED
        assert reason_of(key.sign, b"m", SHA256) is CustodyReason.TOKEN_MISSING
        (tmp_path / "away").rename(token)
        key.public_key().verify(key.sign(b"m", SHA256), b"m", SHA256)

    @pytest.mark.parametrize("use", ["private_key", "public_key", "destroy", "card_master_key", "self_test"])
    def test_a_removed_one_is_not_an_empty_one(self, hsm: SoftHsm, use: str) -> None:
        """SoftHSM answers a search on a removed token with nothing: 'destroyed' must not be read from that."""
        custody = hsm.custody()
        custody.generate(hsm.uri("k"), ec.SECP256R1())
        custody._usable.clear()
        [token] = hsm.tokens.iterdir()
        shutil.rmtree(token)
        assert reason_of(getattr(custody, use), hsm.uri("k")) is CustodyReason.TOKEN_REMOVED

    def test_removed_before_a_key_is_made(self, hsm: SoftHsm) -> None:
        custody = hsm.custody()
        assert custody.token_inventory("permit") == ()
        [token] = hsm.tokens.iterdir()
        shutil.rmtree(token)
        assert reason_of(custody.generate, hsm.uri("k"), ec.SECP256R1()) is CustodyReason.TOKEN_REMOVED

    def test_another_token_in_its_place(self, hsm: SoftHsm) -> None:
        """Of the same name, with a key of the same name: the handle stays with the key that it was given for."""
        key = hsm.custody().generate(hsm.uri("k"), ec.SECP256R1())
        [token] = hsm.tokens.iterdir()
        shutil.rmtree(token)
        assert reason_of(key.sign, b"m", SHA256) is CustodyReason.TOKEN_REMOVED
        hsm.initialise()
        hsm.custody().generate(hsm.uri("k"), ec.SECP256R1())
        assert reason_of(key.sign, b"m", SHA256) is CustodyReason.NOT_FOUND

    def test_a_session_that_was_lost(self, hsm: SoftHsm) -> None:
        """Somebody else in the process finalises the module: every session dies."""
        key = hsm.custody().generate(hsm.uri("k"), ec.SECP256R1())
        pkcs11.lib(hsm.module).reinitialize()
        assert reason_of(key.sign, b"m", SHA256) is CustodyReason.SESSION_LOST
        key.public_key().verify(key.sign(b"m", SHA256), b"m", SHA256)

    @pytest.mark.parametrize("use", ["public_key", "destroy", "card_master_key"])
    def test_a_session_that_was_lost_before_a_search(self, hsm: SoftHsm, use: str) -> None:
        custody = hsm.custody()
        custody.generate(hsm.uri("k"), ec.SECP256R1())
        pkcs11.lib(hsm.module).reinitialize()
        assert reason_of(getattr(custody, use), hsm.uri("k")) is CustodyReason.SESSION_LOST
        assert [info.kind for info in custody.token_inventory("permit")] == [KeyKind.KEY_PAIR]


def test_ten_threads_of_a_hundred_signatures(hsm: SoftHsm) -> None:
    key = hsm.custody().generate(hsm.uri("k"), ec.SECP256R1())
    start = threading.Barrier(10)

    def sign(thread: int) -> list[tuple[bytes, bytes]]:
        start.wait()
        messages = [b"%d %d" % (thread, number) for number in range(100)]
        return [(message, key.sign(message, SHA256)) for message in messages]

    with ThreadPoolExecutor(10) as threads:
        signed = [pair for part in threads.map(sign, range(10)) for pair in part]
    assert len(signed) == 1000
    for message, signature in signed:
        key.public_key().verify(signature, message, SHA256)


def test_threads_of_all_kinds_at_once(hsm: SoftHsm) -> None:
    """Making, listing, deriving and destroying while others sign: the lock is around every call, not around signing."""
    custody = hsm.custody()
    key = custody.generate(hsm.uri("k"), ec.SECP256R1())
    master = custody.generate_card_master_key(hsm.uri("m"))
    start = threading.Barrier(6)

    def make(thread: int) -> None:
        start.wait()
        for number in range(5):
            uri = hsm.uri(f"t{thread}-{number}")
            custody.generate(uri, ec.SECP256R1()).sign(b"m", SHA256)
            custody.destroy(uri)

    def use(_: int) -> None:
        start.wait()
        for number in range(20):
            key.sign(b"m", SHA256)
            master.diversify(number.to_bytes(10, "big"))
            hsm.custody().token_inventory("permit")

    with ThreadPoolExecutor(6) as threads:
        done = [threads.submit(make if number % 2 else use, number) for number in range(6)]
        for future in done:
            future.result()
    assert [info.uri for info in custody.inventory()] == [hsm.uri("k"), hsm.uri("m")]


def forked(action: Any) -> str:
    """What `action` returns in a child made by fork."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, str(action()).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader, "rb") as stream:
        said = stream.read().decode()
    os.waitpid(child, 0)
    return said


def reason_in_child(call: Any, *arguments: Any) -> str:
    try:
        call(*arguments)
    except CustodyError as error:
        return error.reason.value
    return "done"


def test_a_fork_is_refused_and_does_no_harm(hsm: SoftHsm) -> None:
    custody = hsm.custody()
    key = custody.generate(hsm.uri("k"), ec.SECP256R1())
    assert forked(lambda: reason_in_child(key.sign, b"m", SHA256)) == CustodyReason.FORKED
    assert forked(lambda: reason_in_child(custody.destroy, hsm.uri("k"))) == CustodyReason.FORKED
    assert forked(lambda: reason_in_child(hsm.custody().private_key, hsm.uri("k"))) == CustodyReason.FORKED
    grandchild = forked(lambda: forked(lambda: reason_in_child(key.sign, b"m", SHA256)))
    assert grandchild == CustodyReason.FORKED
    key.public_key().verify(key.sign(b"m", SHA256), b"m", SHA256)


def test_a_fork_while_a_thread_holds_the_lock_does_not_hang(hsm: SoftHsm) -> None:
    key = hsm.custody().generate(hsm.uri("k"), ec.SECP256R1())
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with token_session._process.lock:
            held.set()
            release.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    try:
        assert forked(lambda: reason_in_child(key.sign, b"m", SHA256)) == CustodyReason.FORKED
    finally:
        release.set()
        thread.join()


PRELUDE = """
import os, sys
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from keys.custody import CustodyError
from keys.custody.pkcs11 import Pkcs11Custody
custody = Pkcs11Custody.from_environment()
uri = lambda name: f"pkcs11:token=permit;object={name}"
def reason(call, *arguments):
    try:
        call(*arguments)
    except CustodyError as error:
        return error.reason.value
    return "done"
"""


def start(hsm: SoftHsm, program: str) -> subprocess.Popen[str]:
    """A process of its own that runs `program` after the prelude."""
    return subprocess.Popen(
        [sys.executable, "-c", PRELUDE + program],
        env=hsm.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> list[str]:
    """What it said; it must have ended well, and without a word on standard error."""
    out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, "")
    return out.split()


def run(hsm: SoftHsm, program: str) -> list[str]:
    return finish(start(hsm, program))


def test_a_process_ends_well(hsm: SoftHsm) -> None:
    assert run(hsm, "print(reason(custody.generate, uri('k'), ec.SECP256R1()))") == ["done"]
    assert run(hsm, "print(reason(custody.private_key, uri('k')))") == ["done"]


def test_a_child_forked_before_the_token_was_used_may_use_it(hsm: SoftHsm) -> None:
    hsm.custody().generate(hsm.uri("k"), ec.SECP256R1())
    program = """
child = os.fork()
os.write(1, f"{reason(custody.private_key, uri('k'))}\\n".encode())
child and os.waitpid(child, 0)
"""
    assert run(hsm, program) == ["done", "done"]


def test_processes_that_log_in_at_once(hsm: SoftHsm) -> None:
    """SoftHSM rewrites its token file at every login; a process that looks meanwhile must not take it for missing."""
    hsm.custody().generate(hsm.uri("k"), ec.SECP256R1())
    program = """
from keys.custody.token_session import close_sessions
for _ in range(10):
    close_sessions()
    print(reason(Pkcs11Custody.from_environment().self_test, uri("k")))
"""
    said = [word for process in [start(hsm, program) for _ in range(4)] for word in finish(process)]
    assert said == ["done"] * 40


def test_processes_sign_and_make_keys_beside_each_other(hsm: SoftHsm) -> None:
    key = hsm.custody().generate(hsm.uri("k"), ec.SECP256R1())
    program = """
key = custody.private_key(uri("k"))
mine = custody.generate(uri(f"mine-{os.getpid()}"), ec.SECP256R1())
for number in range(50):
    print(key.sign(b"m", ec.ECDSA(hashes.SHA256())).hex())
custody.destroy(uri(f"mine-{os.getpid()}"))
"""
    processes = [start(hsm, program) for _ in range(3)]
    signatures = [signature for process in processes for signature in finish(process)]
    assert len(set(signatures)) == 150
    for signature in signatures:
        key.public_key().verify(bytes.fromhex(signature), b"m", SHA256)
    assert [info.uri for info in hsm.custody().token_inventory("permit")] == [hsm.uri("k")]


@pytest.mark.parametrize("after", [1, 2, 7])
def test_a_process_killed_while_it_makes_keys(hsm: SoftHsm, after: int) -> None:
    """Whatever it left is a whole key that signs, or is told to be none; and each can be cleared away."""
    program = """
for number in range(1000):
    custody.generate(uri(f"k{number}"), ec.SECP256R1())
    print(number, flush=True)
"""
    process = start(hsm, program)
    assert process.stdout is not None
    for _ in range(after):
        process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    custody = hsm.custody()
    left = custody.token_inventory("permit")
    assert len(left) >= after
    for info in left:
        if info.kind is KeyKind.KEY_PAIR:
            custody.private_key(info.uri).sign(b"m", SHA256)
        else:
            assert reason_of(custody.private_key, info.uri) is CustodyReason.INCOMPLETE
        custody.destroy(info.uri)
    assert custody.token_inventory("permit") == ()


def test_a_process_killed_while_it_signs(hsm: SoftHsm) -> None:
    key = hsm.custody().generate(hsm.uri("k"), ec.SECP256R1())
    program = """
key = custody.private_key(uri("k"))
while True:
    key.sign(b"m", ec.ECDSA(hashes.SHA256()))
    print(1, flush=True)
"""
    process = start(hsm, program)
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    key.public_key().verify(key.sign(b"m", SHA256), b"m", SHA256)
    assert run(hsm, "print(reason(custody.private_key, uri('k')))") == ["done"]
