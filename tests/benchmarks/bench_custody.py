"""Signatures a second by custody, beside the bare library's: P-256 over a digest, as issuing in bulk does it.

All ways take turns, round by round, so that each sees the same machine; a row is the median of its rounds. Processes
add no more than the machine has free cores for: the token here is software (SoftHSM 2) and computes on the same ones.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from keys.custody.pin import PinFile
from keys.custody.pool import SigningPool
from keys.custody.software import SoftwareCustody
from tests.softhsm import softhsm

ROUNDS = 9
SIGNATURES = 1024  # of one round


@dataclass(frozen=True, slots=True)
class Row:
    """One way of signing."""

    custody: str
    per_second: float
    ratio: float
    """To the bare library in one process."""


def rows() -> list[Row]:
    """Bare library, key file, token in this process, token by one and by two processes."""
    algorithm = ec.ECDSA(Prehashed(hashes.SHA256()))
    digests = [hashlib.sha256(number.to_bytes(4, "big")).digest() for number in range(SIGNATURES)]

    def with_key(key: ec.EllipticCurvePrivateKey) -> Callable[[], None]:
        def run() -> None:
            for digest in digests:
                key.sign(digest, algorithm)

        return run

    with TemporaryDirectory() as directory, ExitStack() as stack:
        home = Path(directory)
        hsm = stack.enter_context(softhsm(home / "hsm"))
        uri = hsm.uri("bench")
        (home / "keys").mkdir()
        ways = {
            "cryptography, bare": with_key(ec.generate_private_key(ec.SECP256R1())),
            "file:": with_key(SoftwareCustody(home / "keys", b"benchmark").generate("file:k", ec.SECP256R1())),
            "pkcs11:, in this process": with_key(hsm.custody().generate(uri, ec.SECP256R1())),
        }

        def with_pool(processes: int) -> Callable[[], None]:
            pin = PinFile(path=str(hsm.pin_file))
            pool = stack.enter_context(SigningPool(hsm.module, pin, processes=processes))

            def run() -> None:
                pool.sign_digests(uri, digests)

            return run

        ways |= {f"pkcs11:, pool of {number}": with_pool(number) for number in (1, 2)}
        rates: dict[str, list[float]] = {name: [] for name in ways}
        for turn in range(ROUNDS + 1):
            for name, run in ways.items():
                begin = time.perf_counter()
                run()
                # The first turn starts processes and runs self-tests.
                if turn:
                    rates[name].append(SIGNATURES / (time.perf_counter() - begin))
    bare = median(rates["cryptography, bare"])
    return [Row(name, median(rate), median(rate) / bare) for name, rate in rates.items()]


def main(write: Callable[[str], object] = print) -> None:
    """A line for each custody."""
    write(f"P-256 signatures a second by custody, {os.cpu_count()} cores, SoftHSM 2:")
    for row in rows():
        write(f"  {row.custody:<26}{row.per_second:>9,.0f}   {row.ratio:.2f} of bare")


if __name__ == "__main__":
    main()
