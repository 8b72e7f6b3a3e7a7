"""Signing by several processes: right, in order, and told when one is lost or hangs."""

from __future__ import annotations

import hashlib
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from keys.custody import CustodyError, CustodyReason
from keys.custody.pin import PinFile, PinVariable
from keys.custody.pool import CHUNK, SigningPool, _Worker
from keys.envelopes.cose import der_signature
from tests.softhsm import PIN, SoftHsm, hsm_fixture

__all__ = ["hsm_fixture"]

SHA256 = ec.ECDSA(hashes.SHA256())


@pytest.fixture
def public_key(hsm: SoftHsm) -> ec.EllipticCurvePublicKey:
    return hsm.custody().generate(hsm.uri("k"), ec.SECP256R1()).public_key()


@pytest.fixture
def pool(hsm: SoftHsm, public_key: ec.EllipticCurvePublicKey) -> Iterator[SigningPool]:
    with SigningPool(hsm.module, PinFile(path=str(hsm.pin_file)), processes=2) as pool:
        yield pool


def digests(count: int) -> list[bytes]:
    return [hashlib.sha256(b"%d" % number).digest() for number in range(count)]


def test_bulk_in_order(hsm: SoftHsm, pool: SigningPool, public_key: ec.EllipticCurvePublicKey) -> None:
    many = digests(3 * CHUNK + 5)
    signatures = pool.sign_digests(hsm.uri("k"), many)
    for digest, signature in zip(many, signatures, strict=True):
        assert len(signature) == 64
        public_key.verify(der_signature(signature), digest, ec.ECDSA(Prehashed(hashes.SHA256())))
    with pytest.raises(InvalidSignature):
        public_key.verify(der_signature(signatures[0]), many[1], ec.ECDSA(Prehashed(hashes.SHA256())))
    assert len(pool.pids) == 2
    assert os.getpid() not in pool.pids


def test_a_key_like_any_other_for_many_threads(
    hsm: SoftHsm, pool: SigningPool, public_key: ec.EllipticCurvePublicKey
) -> None:
    key = pool.private_key(hsm.uri("k"))
    assert key.public_key() == public_key
    with ThreadPoolExecutor(8) as threads:
        signatures = list(threads.map(lambda number: key.sign(b"%d" % number, SHA256), range(200)))
    for number, signature in enumerate(signatures):
        public_key.verify(signature, b"%d" % number, SHA256)


def test_nothing_to_sign(hsm: SoftHsm, pool: SigningPool) -> None:
    assert pool.sign_digests(hsm.uri("k"), []) == []


@pytest.mark.parametrize("when", ["idle", "stopped"])
def test_a_killed_worker_is_told_or_replaced(
    hsm: SoftHsm,
    pool: SigningPool,
    public_key: ec.EllipticCurvePublicKey,
    when: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    key = pool.private_key(hsm.uri("k"))
    [pid] = pool.pids
    if when == "idle":
        # It is gone before the next request: nothing was lost, another takes its place.
        os.kill(pid, signal.SIGKILL)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    else:
        # It takes the request and dies over it: whether a signature exists, nobody knows, so it is not made again.
        os.kill(pid, signal.SIGSTOP)
        send, sent = _Worker._send, threading.Event()

        def told(process: Any, request: list[Any]) -> None:
            send(process, request)
            sent.set()

        monkeypatch.setattr(_Worker, "_send", staticmethod(told))
        with ThreadPoolExecutor(1) as threads:
            asked = threads.submit(key.sign, b"m", SHA256)
            sent.wait()
            os.kill(pid, signal.SIGKILL)
            with pytest.raises(CustodyError) as caught:
                asked.result()
        assert caught.value.reason is CustodyReason.WORKER_LOST
    public_key.verify(key.sign(b"m", SHA256), b"m", SHA256)
    assert pid not in pool.pids


def test_a_worker_that_hangs_is_killed(hsm: SoftHsm, public_key: ec.EllipticCurvePublicKey) -> None:
    with SigningPool(hsm.module, PinFile(path=str(hsm.pin_file)), processes=1, timeout=20) as pool:
        key = pool.private_key(hsm.uri("k"))
        [pid] = pool.pids
        os.kill(pid, signal.SIGSTOP)
        pool._timeout = 0.2
        with pytest.raises(CustodyError) as caught:
            key.sign(b"m", SHA256)
        assert caught.value.reason is CustodyReason.TIMED_OUT
        assert pool.pids == ()
        pool._timeout = 20
        public_key.verify(key.sign(b"m", SHA256), b"m", SHA256)


def test_the_token_s_errors_come_through(hsm: SoftHsm, pool: SigningPool) -> None:
    for uri, reason in (
        (hsm.uri("none"), CustodyReason.NOT_FOUND),
        (hsm.uri("k", "none"), CustodyReason.TOKEN_MISSING),
        ("file:k", CustodyReason.UNSUPPORTED_URI),
    ):
        with pytest.raises(CustodyError) as caught:
            pool.sign_digests(uri, digests(1))
        assert caught.value.reason is reason
    assert len(pool.sign_digests(hsm.uri("k"), digests(1))) == 1


def test_a_key_destroyed_meanwhile(hsm: SoftHsm, pool: SigningPool) -> None:
    key = pool.private_key(hsm.uri("k"))
    hsm.custody().destroy(hsm.uri("k"))
    with pytest.raises(CustodyError) as caught:
        key.sign(b"m", SHA256)
    assert caught.value.reason is CustodyReason.NOT_FOUND


def test_a_wrong_pin_is_tried_by_one_worker(hsm: SoftHsm, public_key: ec.EllipticCurvePublicKey) -> None:
    hsm.pin_file.write_text("wrong-pin-0000")
    with SigningPool(hsm.module, PinFile(path=str(hsm.pin_file)), processes=3) as pool:
        for _ in range(2):
            with pytest.raises(CustodyError) as caught:
                pool.sign_digests(hsm.uri("k"), digests(3 * CHUNK))
            assert caught.value.reason is CustodyReason.WRONG_PIN
            assert "wrong-pin" not in str(caught.value)
        assert len(pool.pids) == 1


def test_the_pin_may_come_from_the_environment(
    hsm: SoftHsm, public_key: ec.EllipticCurvePublicKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERMIT_PKCS11_PIN", PIN)
    with SigningPool(hsm.module, PinVariable(), processes=1) as pool:
        public_key.verify(pool.private_key(hsm.uri("k")).sign(b"m", SHA256), b"m", SHA256)
        [pid] = pool.pids
        with open(f"/proc/{pid}/cmdline", "rb") as stream:
            assert PIN.encode() not in stream.read()


def test_closed(hsm: SoftHsm, public_key: ec.EllipticCurvePublicKey) -> None:
    with SigningPool(hsm.module, PinFile(path=str(hsm.pin_file))) as pool:
        key = pool.private_key(hsm.uri("k"))
    assert pool.pids == ()
    with pytest.raises(CustodyError) as caught:
        key.sign(b"m", SHA256)
    assert caught.value.reason is CustodyReason.WORKER_LOST
    with pytest.raises(ValueError):
        SigningPool(hsm.module, PinFile(path=str(hsm.pin_file)), processes=0)
