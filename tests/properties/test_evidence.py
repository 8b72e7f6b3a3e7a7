"""Evidence: round trip, and total against anything else."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys import cbor
from keys.errors import DecodeError
from tests.factory import issue
from verifier.evidence import MAX_SIZE, ChipTranscript, Evidence, decode, encode

texts = st.text(alphabet=st.characters(exclude_categories=("Cs",)), max_size=64)
files = st.binary(max_size=64)
transcripts = st.builds(
    ChipTranscript,
    oid=texts,
    key_id=st.integers(0, 255),
    ephemeral_private=st.binary(max_size=66),
    exchanges=st.lists(st.tuples(files, files), max_size=4).map(tuple),
)
evidences = st.builds(
    Evidence,
    profile=texts,
    captured=st.integers(0, 253402300799).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    sector=texts,
    atr=files,
    card_access=files,
    active=files,
    mso=files,
    permit=files,
    signer_certificate=files,
    sector_item=files,
    chip=st.none() | transcripts,
    chip_fault=texts,
    identity=st.dictionaries(texts, files, max_size=4),
)
SAMPLE = encode(issue().evidence(identity=True, certificate=True))


@given(evidences)
def test_round_trip(evidence: Evidence) -> None:
    assert decode(encode(evidence)) == evidence


@given(st.binary(max_size=300))
def test_total(raw: bytes) -> None:
    with pytest.raises(DecodeError):
        decode(raw)


@given(st.integers(0, len(SAMPLE) - 1), st.integers(1, 255))
def test_a_changed_byte_gives_another_evidence_or_none(at: int, mask: int) -> None:
    changed = SAMPLE[:at] + bytes((SAMPLE[at] ^ mask,)) + SAMPLE[at + 1 :]
    try:
        decoded = decode(changed)
    except DecodeError:
        return
    assert decoded != decode(SAMPLE)
    assert encode(decoded) != SAMPLE


@given(st.integers(0, len(SAMPLE) - 1))
def test_cut_short(length: int) -> None:
    with pytest.raises(DecodeError):
        decode(SAMPLE[:length])


def test_trailing_bytes_and_size() -> None:
    with pytest.raises(DecodeError):
        decode(SAMPLE + b"\0")
    with pytest.raises(DecodeError):
        decode(bytes(MAX_SIZE + 1))


FIELDS = cbor.decode(SAMPLE, max_size=MAX_SIZE)


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_every_field_is_needed_and_has_its_type(name: str) -> None:
    with pytest.raises(DecodeError):
        decode(cbor.encode({key: value for key, value in FIELDS.items() if key != name}))
    with pytest.raises(DecodeError):
        decode(cbor.encode({**FIELDS, name: [True]}))
    with pytest.raises(DecodeError):
        decode(cbor.encode({**FIELDS, f"{name}x": b""}))


def test_the_largest_card_fits() -> None:
    largest = Evidence(
        profile="residence_permit_v1",
        captured=datetime(2026, 1, 1, tzinfo=UTC),
        sector="employment",
        mso=bytes(1024),
        permit=bytes(1024),
        signer_certificate=bytes(1024),
        sector_item=bytes(512),
        identity={"DG2": bytes(15_360), "EF.SOD": bytes(3072), "DG11": bytes(1024), "DG12": bytes(512)},
    )
    assert len(encode(largest)) <= MAX_SIZE
    assert decode(encode(largest)) == largest


def test_secrets_do_not_show() -> None:
    evidence = issue().evidence()
    assert evidence.chip is not None
    assert repr(evidence.chip.ephemeral_private) not in repr(evidence)
