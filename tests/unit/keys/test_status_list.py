"""Status lists: built, verified, looked up, and never taken back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import cbor2
import pytest

from keys import status_list
from keys.envelopes import cose
from keys.status_list import SHARD_ENTRIES, Status, StatusList, StatusListError, StatusListReason
from tests.permit_material import AGGREGATION_URI, KID, SIGNER, STATUS_URI

IAT = datetime(2026, 7, 1, tzinfo=UTC)
EXP = datetime(2026, 7, 8, tzinfo=UTC)


def build(entries: Mapping[int, Status], **changes: object) -> bytes:
    arguments: dict[str, object] = {
        "uri": STATUS_URI,
        "iat": IAT,
        "exp": EXP,
        "ttl": 43_200,
        "aggregation_uri": AGGREGATION_URI,
        "kid": KID,
        "sign": cose.raw_signer(SIGNER),
    }
    return status_list.build(entries, **{**arguments, **changes})  # type: ignore[arg-type]


def verified(entries: Mapping[int, Status], **changes: object) -> StatusList:
    return status_list.verify(build(entries, **changes), SIGNER.public_key(), str(changes.get("uri", STATUS_URI)))


def reason(check: StatusList, previous: StatusList) -> StatusListReason | None:
    try:
        check.require_succession(previous)
    except StatusListError as error:
        assert not check.succeeds(previous)
        return error.reason
    assert check.succeeds(previous)
    return None


def test_round_trip() -> None:
    shard = verified({0: Status.INVALID, 5: Status.SUSPENDED, SHARD_ENTRIES - 1: Status.INVALID})
    assert (shard.uri, shard.aggregation_uri) == (STATUS_URI, AGGREGATION_URI)
    assert (shard.iat, shard.exp, shard.ttl) == (IAT, EXP, 43_200)
    assert len(shard) == SHARD_ENTRIES
    expected = {0: Status.INVALID, 1: Status.VALID, 4: Status.VALID, 5: Status.SUSPENDED, 6: Status.VALID}
    assert {index: shard.lookup(index) for index in expected} == expected
    assert shard.lookup(SHARD_ENTRIES - 1) is Status.INVALID


def test_form_is_that_of_the_draft() -> None:
    envelope = cbor2.loads(build({1: Status.INVALID}, size=8))
    assert envelope.tag == 18
    protected, unprotected, payload, signature = envelope.value
    assert cbor2.loads(protected) == {1: -7, 16: "application/statuslist+cwt"}
    assert unprotected == {4: KID}
    assert len(signature) == 64
    claims = cbor2.loads(payload)
    assert claims.keys() == {2, 4, 6, 65533, 65534}
    assert (claims[2], claims[6], claims[4], claims[65534]) == (
        STATUS_URI, int(IAT.timestamp()), int(EXP.timestamp()), 43_200,
    )  # fmt: skip
    assert claims[65533].keys() == {"bits", "lst", "aggregation_uri"}
    assert claims[65533]["bits"] == 2
    assert claims[65533]["lst"][:2] == b"\x78\xda"  # zlib, best compression


@pytest.mark.parametrize("index", [-1, SHARD_ENTRIES, 2**40])
def test_no_entry_is_not_a_valid_one(index: int) -> None:
    with pytest.raises(StatusListError) as caught:
        verified({}).lookup(index)
    assert caught.value.reason is StatusListReason.OUT_OF_RANGE


def test_a_small_authority_has_a_small_shard() -> None:
    shard = verified({2: Status.SUSPENDED}, size=4)
    assert len(shard) == 4
    assert shard.lookup(2) is Status.SUSPENDED
    with pytest.raises(StatusListError):
        shard.lookup(4)


def test_half_a_percent_revoked_stays_small() -> None:
    # Every 200th, spread by a multiplier without a common divisor: random enough for zlib.
    revoked = {index * 48_271 % SHARD_ENTRIES: Status.INVALID for index in range(SHARD_ENTRIES // 200)}
    assert len(build(revoked)) < 2_700


WRONG = {
    "one bit": {"bits": 1},
    "no entries": {"size": 0},
    "too many entries": {"size": SHARD_ENTRIES + 4},
    "half a byte": {"size": 6},
    "never valid": {"exp": IAT},
    "no ttl": {"ttl": 0},
    "no zone": {"iat": datetime(2026, 7, 1), "exp": datetime(2026, 7, 8)},
    "fractions": {"iat": IAT + timedelta(microseconds=1)},
    "no URI": {"uri": ""},
    "no aggregation URI": {"aggregation_uri": ""},
    "long URI": {"uri": "h" * 129},
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG.keys())
def test_what_verify_would_refuse_is_not_built(change: dict[str, object]) -> None:
    with pytest.raises((ValueError, TypeError)):
        build({}, **change)


def test_entries_outside_the_list_are_not_built() -> None:
    for entries in ({-1: Status.INVALID}, {8: Status.INVALID}):
        with pytest.raises(ValueError):
            build(entries, size=8)


class TestSuccession:
    previous = verified({3: Status.INVALID, 4: Status.SUSPENDED}, size=16)

    def test_the_same_list_again(self) -> None:
        assert reason(self.previous, self.previous) is None

    def test_lifting_a_suspension_and_revoking(self) -> None:
        later = verified({3: Status.INVALID, 5: Status.INVALID}, size=16, iat=IAT + timedelta(hours=1))
        assert reason(later, self.previous) is None

    @pytest.mark.parametrize("now", [Status.VALID, Status.SUSPENDED])
    def test_a_status_never_leaves_invalid(self, now: Status) -> None:
        restored = verified({3: now, 4: Status.SUSPENDED}, size=16, iat=IAT + timedelta(days=1))
        assert reason(restored, self.previous) is StatusListReason.REVIVED

    def test_not_even_the_last_entry(self) -> None:
        before, after = ({15: status} for status in (Status.INVALID, Status.SUSPENDED))
        assert reason(verified(after, size=16), verified(before, size=16)) is StatusListReason.REVIVED

    def test_an_older_list(self) -> None:
        assert reason(replace(self.previous, iat=IAT - timedelta(seconds=1)), self.previous) is StatusListReason.OLDER

    def test_another_shard(self) -> None:
        assert reason(replace(self.previous, uri=AGGREGATION_URI), self.previous) is StatusListReason.WRONG_URI

    def test_a_shorter_list(self) -> None:
        assert reason(verified({3: Status.INVALID}, size=12), self.previous) is StatusListReason.SHRUNK

    def test_a_longer_list(self) -> None:
        assert reason(verified({3: Status.INVALID, 16: Status.INVALID}, size=20), self.previous) is None
