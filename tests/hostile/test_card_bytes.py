"""Every single-byte change in each signed file of an issued card is refused, with a reason.

The memory of a card that `permit-issuer` wrote is changed at one place, and the card is put before a counter that reads
it over PACE and Chip Authentication and decides: the whole way, at every byte of every file but DG2. Which bit is
changed goes round with the position; `make soak` changes each of the eight, and all together.

DG2, with some 12,000 bytes, is changed at every byte where its digests are compared, and on the card at a sample of
bytes; `make soak` takes every one of them to the counter, too.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from functools import cache

import pytest

from card_profiles.entitlements.catalogue import Sector
from card_profiles.entitlements.sector_files import PermitData, decode_item
from card_profiles.lds import sod
from keys.envelopes import cms
from tests.hostile.real_card import CounterDesk, issued, trust_without_the_signer
from tests.simulator.issuing import NOW
from verifier.checks import portrait
from verifier.evidence import Evidence
from verifier.reason import Reason
from verifier.verdict import ExitCode, Outcome

SOAK = "SOAK" in os.environ
PARTS = 4  # of the long files, for the processes that run the tests

# Thousands of checks: without tracing they take half the time, and other tests go along the same lines.
pytestmark = [pytest.mark.timeout(3600 if SOAK else 300), pytest.mark.no_cover]

PERMIT_SIGNER = {
    Reason.SIGNER_UNTRUSTED,
    Reason.SIGNER_NOT_IN_PERIOD,
    Reason.SIGNER_KEY_PERIOD,
    Reason.SIGNER_WRONG_PURPOSE,
}
GROUP = {Reason.DATA_GROUP_MISMATCH, Reason.MALFORMED}
EXPECTED: dict[str, set[Reason]] = {
    # in the kid: a signer that nobody knows, for whom the certificate on the card does not stand
    "EF.MSO": {
        Reason.MALFORMED,
        Reason.SIGNATURE_INVALID,
        Reason.SIGNER_UNTRUSTED,
        Reason.SIGNER_UNKNOWN,
        Reason.DOC_TYPE_MISMATCH,
        Reason.SIGNER_NOT_IN_PERIOD,
        Reason.SIGNER_KEY_PERIOD,
    },
    "EF.NS.permit": {Reason.DIGEST_MISMATCH, Reason.ELEMENT_NOT_LISTED},
    "EF.NS.health": {Reason.DIGEST_MISMATCH, Reason.ELEMENT_NOT_LISTED},
    "EF.SignerCert": PERMIT_SIGNER,
    "EF.COM": {Reason.MALFORMED, Reason.DATA_GROUP_NOT_LISTED, Reason.DATA_GROUP_MISSING},
    "DG1": GROUP,
    "DG11": GROUP,
    "DG12": GROUP,
    "DG14": GROUP,
    "EF.SOD": {Reason.SECURITY_OBJECT_INVALID, Reason.MALFORMED, *PERMIT_SIGNER},
}
LENGTHS = {
    "EF.MSO": range(700, 1024),
    "EF.NS.permit": range(200, 400),
    "EF.NS.health": range(80, 200),
    "EF.SignerCert": range(400, 1024),
    "EF.COM": range(20, 30),
    "DG1": range(95, 96),
    "DG11": range(50, 400),
    "DG12": range(40, 200),
    "DG14": range(120, 300),
    "EF.SOD": range(1000, 2500),
}
"""So that the sweep over a file that shrank to nothing does not pass for one."""


@cache
def counter(name: str) -> CounterDesk:
    """One that reads the file, with the options that take."""
    if name == "EF.SignerCert":
        return CounterDesk(trust_without_the_signer())
    identity = not name.startswith("EF.MSO") and not name.startswith("EF.NS")
    return CounterDesk(issued().trust, portrait=identity, identity=identity)


def masks(at: int, byte: int) -> tuple[int, ...]:
    """Which bits to change in the byte at a position."""
    if SOAK:
        return (*(1 << bit for bit in range(8)), 0xFF)
    # Of a letter also its case, of a digit the lowest bit: what a lenient comparison would overlook.
    lenient = 0x20 if chr(byte).isascii() and chr(byte).isalpha() else 0x01 if chr(byte).isdigit() else 0
    return tuple(dict.fromkeys(mask for mask in (1 << at % 8, lenient) if mask))


def parts(name: str) -> Iterator[tuple[str, int]]:
    for part in range(PARTS if LENGTHS[name].stop > 300 else 1):
        yield name, part


def test_the_card_as_it_was_issued_is_accepted() -> None:
    for name in (*EXPECTED, "DG2"):
        assert counter(name).check(issued().power_up()).code is ExitCode.ACCEPTED


@pytest.mark.filterwarnings("ignore:Attribute's length must be:UserWarning")  # pyca, of a country code cut short
@pytest.mark.parametrize(("name", "part"), [pair for name in EXPECTED for pair in parts(name)])
def test_no_byte_on_the_card_can_change(name: str, part: int) -> None:
    raw = issued().content(name)
    assert len(raw) in LENGTHS[name]
    for at in range(part, len(raw), len([*parts(name)])):
        for mask in masks(at, raw[at]):
            told = counter(name).check(issued().flipped(name, at, mask).power_up())
            assert told.code is ExitCode.REFUSED, (at, mask, told.reasons)
            assert told.reasons[0] in EXPECTED[name], (at, mask, told.reasons)
            if told.checked is not None:
                assert told.checked.verdict.genuine.outcome is Outcome.FAILED, (at, mask)


# --- DG2


def as_read(portrait_file: bytes) -> Evidence:
    return Evidence(profile="", captured=NOW, sector=Sector.HEALTH, identity={"DG2": portrait_file})


def test_no_byte_of_the_portrait_passes_either_digest() -> None:
    """Every byte, each of its bits in turn: the digest that the entitlement signer signed, and that of EF.SOD."""
    raw = issued().content("DG2")
    assert len(raw) > 8000
    permit = decode_item(issued().content("EF.NS.permit"), Sector.PERMIT).value
    assert isinstance(permit, PermitData)
    listed = sod.decode(cms.parse(sod.unwrap(issued().content("EF.SOD"))).verify().content)
    assert portrait.check(as_read(raw), permit).outcome is Outcome.PASSED
    assert listed.matches(2, raw)
    changed = bytearray(raw)
    for at in range(len(raw)):
        for mask in masks(at, 0):
            changed[at] ^= mask
            forged = bytes(changed)
            assert portrait.check(as_read(forged), permit).reasons == (Reason.PORTRAIT_MISMATCH,), at
            assert not listed.matches(2, forged), at
            changed[at] ^= mask
    assert hashlib.sha256(changed).digest() == permit.portrait_sha256


def sample() -> list[int]:
    """Each byte of the headers, then every 311th, and the end; in a soak, all."""
    size = len(issued().content("DG2"))
    return [*range(size)] if SOAK else [*range(96), *range(96, size - 4, 311), *range(size - 4, size)]


@pytest.mark.parametrize("identity", [False, True], ids=["portrait", "identity"])
def test_no_byte_of_the_portrait_on_the_card_can_change(identity: bool) -> None:
    desk = CounterDesk(issued().trust, portrait=not identity, identity=identity)
    for at in sample():
        told = desk.check(issued().flipped("DG2", at, 1 << at % 8).power_up())
        assert told.code is ExitCode.REFUSED, at
        # The identity check compares the bytes as read with EF.SOD, and the portrait with the permit as well.
        expected = {Reason.PORTRAIT_MISMATCH} | ({Reason.DATA_GROUP_MISMATCH} if identity else set())
        assert set(told.reasons) == expected, (at, told.reasons)


# --- what nobody signs


def test_what_is_not_signed_leads_nowhere_else() -> None:
    """EF.CardAccess and EF.Active say how to read, not what is true: changed, the card is refused, or says the same."""
    desk = CounterDesk(issued().trust, portrait=True, identity=True)
    true = desk.check(issued().power_up()).checked
    assert true is not None
    accepted = 0
    for name, size in (("EF.CardAccess", 22), ("EF.Active", 29)):
        assert len(issued().content(name)) == size
        for at in range(size):
            for mask in (*(1 << bit for bit in range(8)), 0xFF):
                told = desk.check(issued().flipped(name, at, mask).power_up())
                assert told.reasons or told.code is ExitCode.ACCEPTED, (name, at, mask)
                if told.code is ExitCode.ACCEPTED:
                    assert told.checked is not None
                    said, meant = told.checked.verdict, true.verdict
                    assert (said.holder, said.services, said.valid_until) == (
                        meant.holder,
                        meant.services,
                        meant.valid_until,
                    )
                    accepted += 1
                assert name == "EF.Active" or told.reasons == (Reason.PACE_REQUIRED,), at
    assert accepted  # the update counter, and lengths of files that this counter does not read
