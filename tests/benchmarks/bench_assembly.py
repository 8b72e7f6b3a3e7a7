"""Cards assembled and signed a second, beside the two signatures that each of them needs.

One process, wall clock: counting signatures in the registry waits for the disk. A card asks for its signers and counts
both signatures in one write, as issuing does; the floor counts its two one by one. The place in a status list is known
from the card's journal row by then, so it is given. The cross-check by the verifier and by OpenSSL, which comes before
a card is written, is a figure of its own.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from datetime import UTC, date, datetime
from importlib import resources
from pathlib import Path
from time import perf_counter

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from card_profiles.model import Content, Slot
from issuer import application, assemble, crosscheck
from issuer import desk as desks
from issuer.assemble import Signer, StatusReference, Validity, WholeCard
from issuer.desk import Desk
from keys.authority.authority import Authority
from keys.authority.file import parse
from tests.softhsm import TOKEN, softhsm

CARDS = 500
CHECKED = 10
_TOKEN = ("SOFTHSM2_CONF", "PERMIT_PKCS11_MODULE", "PERMIT_PKCS11_PIN_FILE")
PASSPHRASE = b"of this measurement only"


def main() -> None:
    samples = resources.files("issuer.samples")
    record = application.parse(samples.joinpath("01-chen-xiaowen.json").read_bytes(), today=date.today())
    photo = samples.joinpath("01-chen-xiaowen.jpg").read_bytes()
    print(f"{'':40}{'cards/s':>9}{'two signatures alone':>22}{'ratio':>8}")
    members = json.loads(samples.joinpath("authority.json").read_text("utf-8"))
    with tempfile.TemporaryDirectory() as folder, softhsm(Path(folder) / "hsm") as hsm:
        os.environ.update({name: hsm.environment[name] for name in _TOKEN})
        for where, more in (("by key files", {}), ("by a token (SoftHSM)", {"custody": f"pkcs11:token={TOKEN}"})):
            home = Path(folder) / more.get("custody", "file").partition(":")[0]
            Authority.create(home, parse(json.dumps(members | more).encode()), PASSPHRASE)
            with desks.opened(home, lambda: PASSPHRASE) as desk:
                _measure(where, desk, record, photo, bare=not more)


def _measure(where: str, desk: Desk, record: application.PermitApplication, photo: bytes, *, bare: bool) -> None:
    chip_keys = [_point(ec.generate_private_key(ec.SECP256R1())) for _ in range(CARDS)]
    validity = Validity.over(record.valid_from, record.endorsed_until, now=datetime.now(UTC))
    uri = desk.status_uri
    signers: tuple[Signer, Signer] = (desk.document_signer(), desk.entitlement_signer())
    plain = tuple(_Plain(signer) for signer in signers)

    def card(index: int, keys: tuple[Signer, Signer]) -> WholeCard:
        return assemble.whole_card(
            record,
            photo,
            chip_key=chip_keys[index],
            validity=validity,
            status=StatusReference(uri=uri, index=index),
            office=desk.office,
            signers=keys,
            profile=desk.profile,
            random=os.urandom,
        )

    def two(index: int, keys: tuple[Signer, Signer]) -> None:
        message = index.to_bytes(64, "big")
        for key in keys:
            key.private_key.sign(message, ec.ECDSA(hashes.SHA256()))

    counted_floor, counted = _rates(lambda index: two(index, signers), lambda index: card(index, desk.card_signers()))
    _row(f"{where}, each counted", counted, counted_floor)
    if not bare:
        return
    library_floor, library = _rates(
        lambda index: two(index, plain),  # type: ignore[arg-type]
        lambda index: card(index, plain),  # type: ignore[arg-type]
    )
    whole = card(0, signers)
    trust = desk.trust()
    active = desk.profile.permit.by_content(Content.ACTIVE).name
    candidate = crosscheck.Candidate(
        slot=Slot.A,
        permit={name: raw for name, raw in whole.permit.items() if name != active},
        active=whole.active,
        identity=whole.identity,
        card_access=assemble.card_access(desk.profile),
    )
    begins = {"signed": validity.signed, "begins": validity.begins}
    checked = 0.0
    for _ in range(CHECKED):
        start = perf_counter()
        crosscheck.check(candidate, trust, desk.profile, **begins)
        checked = max(checked, 1 / (perf_counter() - start))
    _row("by bare keys, nothing counted", library, library_floor)
    print(f"cross-checked by the verifier and by OpenSSL's programs: {checked:,.0f} cards/s")


def _row(what: str, cards: float, floor: float) -> None:
    print(f"{what:40}{cards:>9,.0f}{floor:>22,.0f}{cards / floor:>8.2f}", flush=True)


class _Plain:
    """The same certificate and a bare key of its curve: what `cryptography` alone would take."""

    def __init__(self, signer: Signer) -> None:
        self.kid, self.certificate = signer.kid, signer.certificate
        self.private_key = ec.generate_private_key(signer.private_key.curve)


def _rates(*works: Callable[[int], object]) -> list[float]:
    """The fastest of each, in pieces of work a second. One by one and in turn: on a shared machine nothing that takes
    long is alone."""
    best = [0.0] * len(works)
    for index in range(CARDS):
        for at, work in enumerate(works):
            start = perf_counter()
            work(index)
            best[at] = max(best[at], 1 / (perf_counter() - start))
    return best


def _point(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
