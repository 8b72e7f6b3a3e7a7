"""Host CPU of one sector check beside the sum of its bare cryptographic operations.

The card's own CPU must not count: one check is recorded over a software card with fixed randomness, then replayed
against the recorded answers. The bare operations are the same primitives, called in a row through `cryptography`, with
nothing around them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC

from card_profiles.entitlements.catalogue import Sector
from card_profiles.iso7816.connection import Connection
from card_profiles.protocols.pace import Password
from card_profiles.protocols.points import P_256
from verifier.counter import Counter
from verifier.store import Watermark

from .bench_card import EVERY_SERVICE, issuing

ROUNDS = 60
P = P_256.p


class Recorder:
    """Writes the answers down."""

    def __init__(self, inner: Connection) -> None:
        self._inner = inner
        self.atr = inner.atr
        self.answers: list[bytes] = []
        self.reset, self.close = inner.reset, inner.close

    def transmit(self, command: bytes) -> bytes:
        answer = self._inner.transmit(command)
        self.answers.append(answer)
        return answer


class Replayed:
    """Gives the answers again."""

    def __init__(self, recorder: Recorder) -> None:
        self.atr = recorder.atr
        self._answers = iter(recorder.answers)

    def transmit(self, command: bytes) -> bytes:
        return next(self._answers)

    def reset(self) -> bytes:
        return self.atr

    def close(self) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Result:
    """CPU milliseconds, the least of many rounds: what others do on this machine only adds."""

    check: float
    bare: float
    commands: int


def measure() -> Result:
    """Check and bare operations in turn, so that both see the same machine."""
    with TemporaryDirectory() as directory:
        world = issuing.World(issuing.authority_home(Path(directory)))
        image = issuing.blank()
        world.issue(issuing.power_up(image), tree=issuing.applicant(entitlements=EVERY_SERVICE))
        seed = Random(1)

        def counter(random: Random) -> Counter:
            return Counter(
                sector=Sector.HEALTH,
                trust_directory=str(world.home / "trust"),
                watermark=Watermark(str(world.home / "counter")),
                now=lambda: issuing.NOW.astimezone(UTC),
                clock=time.perf_counter,
                random=random.randbytes,
            )

        password = Password.from_can(issuing.CAN)
        recorder = Recorder(issuing.power_up(image))
        checked = counter(seed).check(recorder, password)
        checked.verdict.require()
        replaying = Random()
        standing = counter(replaying)

        def check() -> None:
            replaying.seed(1)
            standing.check(Replayed(recorder), password)

        check()
        bare = _bare(len(recorder.answers))
        return Result(*_in_turn(check, bare), commands=len(recorder.answers))


def _in_turn(left: Callable[[], None], right: Callable[[], None]) -> tuple[float, float]:
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for act, kept in zip((left, right), times, strict=True):
            begin = time.process_time()
            act()
            kept.append((time.process_time() - begin) * 1000)
    return min(times[0]), min(times[1])


def _bare(commands: int) -> Callable[[], None]:
    """The primitives of one check of a known signer, each as often as the protocols ask for it.

    A full-point multiplication is two x-only agreements, each of its own scalar, and an inversion: `cryptography` has
    no other. PACE takes two of them (shared point, our key on the mapped generator), two base-point multiplications,
    an addition and an agreement; Chip Authentication a base-point multiplication and an agreement, and the verdict,
    which trusts no session key of the reader, one agreement again. Five received points are loaded, each checked to be
    on the curve. One ECDSA verification (MSO), SHA-256 over three files. Secure messaging: for each protected command
    a CMAC, for its response a CMAC, an IV and a decryption; the recorded answer once more.
    """
    curve = ec.SECP256R1()
    ours = ec.generate_private_key(curve)
    point = ec.generate_private_key(curve).public_key().public_numbers()
    message = bytes(800)
    signature = ours.sign(message, ec.ECDSA(hashes.SHA256()))
    public = ours.public_key()
    raw = utils.decode_dss_signature(signature)
    key = AES(bytes(16))
    secured = commands - 6 + 1  # all but EF.CardAccess and PACE, and the recorded answer

    def run() -> None:
        for scalar in range(3):
            ec.derive_private_key(1 << 255 | scalar, curve).public_key().public_numbers()
        for scalar in range(2 * 2 + 1 + 1 + 1):
            private = ec.derive_private_key(1 << 255 | scalar, curve)
            private.exchange(ec.ECDH(), peer)
        for _ in range(5):
            ec.EllipticCurvePublicNumbers(point.x, point.y, curve).public_key()
        for number in range(3):
            pow(point.x + number, -1, P)
        public.verify(utils.encode_dss_signature(*raw), message, ec.ECDSA(hashes.SHA256()))
        for _ in range(3):
            hashed = hashes.Hash(hashes.SHA256())
            hashed.update(message)
            hashed.finalize()
        for _ in range(secured):
            Cipher(key, modes.ECB()).encryptor().update(bytes(16))  # an IV
            Cipher(key, modes.CBC(bytes(16))).decryptor().update(bytes(256))
        for _ in range(2 * secured + 4):
            mac = CMAC(key)
            mac.update(bytes(272))
            mac.finalize()

    peer = point.public_key()
    return run


def main(write: Callable[[str], object] = print) -> None:
    """One line."""
    result = measure()
    write(
        f"sector check, known signer, {result.commands} commands: {result.check:.2f} ms CPU;"
        f" its bare operations {result.bare:.2f} ms; ratio {result.check / result.bare:.2f}"
    )
