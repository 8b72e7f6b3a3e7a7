"""Signing with one token from several processes: bulk issuing, without a second thread in a PKCS #11 module.

Each worker is a new program (`pool_worker`) with its own session, never a fork, so that a token which hangs can be left
by killing it. A request that a worker did not answer is not made again: a signature may exist, and each one counts.
"""

from __future__ import annotations

import queue
import select
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from ..cbor import decode, encode
from ..errors import DecodeError
from ..spki import load_public_key
from . import CustodyError, CustodyReason
from .pin import PinFile, PinVariable
from .pool_worker import LENGTH, MAX_FRAME
from .token_key import Pkcs11PrivateKey
from .token_uri import TokenUri

CHUNK = 64
"""Digests in one request: few enough that all workers end together, many enough that pipes cost nothing."""


class SigningPool:
    """`processes` workers on the tokens of one module; safe for threads. Use it as a context manager, or `close` it.

    `timeout` is what one request may take, in seconds; a worker that takes longer is killed (TIMED_OUT).
    """

    def __init__(self, module: str, pin: PinFile | PinVariable, *, processes: int = 2, timeout: float = 60.0) -> None:
        if processes < 1:
            raise ValueError("a pool needs a process")
        self._setup = [module, pin.path, ""] if isinstance(pin, PinFile) else [module, "", pin.name]
        self._timeout = timeout
        self._workers = [_Worker(self._setup) for _ in range(processes)]
        self._idle: queue.LifoQueue[_Worker] = queue.LifoQueue()
        for worker in self._workers:
            self._idle.put(worker)
        self._public: dict[str, ec.EllipticCurvePublicKey] = {}
        self._lock = threading.Lock()
        self._closed = False

    def __enter__(self) -> SigningPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pids(self) -> tuple[int, ...]:
        """Process numbers of the workers that run."""
        return tuple(pid for worker in self._workers if (pid := worker.pid) is not None)

    def private_key(self, uri: str) -> Pkcs11PrivateKey:
        """The key pair under `uri`, self-tested by a worker; as many threads can sign at once as there are workers."""
        name = str(TokenUri.parse(uri))
        return Pkcs11PrivateKey(name, self._public_key(name), lambda digest: self._ask(name, [digest])[0])

    def sign_digests(self, uri: str, digests: Sequence[bytes]) -> list[bytes]:
        """Sign many digests, by all workers: r ‖ s for each, in the order of `digests`."""
        name = str(TokenUri.parse(uri))
        self._public_key(name)
        chunks = [list(digests[at : at + CHUNK]) for at in range(0, len(digests), CHUNK)]
        with ThreadPoolExecutor(max_workers=len(self._workers)) as threads:
            parts = list(threads.map(lambda chunk: self._ask(name, chunk), chunks))
        return [signature for part in parts for signature in part]

    def close(self) -> None:
        """End the workers; one that is busy is killed."""
        self._closed = True
        for worker in self._workers:
            worker.stop()

    def _public_key(self, uri: str) -> ec.EllipticCurvePublicKey:
        # Under the lock and by one worker: a wrong PIN costs one try, not one for each process.
        with self._lock:
            if uri not in self._public:
                [spki] = self._ask(uri, [])
                key = load_public_key(spki)
                assert isinstance(key, ec.EllipticCurvePublicKey)
                self._public[uri] = key
            return self._public[uri]

    def _ask(self, uri: str, digests: list[bytes]) -> list[bytes]:
        worker = self._idle.get()
        try:
            if self._closed:
                raise CustodyError("the pool is closed", reason=CustodyReason.WORKER_LOST, uri=uri)
            answer = worker.ask([uri, digests], self._timeout, uri)
        finally:
            self._idle.put(worker)
        if len(answer) == 2 and isinstance(answer[0], str):
            raise CustodyError(str(answer[1]), reason=CustodyReason(answer[0]), uri=uri)
        if len(answer) != max(1, len(digests)) or not all(isinstance(item, bytes) for item in answer):
            worker.stop()
            raise _lost(uri)
        return answer


class _Worker:
    """One process, started when first asked and again after it was lost. Used by one thread at a time."""

    def __init__(self, setup: list[str]) -> None:
        self._setup = setup
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def ask(self, request: list[Any], timeout: float, uri: str) -> list[Any]:
        process = self._process
        if process is None or process.poll() is not None:
            self.stop()
            process = self._start()
        deadline = time.monotonic() + timeout
        try:
            self._send(process, request)
            [length] = LENGTH.unpack(self._receive(process, LENGTH.size, deadline, uri))
            if length > MAX_FRAME:
                raise _lost(uri)
            answer = decode(self._receive(process, length, deadline, uri), max_size=MAX_FRAME)
        except (OSError, DecodeError):
            self.stop()
            raise _lost(uri) from None
        except CustodyError:
            self.stop()
            raise
        return answer if isinstance(answer, list) else []

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            assert stream is not None
            stream.close()

    def _start(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", f"{__package__}.pool_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        self._process = process
        self._send(process, self._setup)
        return process

    @staticmethod
    def _send(process: subprocess.Popen[bytes], request: list[Any]) -> None:
        frame = encode(request)
        assert process.stdin is not None
        data = LENGTH.pack(len(frame)) + frame
        while data:
            data = data[process.stdin.write(data) or 0 :]

    @staticmethod
    def _receive(process: subprocess.Popen[bytes], size: int, deadline: float, uri: str) -> bytes:
        assert process.stdout is not None
        poll = select.poll()
        poll.register(process.stdout, select.POLLIN)
        data = b""
        while len(data) < size:
            left = deadline - time.monotonic()
            if left <= 0 or not poll.poll(left * 1000):
                raise CustodyError(
                    "the token did not answer in time; check it, then try again",
                    reason=CustodyReason.TIMED_OUT,
                    uri=uri,
                )
            block = process.stdout.read(size - len(data))
            if not block:
                raise _lost(uri)
            data += block
        return data


def _lost(uri: str) -> CustodyError:
    line = "a signing process ended; find out why, then try again"
    return CustodyError(line, reason=CustodyReason.WORKER_LOST, uri=uri)
