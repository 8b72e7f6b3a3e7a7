"""The process that signs for `pool`: one session with a token, one request at a time, ended by the end of its input.

    request:  length u32 | CBOR
              first [module, PIN file or "", name of the PIN variable or ""], answered by nothing
              then [URI, [digest, …]]; without digests it asks for the public key
    answer:   length u32 | CBOR
              [signature, …] as r ‖ s, or [public key as SubjectPublicKeyInfo]; or [reason, message] as text

The PIN does not pass here: the worker reads it where the parent would.
"""

from __future__ import annotations

import os
import signal
import struct
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ..cbor import decode, encode
from . import CustodyError
from .pin import PinFile, PinSource, PinVariable
from .pkcs11 import Pkcs11Custody

LENGTH = struct.Struct(">I")
MAX_FRAME = 1 << 16


def main() -> int:
    """Serve standard input and output."""
    # Ctrl-C reaches the whole process group; it is the parent's to end this one, after its request.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requests, answers = os.dup(0), os.dup(1)
    # A module that prints must not write into an answer.
    os.dup2(2, 1)
    first = _receive(requests)
    if first is None:
        return 0
    module, file, variable = first
    pin: PinSource = PinFile(path=file) if file else PinVariable(name=variable)
    custody = Pkcs11Custody(module, pin)
    while (request := _receive(requests)) is not None:
        try:
            answer: list[Any] = _perform(custody, *request)
        except CustodyError as error:
            answer = [str(error.reason), str(error)]
        frame = encode(answer)
        _write(answers, LENGTH.pack(len(frame)) + frame)
    return 0


def _perform(custody: Pkcs11Custody, uri: str, digests: list[bytes]) -> list[bytes]:
    if digests:
        return [custody.sign_digest(uri, digest) for digest in digests]
    public_key = custody.private_key(uri).public_key()
    return [public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)]


def _receive(descriptor: int) -> Any:
    head = _read(descriptor, LENGTH.size)
    if head is None:
        return None
    body = _read(descriptor, LENGTH.unpack(head)[0])
    return None if body is None else decode(body, max_size=MAX_FRAME)


def _read(descriptor: int, size: int) -> bytes | None:
    data = b""
    while len(data) < size:
        block = os.read(descriptor, size - len(data))
        if not block:
            return None
        data += block
    return data


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


if __name__ == "__main__":
    raise SystemExit(main())
