"""A counter that is offered a bad release: refused, with the reason, and its store byte for byte what it was.

Every attack on the files is made on a stick and on a web server. A counter in these tests holds release 2; where an
attack needs signatures, it is given all the keys that it says it has.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import zlib
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata

from keys import cbor, certificates, status_list
from keys.envelopes import cose
from keys.publication import layout
from keys.publication.metadata import sign_snapshot, sign_targets
from keys.publication.root import PERIODS, Role, parse
from keys.status_list import Status
from keys.trust import TrustStore, status_file_name
from tests.distribution import CITY, FIRST, SECOND, Quiet, anchor, lay_out, served, signed_root, tree
from tests.factory import AGGREGATION_URI, DAY, NOW, STATUS_URI, Authority, Signer, authority
from tests.killed import dies
from verifier import generations, sync_record
from verifier.cli import main
from verifier.sync import CLOCK_TOLERANCE, sync
from verifier.sync_reason import SyncReason, SyncRefused
from verifier.sync_texts import REASONS
from verifier.verdict import ExitCode

SHARD = f"status/{status_file_name(STATUS_URI)}"
OTHER_URI = "https://permits.example/status/1"
REVOKED = 7
"""A card that release 2 revokes."""
COMMON: dict[str, Any] = {"root": parse(anchor()).signed, "keys": FIRST.keys, "periods": PERIODS}


def crl(*revoked: Signer, number: int, this_update: datetime, by: Authority = CITY) -> bytes:
    """A revocation list; the date of each revocation stays the same from list to list."""
    serials = [x509.load_der_x509_certificate(signer.certificate).serial_number for signer in revoked]
    made = certificates.crl(
        issuer=by.csca,
        number=number,
        this_update=this_update,
        next_update=this_update + 60 * DAY,
        revocations=[certificates.Revocation(serial=serial, revoked_at=NOW) for serial in serials],
    )
    return made.public_bytes(Encoding.DER)


@functools.cache
def _targets(number: int) -> dict[str, bytes]:
    """Content of release `number`: the second revokes a card and a signer."""
    issued = NOW + (number - 1) * DAY
    shard = CITY.status_list({REVOKED: Status.INVALID} if number > 1 else {}, iat=issued)
    revoked = (CITY.document_signer,) if number > 1 else ()
    return CITY.trust_files(crl=crl(*revoked, number=number, this_update=issued), status={STATUS_URI: shard})


def targets(number: int, **changes: bytes | None) -> dict[str, bytes]:
    content = {**_targets(number), **{name.replace("__", "/"): data for name, data in changes.items()}}
    return {name: data for name, data in content.items() if data is not None}


def good(directory: Path, number: int) -> Path:
    """Release `number`, made a day after the one before."""
    return lay_out(directory, targets(number), version=number, now=NOW + (number - 1) * DAY)


AT = NOW + 2 * DAY
"""When the counter looks at what the attacker offers: release 3 would be fresh, release 2 is still good."""


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A counter's store that holds release 2."""
    made = tmp_path / "store"
    sync(str(good(tmp_path / "given", 2)), str(made), now=NOW + DAY, anchor=anchor())
    return made


def refused(source: str, store: Path, now: datetime = AT, **options: Any) -> SyncReason:
    """Why the source is refused; fails when it is not, or when anything in the store changed."""
    before = tree(store) if store.exists() else None
    with pytest.raises(SyncRefused) as caught:
        sync(source, str(store), now=now, **options)
    assert (tree(store) if store.exists() else None) == before
    return caught.value.reason


# --- releases that somebody doctored -------------------------------------------------------------------------------

Attack = Callable[[Path], object]
ATTACKS: dict[str, tuple[Attack, SyncReason]] = {}


def attack(reason: SyncReason) -> Callable[[Attack], Attack]:
    """Registers what turns an empty directory into a bad repository, and why it must be refused."""

    def register(make: Attack) -> Attack:
        ATTACKS[make.__name__] = (make, reason)
        return make

    return register


@attack(SyncReason.OLDER)
def an_old_stick_after_a_new_one(at: Path) -> None:
    good(at, 1)


@attack(SyncReason.ROLLED_BACK)
def a_new_timestamp_over_an_old_snapshot(at: Path) -> None:
    lay_out(at, targets(1), now=AT, versions={Role.TIMESTAMP: 3})


@attack(SyncReason.ROLLED_BACK)
def a_new_snapshot_over_old_targets(at: Path) -> None:
    lay_out(at, targets(1), now=AT, versions={Role.TIMESTAMP: 3, Role.SNAPSHOT: 3})


@attack(SyncReason.FROZEN)
def an_expired_timestamp(at: Path) -> None:
    lay_out(at, targets(3), version=3, now=AT - PERIODS[Role.TIMESTAMP])


@attack(SyncReason.FROZEN)
def an_expired_snapshot_under_a_fresh_timestamp(at: Path) -> None:
    listing = sign_targets(targets(3), version=3, now=AT, **COMMON)
    snapshot = sign_snapshot(listing, 3, version=3, now=AT - PERIODS[Role.SNAPSHOT], **COMMON)
    lay_out(at, targets(3), version=3, now=AT, listing=listing, snapshot=snapshot)


@attack(SyncReason.FROZEN)
def expired_targets_under_a_fresh_snapshot(at: Path) -> None:
    listing = sign_targets(targets(3), version=3, now=AT - PERIODS[Role.TARGETS], **COMMON)
    lay_out(at, targets(3), version=3, now=AT, listing=listing)


@attack(SyncReason.MIXED)
def the_snapshot_of_another_release(at: Path) -> None:
    lay_out(at, targets(3), version=3, now=AT)
    old = lay_out(at.parent / "old", targets(1), version=1)
    shutil.copy(old / "metadata" / "1.snapshot.json", at / "metadata" / "3.snapshot.json")


@attack(SyncReason.MIXED)
def the_targets_of_another_release(at: Path) -> None:
    lay_out(at, targets(3), version=3, now=AT)
    old = lay_out(at.parent / "old", targets(1), version=1)
    shutil.copy(old / "metadata" / "1.targets.json", at / "metadata" / "3.targets.json")


@attack(SyncReason.MIXED)
def a_root_under_another_number(at: Path) -> None:
    lay_out(at, targets(3), version=3, now=AT)
    shutil.copy(at / "metadata" / "1.root.json", at / "metadata" / "2.root.json")


@attack(SyncReason.INCOMPLETE)
def half_a_release_over_another(at: Path) -> None:
    """Copying was interrupted after the timestamp."""
    good(at, 2)
    new = lay_out(at.parent / "new", targets(3), version=3, now=AT)
    shutil.copy(new / "metadata" / "timestamp.json", at / "metadata" / "timestamp.json")


@attack(SyncReason.INCOMPLETE)
def a_target_that_is_missing(at: Path) -> None:
    lay_out(at, targets(3), version=3, now=AT)
    _published(at, targets(3), SHARD).unlink()


@attack(SyncReason.TOO_FEW_SIGNATURES)
def targets_with_one_of_two_signatures(at: Path) -> None:
    _with_listing(at, lambda metadata: metadata.signatures.popitem())


@attack(SyncReason.TOO_FEW_SIGNATURES)
def targets_with_a_signature_by_a_stranger(at: Path) -> None:
    def change(metadata: Metadata[Any]) -> None:
        metadata.signatures.popitem()
        metadata.sign(CryptoSigner(SECOND.targets[0]), append=True)

    _with_listing(at, change)


@attack(SyncReason.TOO_FEW_SIGNATURES)
def targets_whose_second_signature_is_the_first_again(at: Path) -> None:
    def change(metadata: Metadata[Any]) -> None:
        first, second = metadata.signatures
        metadata.signatures[second].signature = metadata.signatures[first].signature

    _with_listing(at, change)


@attack(SyncReason.MALFORMED)
def targets_with_the_same_key_twice(at: Path) -> None:
    listing = json.loads(sign_targets(targets(3), version=3, now=AT, **COMMON))
    listing["signatures"] = [listing["signatures"][0]] * 2
    lay_out(at, targets(3), version=3, now=AT, listing=json.dumps(listing).encode())


@attack(SyncReason.TOO_FEW_SIGNATURES)
def a_timestamp_by_somebody_else(at: Path) -> None:
    made = lay_out(at.parent / "theirs", targets(3), version=3, now=AT, roots=[SECOND.first_root()], keys=SECOND.keys)
    lay_out(at, targets(3), version=3, now=AT, timestamp=(made / "metadata" / "timestamp.json").read_bytes())


@attack(SyncReason.ROOT_UNTRUSTED)
def a_root_signed_only_by_new_keys(at: Path) -> None:
    new = signed_root(_second_root_draft(), SECOND.root[:3], anchor())
    lay_out(at, targets(3), version=3, now=AT, roots=[anchor(), new], keys=SECOND.keys)


@attack(SyncReason.ROOT_UNTRUSTED)
def a_root_signed_by_too_few_old_keys(at: Path) -> None:
    new = signed_root(_second_root_draft(), (*FIRST.root[:2], *SECOND.root), anchor())
    lay_out(at, targets(3), version=3, now=AT, roots=[anchor(), new], keys=SECOND.keys)


@attack(SyncReason.ROOT_UNTRUSTED)
def a_root_signed_only_by_old_keys(at: Path) -> None:
    new = signed_root(_second_root_draft(), FIRST.root, anchor())
    lay_out(at, targets(3), version=3, now=AT, roots=[anchor(), new], keys=SECOND.keys)


@attack(SyncReason.ROLLED_BACK)
def versions_that_begin_anew_with_new_keys(at: Path) -> None:
    """By the letter of TUF this recovers from a thief who ran ahead. Our publisher never does it."""
    new = signed_root(_second_root_draft(), (*FIRST.root[:3], *SECOND.root[:3]), anchor())
    lay_out(at, targets(2), version=1, now=AT, roots=[anchor(), new], keys=SECOND.keys)


@attack(SyncReason.TRUNCATED)
def a_truncated_target(at: Path) -> None:
    lay_out(at, targets(3), version=3, now=AT)
    path = _published(at, targets(3), SHARD)
    path.write_bytes(path.read_bytes()[:-1])


@attack(SyncReason.TRUNCATED)
def a_truncated_timestamp(at: Path) -> None:
    lay_out(at, targets(3), version=3, now=AT)
    path = at / "metadata" / "timestamp.json"
    path.write_bytes(path.read_bytes()[:-1])


@attack(SyncReason.TRUNCATED)
def truncated_targets_metadata(at: Path) -> None:
    lay_out(at, targets(3), version=3, now=AT)
    path = at / "metadata" / "3.targets.json"
    path.write_bytes(path.read_bytes()[:-10])


@attack(SyncReason.TRUNCATED)
def an_empty_timestamp(at: Path) -> None:
    lay_out(at, targets(3), version=3, now=AT)
    (at / "metadata" / "timestamp.json").write_bytes(b"")


@attack(SyncReason.ALTERED)
def a_flipped_bit_in_a_target(at: Path) -> None:
    lay_out(at, targets(3), version=3, now=AT)
    path = _published(at, targets(3), SHARD)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


@attack(SyncReason.ALTERED)
def a_target_with_a_tail(at: Path) -> None:
    lay_out(at, targets(3), version=3, now=AT)
    path = _published(at, targets(3), SHARD)
    path.write_bytes(path.read_bytes() + b"\0")


@attack(SyncReason.MALFORMED)
def metadata_that_is_no_metadata(at: Path) -> None:
    lay_out(at, targets(3), version=3, now=AT, timestamp=b'{"signatures": [], "signed": {"_type": "timestamp"}}')


@attack(SyncReason.MALFORMED)
def metadata_nested_without_end(at: Path) -> None:
    lay_out(at, targets(3), version=3, now=AT, timestamp=b"[" * 8000 + b"{}" + b"]" * 8000 + b"{}")


@attack(SyncReason.MALFORMED)
def a_snapshot_in_place_of_the_timestamp(at: Path) -> None:
    made = lay_out(at, targets(3), version=3, now=AT)
    shutil.copy(made / "metadata" / "3.snapshot.json", made / "metadata" / "timestamp.json")


@attack(SyncReason.TOO_LARGE)
def metadata_without_end(at: Path) -> None:
    lay_out(at, targets(3), version=3, now=AT, timestamp=b'{"signed": "' + b"x" * layout.MAX_TIMESTAMP + b'"}')


@attack(SyncReason.MALFORMED)
def a_target_that_climbs_out(at: Path) -> None:
    lay_out(at, targets(3) | {"csca/../../escaped.der": b"x"}, version=3, now=AT)


@attack(SyncReason.MALFORMED)
def a_target_of_no_kind_of_ours(at: Path) -> None:
    lay_out(at, targets(3) | {"signers/program.py": b"x"}, version=3, now=AT)


@attack(SyncReason.TOO_LARGE)
def a_target_larger_than_its_kind(at: Path) -> None:
    lay_out(at, targets(3) | {"signers/huge.der": bytes(5000)}, version=3, now=AT)


# --- content that is signed as it should be, and still may not be taken -----------------------------------------------


@attack(SyncReason.STATUS_BOMB)
def a_decompression_bomb_as_status_list(at: Path) -> None:
    lay_out(at, targets(3) | {SHARD: _list(bytes(40_000_000))}, version=3, now=AT)


@attack(SyncReason.TOO_LARGE)
def a_decompression_bomb_larger_than_any_list(at: Path) -> None:
    """100 kB that would become 100 MB: it is not even fetched."""
    lay_out(at, targets(3) | {SHARD: _list(bytes(100_000_000))}, version=3, now=AT)


@attack(SyncReason.STATUS_MISPLACED)
def a_shard_of_another_list(at: Path) -> None:
    other = CITY.status_list(uri=OTHER_URI, iat=AT)
    lay_out(at, targets(3) | {SHARD: other}, version=3, now=AT)


@attack(SyncReason.ALTERED)
def two_shards_that_changed_places(at: Path) -> None:
    content = targets(3) | {f"status/{status_file_name(OTHER_URI)}": CITY.status_list(uri=OTHER_URI, iat=AT)}
    lay_out(at, content, version=3, now=AT)
    first, second = (_published(at, content, name) for name in content if name.startswith("status/"))
    one, other = first.read_bytes(), second.read_bytes()
    longer = max(len(one), len(other))
    first.write_bytes(other.ljust(longer, b"\0"))
    second.write_bytes(one.ljust(longer, b"\0"))


@attack(SyncReason.STATUS_INVALID)
def a_list_by_a_signer_of_something_else(at: Path) -> None:
    shard = CITY.status_list(iat=AT, signer=CITY.entitlement_signer)
    lay_out(at, targets(3) | {SHARD: shard}, version=3, now=AT)


@attack(SyncReason.STATUS_INVALID)
def a_list_by_a_revoked_status_signer(at: Path) -> None:
    revoking = crl(CITY.document_signer, CITY.status_signer, number=3, this_update=AT)
    lay_out(at, targets(3) | {"crl/csca.crl": revoking}, version=3, now=AT)


@attack(SyncReason.STATUS_INVALID)
def an_unchanged_list_whose_signer_was_revoked(at: Path) -> None:
    revoking = crl(CITY.document_signer, CITY.status_signer, number=3, this_update=AT)
    lay_out(at, targets(2) | {"crl/csca.crl": revoking}, version=3, now=AT)


@attack(SyncReason.STATUS_INVALID)
def rubbish_as_status_list(at: Path) -> None:
    lay_out(at, targets(3) | {SHARD: b"\xd2\x84rubbish"}, version=3, now=AT)


@attack(SyncReason.REVOCATION_TAKEN_BACK)
def a_revoked_card_that_comes_back(at: Path) -> None:
    lay_out(at, targets(3) | {SHARD: CITY.status_list(iat=AT)}, version=3, now=AT)


@attack(SyncReason.REVOCATION_TAKEN_BACK)
def a_list_that_is_older_than_ours(at: Path) -> None:
    lay_out(at, targets(3) | {SHARD: CITY.status_list({REVOKED: Status.INVALID}, iat=NOW)}, version=3, now=AT)


@attack(SyncReason.REVOCATION_TAKEN_BACK)
def a_list_that_lost_entries(at: Path) -> None:
    shard = CITY.status_list({REVOKED: Status.INVALID}, iat=AT, size=512)
    lay_out(at, targets(3) | {SHARD: shard}, version=3, now=AT)


@attack(SyncReason.REVOCATION_TAKEN_BACK)
def a_revoked_signer_that_comes_back(at: Path) -> None:
    lay_out(at, targets(3) | {"crl/csca.crl": crl(number=3, this_update=AT)}, version=3, now=AT)


@attack(SyncReason.REVOCATION_TAKEN_BACK)
def an_older_revocation_list(at: Path) -> None:
    revoking = crl(CITY.document_signer, number=1, this_update=NOW)
    lay_out(at, targets(3) | {"crl/csca.crl": revoking}, version=3, now=AT)


@attack(SyncReason.REVOCATION_INVALID)
def a_revocation_list_by_another_root(at: Path) -> None:
    revoking = crl(number=3, this_update=AT, by=authority("elsewhere"))
    lay_out(at, targets(3) | {"crl/csca.crl": revoking}, version=3, now=AT)


@attack(SyncReason.REVOCATION_INVALID)
def a_second_revocation_list_by_another_root(at: Path) -> None:
    revoking = crl(number=3, this_update=AT, by=authority("elsewhere"))
    lay_out(at, targets(3) | {"crl/other.crl": revoking}, version=3, now=AT)


@attack(SyncReason.TRUST_INVALID)
def no_root_certificate(at: Path) -> None:
    content = targets(3)
    del content["csca/csca.der"]
    lay_out(at, content, version=3, now=AT)


@attack(SyncReason.TRUST_INVALID)
def rubbish_as_certificate(at: Path) -> None:
    lay_out(at, targets(3) | {"signers/rubbish.der": b"\x30\x03\x02\x01\x00"}, version=3, now=AT)


@attack(SyncReason.CLOCK_SET_BACK)
def signatures_from_tomorrow(at: Path) -> None:
    lay_out(at, targets(3), version=3, now=AT + DAY)


# --- keys that sign twice: a version that the counter has, with enough signatures and other content -------------------


@attack(SyncReason.FORKED)
def the_same_release_without_the_revocation(at: Path) -> None:
    """The counter would keep what it has, and nobody would hear of the thief."""
    lay_out(at, targets(1), version=2, now=NOW + DAY)


@attack(SyncReason.FORKED)
def the_same_content_signed_at_another_time(at: Path) -> None:
    lay_out(at, targets(2), version=2, now=NOW + DAY + timedelta(seconds=1))


@attack(SyncReason.FORKED)
def another_timestamp_over_the_same_snapshot(at: Path) -> None:
    at.mkdir()
    shutil.copytree(at.parent / "given", at, dirs_exist_ok=True)
    snapshot = (at / "metadata" / "2.snapshot.json").read_bytes()
    made = lay_out(at.parent / "theirs", targets(2), version=2, now=AT, snapshot=snapshot)
    shutil.copy(made / "metadata" / "timestamp.json", at / "metadata" / "timestamp.json")


@attack(SyncReason.FORKED)
def a_new_timestamp_over_another_snapshot_of_the_same_version(at: Path) -> None:
    """Here TUF goes by the snapshot that the counter has, whatever hash the timestamp names."""
    lay_out(at, targets(3), now=AT, versions={Role.TIMESTAMP: 3, Role.SNAPSHOT: 2, Role.TARGETS: 3})


@attack(SyncReason.FORKED)
def a_new_snapshot_over_other_targets_of_the_same_version(at: Path) -> None:
    """And here TUF takes the other ones."""
    lay_out(at, targets(3), now=AT, versions={Role.TIMESTAMP: 3, Role.SNAPSHOT: 3, Role.TARGETS: 2})


@attack(SyncReason.FORKED)
def a_fork_that_is_also_expired(at: Path) -> None:
    lay_out(at, targets(1), version=2, now=AT - PERIODS[Role.TIMESTAMP])


@attack(SyncReason.FORKED)
def a_fork_of_which_half_is_missing(at: Path) -> None:
    lay_out(at, targets(3), now=AT, versions={Role.TIMESTAMP: 3, Role.SNAPSHOT: 3, Role.TARGETS: 2})
    (at / "metadata" / "2.targets.json").unlink()


@attack(SyncReason.FORKED)
def another_first_root_by_the_same_root_keys_over_other_keys(at: Path) -> None:
    from keys.publication.root import draft

    roles = {role: FIRST.roles[role] if role is Role.ROOT else SECOND.roles[role] for role in Role}
    other = signed_root(draft(roles, previous=None, now=AT), FIRST.root[:3], None)
    lay_out(at, targets(3), version=3, now=AT, roots=[other], keys=SECOND.keys)


@pytest.mark.parametrize("transport", ["stick", "server"])
@pytest.mark.parametrize("name", ATTACKS)
def test_a_doctored_release(tmp_path: Path, store: Path, name: str, transport: str) -> None:
    make, reason = ATTACKS[name]
    offered = tmp_path / "offered"
    make(offered)
    with nullcontext(str(offered)) if transport == "stick" else served(offered) as source:
        assert refused(source, store) is reason
    assert not (tmp_path / "escaped.der").exists()


@pytest.mark.parametrize("transport", ["stick", "server"])
def test_the_same_release_undoctored(tmp_path: Path, store: Path, transport: str) -> None:
    """What all attacks start from is accepted: none of them is refused for another fault."""
    offered = lay_out(tmp_path / "offered", targets(3), version=3, now=AT)
    with nullcontext(str(offered)) if transport == "stick" else served(offered) as source:
        done = sync(source, str(store), now=AT)
    assert set(done.changed) == {SHARD, "crl/csca.crl"}
    assert done.record.timestamp == 3
    trust = TrustStore.load(generations.resolve(str(store)))
    assert trust.status_list(STATUS_URI, now=AT).lookup(REVOKED) is Status.INVALID


def test_what_no_key_signed_is_no_fork(tmp_path: Path, store: Path) -> None:
    """A flipped bit, or a stranger's signature, is for another reason: the alarm is for keys that signed twice."""
    lay_out(tmp_path / "theirs", targets(1), version=2, now=AT, roots=[SECOND.first_root()], keys=SECOND.keys)
    assert refused(str(tmp_path / "theirs"), store) is SyncReason.TOO_FEW_SIGNATURES


def test_the_release_that_the_counter_has_is_no_fork(tmp_path: Path, store: Path) -> None:
    again = sync(str(tmp_path / "given"), str(store), now=AT)
    assert (again.changed, again.record.timestamp) == ((), 2)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_fork_on_a_stick_is_told(
    tmp_path: Path, store: Path, language: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lay_out(tmp_path / "stick", targets(1), version=2, now=NOW + DAY)
    arguments = ["sync", "--from", str(tmp_path / "stick"), "--store", str(store), "--lang", language]
    before = tree(store)
    assert main([*arguments, "--state", str(tmp_path / "state")], now=lambda: AT) == ExitCode.OWN_DATA
    assert tree(store) == before
    told = capsys.readouterr().err
    assert REASONS[SyncReason.FORKED][language == "en"] in told
    assert "timestamp 2" in told
    assert main([*arguments, "--state", str(tmp_path / "state"), "--json"], now=lambda: AT) == ExitCode.OWN_DATA
    assert json.loads(capsys.readouterr().out)["reason"] == "forked"


# --- time ----------------------------------------------------------------------------------------------------------


def test_a_clock_set_back_makes_an_expired_release_fresh_and_is_noticed(tmp_path: Path, store: Path) -> None:
    offered = tmp_path / "given"  # the very release that the counter has: signed anew it might differ in length
    assert refused(str(offered), store, now=NOW + 5 * DAY) is SyncReason.FROZEN
    assert refused(str(offered), store, now=NOW) is SyncReason.CLOCK_SET_BACK
    assert refused(str(offered), store, now=NOW - 365 * DAY) is SyncReason.CLOCK_SET_BACK


def test_the_clock_may_be_a_little_behind(tmp_path: Path, store: Path) -> None:
    offered = tmp_path / "given"
    sync(str(offered), str(store), now=NOW + DAY - CLOCK_TOLERANCE)
    second = timedelta(seconds=1)
    assert refused(str(offered), store, now=NOW + DAY - CLOCK_TOLERANCE - second) is SyncReason.CLOCK_SET_BACK


def test_the_machines_own_watermark_counts_too(tmp_path: Path, store: Path) -> None:
    offered = lay_out(tmp_path / "offered", targets(3), version=3, now=AT)
    assert refused(str(offered), store, watermark=AT + DAY) is SyncReason.CLOCK_SET_BACK


def test_the_watermark_of_the_store_never_goes_back(tmp_path: Path, store: Path) -> None:
    offered = tmp_path / "given"
    sync(str(offered), str(store), now=NOW + DAY - CLOCK_TOLERANCE)
    record = sync_record.read(generations.resolve(str(store)))
    assert record is not None
    assert record.watermark == NOW + DAY


def test_a_new_counter_with_a_clock_behind_the_signatures(tmp_path: Path) -> None:
    """Nothing is expired to a clock in the past; but the lists were signed later than its now."""
    offered = good(tmp_path / "offered", 1)
    store = tmp_path / "store"
    assert refused(str(offered), store, now=NOW - 60 * DAY, anchor=anchor()) is SyncReason.CLOCK_SET_BACK


def test_a_clock_once_far_ahead_does_not_lock_the_counter_out(tmp_path: Path, store: Path) -> None:
    offered = lay_out(tmp_path / "offered", targets(3), version=3, now=AT)
    assert refused(str(offered), store, now=AT + 365 * DAY) is SyncReason.ROOT_EXPIRED
    sync(str(offered), str(store), now=AT)


# --- roots ---------------------------------------------------------------------------------------------------------


def test_a_root_signed_by_old_and_new_keys(tmp_path: Path, store: Path) -> None:
    new = signed_root(_second_root_draft(), (*FIRST.root[1:4], *SECOND.root[2:]), anchor())
    offered = lay_out(tmp_path / "offered", targets(3), version=3, now=AT, roots=[anchor(), new], keys=SECOND.keys)
    assert sync(str(offered), str(store), now=AT).record.root == 2
    # The first anchor still leads to the second root, for a counter that was never there.
    assert sync(str(offered), str(tmp_path / "fresh"), now=AT, anchor=anchor()).record.root == 2
    # And what the old keys sign is worth nothing now.
    stale = lay_out(tmp_path / "stale", targets(3), version=4, now=AT)
    (stale / "metadata" / "2.root.json").write_bytes(new)
    assert refused(str(stale), store) is SyncReason.TOO_FEW_SIGNATURES


def test_an_expired_root_can_still_be_rotated(tmp_path: Path, store: Path) -> None:
    late = NOW + 400 * DAY
    offered = lay_out(tmp_path / "offered", targets(3), version=3, now=late)
    assert refused(str(offered), store, now=late) is SyncReason.ROOT_EXPIRED


@pytest.mark.parametrize("rubbish", [b"", b"{}", b'{"signatures":[],"signed":{}}', b"\xff" * 100])
def test_an_anchor_that_is_none(tmp_path: Path, rubbish: bytes) -> None:
    offered = good(tmp_path / "offered", 1)
    assert refused(str(offered), tmp_path / "store", now=NOW, anchor=rubbish) is SyncReason.ANCHOR_INVALID


def test_an_anchor_that_is_not_signed(tmp_path: Path) -> None:
    offered = good(tmp_path / "offered", 1)
    unsigned = json.loads(anchor())
    unsigned["signatures"] = unsigned["signatures"][:2]
    store = tmp_path / "store"
    assert refused(str(offered), store, now=NOW, anchor=json.dumps(unsigned).encode()) is SyncReason.ANCHOR_INVALID


def test_the_anchor_of_another_authority(tmp_path: Path) -> None:
    offered = good(tmp_path / "offered", 1)
    store = tmp_path / "store"
    assert refused(str(offered), store, now=NOW, anchor=SECOND.first_root()) is SyncReason.TOO_FEW_SIGNATURES


def test_the_root_on_a_stick_is_no_anchor(tmp_path: Path) -> None:
    assert refused(str(good(tmp_path / "offered", 1)), tmp_path / "store", now=NOW) is SyncReason.NO_ANCHOR


# --- sticks and servers --------------------------------------------------------------------------------------------


def test_links_and_pipes_on_a_stick(tmp_path: Path, store: Path) -> None:
    offered = lay_out(tmp_path / "offered", targets(3), version=3, now=AT)
    shard = _published(offered, targets(3), SHARD)
    shard.unlink()
    os.mkfifo(shard)
    assert refused(str(offered), store) is SyncReason.UNREACHABLE
    shard.unlink()
    shard.symlink_to("/etc/hostname")
    assert refused(str(offered), store) is SyncReason.UNREACHABLE


def test_no_repository_at_all(tmp_path: Path, store: Path) -> None:
    assert refused(str(tmp_path / "nowhere"), store) is SyncReason.NOT_A_REPOSITORY
    (tmp_path / "empty").mkdir()
    assert refused(str(tmp_path / "empty"), store) is SyncReason.NOT_A_REPOSITORY
    with served(tmp_path / "empty") as url:
        assert refused(url, store) is SyncReason.NOT_A_REPOSITORY
    assert refused(url, store) is SyncReason.UNREACHABLE


def test_a_server_that_hangs_up(tmp_path: Path, store: Path) -> None:
    offered = lay_out(tmp_path / "offered", targets(3), version=3, now=AT)

    class HangsUp(Quiet):
        """Promises the whole file and sends half of it."""

        def copyfile(self, source: Any, outputfile: Any) -> None:
            data = source.read()
            outputfile.write(data[: len(data) // 2] if self.path.endswith(".cwt") else data)
            self.close_connection = True

    with served(offered, HangsUp) as url:
        assert refused(url, store) is SyncReason.TRUNCATED


def test_a_server_that_never_stops(tmp_path: Path, store: Path) -> None:
    offered = lay_out(tmp_path / "offered", targets(3), version=3, now=AT)

    class Endless(Quiet):
        def do_GET(self) -> None:
            if not self.path.endswith("timestamp.json"):
                return super().do_GET()
            self.send_response(200)
            self.end_headers()
            try:
                while True:
                    self.wfile.write(b"x" * 65536)
            except OSError:  # the counter had enough
                self.close_connection = True

    with served(offered, Endless) as url:
        assert refused(url, store) is SyncReason.TOO_LARGE


@pytest.mark.parametrize("status", [500, 503])
def test_a_server_in_trouble(tmp_path: Path, store: Path, status: int) -> None:
    class Trouble(Quiet):
        def do_GET(self) -> None:
            self.send_error(status)

    with served(tmp_path, Trouble) as url:
        assert refused(url, store) is SyncReason.UNREACHABLE


# --- the store -----------------------------------------------------------------------------------------------------


def test_two_at_once(tmp_path: Path, store: Path) -> None:
    offered = lay_out(tmp_path / "offered", targets(3), version=3, now=AT)
    with generations.building(str(store)), pytest.raises(SyncRefused) as caught:
        sync(str(offered), str(store), now=AT)
    assert caught.value.reason is SyncReason.STORE_BUSY


def test_a_full_disk(tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offered = lay_out(tmp_path / "offered", targets(3), version=3, now=AT)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert refused(str(offered), store) is SyncReason.STORE_UNWRITABLE


@pytest.mark.parametrize("damage", [b"", b"{}", b"[]", b'{"format": 1}'])
def test_a_damaged_record_is_not_forgotten(tmp_path: Path, store: Path, damage: bytes) -> None:
    """Without it nobody knows what time it is at least, nor which release we had."""
    offered = lay_out(tmp_path / "offered", targets(3), version=3, now=AT)
    (store / "current" / "sync.json").write_bytes(damage)
    assert refused(str(offered), store) is SyncReason.STORE_DAMAGED


def test_metadata_that_vanished_from_the_store_does_not_open_the_door(tmp_path: Path, store: Path) -> None:
    for name in ("timestamp.json", "snapshot.json", "targets.json"):
        (store / "current" / "tuf" / name).unlink()
    assert refused(str(good(tmp_path / "offered", 1)), store) is SyncReason.ROLLED_BACK


def test_killed_at_any_moment(tmp_path: Path, store: Path) -> None:
    """A process that dies at each step on the disk leaves the old store or the new one, and the next run finishes."""
    offered = lay_out(tmp_path / "offered", targets(3), version=3, now=AT)
    old = _trust_tree(store)
    outcomes = set()
    for step in range(1, 10_000):
        trial = tmp_path / "trial"
        shutil.copytree(store, trial, symlinks=True)
        if dies(step, lambda trial=trial: sync(str(offered), str(trial), now=AT)):
            seen = _trust_tree(trial)
            outcomes.add(seen == old)
            if seen != old:
                assert TrustStore.load(generations.resolve(str(trial))).crl_time() == _crl_time(3)
            assert sync(str(offered), str(trial), now=AT).record.timestamp == 3
            assert not (trial / "generations" / ".partial").exists()
            shutil.rmtree(trial)
            continue
        break
    assert outcomes == {True, False}


# --- means ---------------------------------------------------------------------------------------------------------


def _published(directory: Path, content: Mapping[str, bytes], name: str) -> Path:
    return directory / layout.published_path(name, sha256(content[name]).hexdigest())


def _second_root_draft() -> bytes:
    from keys.publication.root import draft

    return draft(SECOND.roles, previous=anchor(), now=AT)


def _with_listing(at: Path, change: Callable[[Metadata[Any]], object]) -> None:
    """Release 3, its targets metadata changed after signing."""
    metadata: Metadata[Any] = Metadata.from_bytes(sign_targets(targets(3), version=3, now=AT, **COMMON))
    change(metadata)
    lay_out(at, targets(3), version=3, now=AT, listing=metadata.to_bytes())


def _list(statuses: bytes) -> bytes:
    """A status list, signed by the right signer, that inflates to `statuses`."""
    claims = {
        2: STATUS_URI,
        6: int(AT.timestamp()),
        4: int((AT + 30 * DAY).timestamp()),
        65534: 3600,
        65533: {"bits": 2, "lst": zlib.compress(statuses, 9), "aggregation_uri": AGGREGATION_URI},
    }
    return cose.sign1(
        cbor.encode(claims),
        sign=cose.raw_signer(CITY.status_signer.private_key),
        kid=CITY.status_signer.kid,
        protected_extra={cose.TYP: status_list.TYPE},
        tagged=True,
    )


def _trust_tree(store: Path) -> dict[str, bytes | str]:
    return tree(Path(generations.resolve(str(store))))


def _crl_time(number: int) -> datetime:
    return NOW + (number - 1) * DAY
