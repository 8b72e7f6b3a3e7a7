"""An authority's own publication: set up, published from its home, interrupted, restored from a backup."""

from __future__ import annotations

import functools
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from keys import certificates
from keys.algorithms import Purpose
from keys.certificates import Periods
from keys.cli import main
from keys.custody import CustodyError, CustodyReason
from keys.custody.software import ScryptCost, SoftwareCustody
from keys.publication import home, master_list, role_keys
from keys.publication import root as root_metadata
from keys.publication.errors import PublicationError, PublicationReason, Rule
from keys.publication.repository import Versions
from keys.publication.root import Role, RoleKeys, key_identifier
from keys.publication.texts import REASONS, RULES, TEXTS, Text
from keys.status_list import Status
from keys.trust import status_file_name
from tests.distribution import CITY, release
from tests.factory import DAY, NOW, STATUS_URI, der, serial, write_files
from verifier.sync import sync


@pytest.fixture
def custody(tmp_path: Path) -> SoftwareCustody:
    (tmp_path / "keys").mkdir()
    return SoftwareCustody(tmp_path / "keys", b"correct horse", cost=ScryptCost(log2_n=2, r=1, p=1))


@pytest.fixture
def authority_home(tmp_path: Path, custody: SoftwareCustody) -> Path:
    """An authority with publication set up and a master list signer."""
    at = tmp_path / "home"
    write_files(at / "trust", CITY.trust_files())
    home.set_up(str(at), custody, now=NOW)
    return at


def publish(at: Path, custody: SoftwareCustody, directory: Path, **changes):  # type: ignore[no-untyped-def]
    key, certificate = _list_signer()
    signer = home.ListSigner(certificate=certificate, private_key=lambda: key)
    options = {"trust_directory": str(at / "trust"), "now": NOW, "list_signer": signer, **changes}
    return home.publish_home(str(at), str(directory), custody, **options)


@functools.cache
def _list_signer() -> tuple[ec.EllipticCurvePrivateKey, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = certificates.purpose_signer(
        CITY.names,
        purpose=Purpose.MASTER_LIST_SIGNER,
        issuer=CITY.csca,
        common_name="ML 1",
        public_key=key.public_key(),
        periods=Periods(not_before=NOW, key_use_until=NOW + 90 * DAY, not_after=NOW + 900 * DAY),
        serial=serial("master list"),
    )
    return key, der(certificate)


def refused(work: Callable[[], object]) -> PublicationReason:
    with pytest.raises(PublicationError) as caught:
        work()
    return caught.value.reason


def test_from_nothing_to_a_counter(tmp_path: Path, authority_home: Path, custody: SoftwareCustody) -> None:
    counted: list[bytes] = []
    made = publish(authority_home, custody, tmp_path / "public", count=counted.append)
    # Each key of a role that signs is counted before it does; the master list's signer counts by itself.
    names = ("targets-1", "targets-2", "snapshot-1", "timestamp-1")
    assert counted == [role_keys.kid(custody.public_key(f"file:tuf-{name}.p8")) for name in names]
    anchor = (authority_home / "publication" / "roots" / "1.root.json").read_bytes()
    done = sync(str(tmp_path / "public"), str(tmp_path / "store"), now=NOW, anchor=anchor)
    assert set(done.changed) == set(made.added) - {"masterlist.cms"}


def test_the_master_list_is_signed_once(tmp_path: Path, authority_home: Path, custody: SoftwareCustody) -> None:
    first = publish(authority_home, custody, tmp_path / "public")
    listed, verified = master_list.verify((authority_home / "publication" / "masterlist.cms").read_bytes())
    assert listed == (der(CITY.csca.certificate),)
    assert verified.signing_time == NOW
    second = publish(authority_home, custody, tmp_path / "public", now=NOW + DAY)
    assert (second.changed, second.versions.targets) == ((), first.versions.targets)


def test_a_home_from_a_backup_goes_on_above_what_was_published(
    tmp_path: Path, authority_home: Path, custody: SoftwareCustody
) -> None:
    publish(authority_home, custody, tmp_path / "public")
    shutil.copytree(authority_home, tmp_path / "backup")
    for day in range(1, 4):
        publish(authority_home, custody, tmp_path / "public", now=NOW + day * DAY)
    restored = publish(tmp_path / "backup", custody, tmp_path / "public", now=NOW + 4 * DAY)
    assert restored.versions.timestamp == 5
    # And a public directory from a backup does not go below what the home remembers.
    shutil.rmtree(tmp_path / "public")
    again = publish(tmp_path / "backup", custody, tmp_path / "public", now=NOW + 5 * DAY)
    assert again.versions == Versions(root=1, targets=2, snapshot=2, timestamp=6)


def test_set_up_twice(authority_home: Path, custody: SoftwareCustody) -> None:
    assert refused(lambda: home.set_up(str(authority_home), custody, now=NOW)) is PublicationReason.EXISTS


def test_set_up_that_was_interrupted_takes_the_keys_that_there_are(tmp_path: Path, custody: SoftwareCustody) -> None:
    class Dying(SoftwareCustody):
        left = 4

        def generate(self, uri: str, curve: ec.EllipticCurve, *, purpose: str = "") -> ec.EllipticCurvePrivateKey:
            if self.left == 0:
                raise CustodyError("gone", reason=CustodyReason.NOT_FOUND, uri=uri)
            self.left -= 1
            return super().generate(uri, curve, purpose=purpose)

    dying = Dying(tmp_path / "keys", b"correct horse", cost=ScryptCost(log2_n=2, r=1, p=1))
    with pytest.raises(CustodyError):
        home.set_up(str(tmp_path / "home"), dying, now=NOW)
    first = home.set_up(str(tmp_path / "home"), custody, now=NOW)
    named = root_metadata.parse(first).signed.roles["root"].keyids
    assert set(named) == {
        key_identifier(custody.private_key(f"file:tuf-root-{number}.p8").public_key()) for number in range(1, 6)
    }


def test_without_set_up(tmp_path: Path, custody: SoftwareCustody) -> None:
    write_files(tmp_path / "trust", CITY.trust_files())
    assert refused(lambda: publish(tmp_path, custody, tmp_path / "public")) is PublicationReason.NOT_SET_UP


def test_a_lost_key(tmp_path: Path, authority_home: Path, custody: SoftwareCustody) -> None:
    (tmp_path / "keys" / "tuf-targets-2.p8").unlink()
    assert refused(lambda: publish(authority_home, custody, tmp_path / "public")) is PublicationReason.KEY_MISSING


def test_a_root_that_was_signed_elsewhere(tmp_path: Path, authority_home: Path, custody: SoftwareCustody) -> None:
    """A new timestamp key; the root travels from holder to holder and comes back complete."""
    publish(authority_home, custody, tmp_path / "public")
    (old,) = home.roots(str(authority_home))
    fresh = custody.generate("file:tuf-timestamp-2.p8", ec.SECP256R1())
    roles = {
        role: RoleKeys(
            threshold=home.KEY_COUNTS[role][0],
            keys=tuple(custody.private_key(uri).public_key() for uri in home.default_uris()[role]),
        )
        for role in Role
    } | {Role.TIMESTAMP: RoleKeys(threshold=1, keys=(fresh.public_key(),))}
    carried = root_metadata.draft(roles, previous=old, now=NOW + DAY)
    for number in (2, 4, 5):
        early = refused(lambda carried=carried: home.install_root(str(authority_home), carried))
        assert early is PublicationReason.ROOT_THRESHOLD
        key = custody.private_key(f"file:tuf-root-{number}.p8")
        carried = root_metadata.add_signature(carried, key, previous=old)
    home.install_root(str(authority_home), carried)
    lost = refused(lambda: publish(authority_home, custody, tmp_path / "public", now=NOW + DAY))
    assert lost is PublicationReason.KEY_MISSING
    home.add_key_uris(str(authority_home), {key_identifier(fresh.public_key()): "file:tuf-timestamp-2.p8"})
    assert publish(authority_home, custody, tmp_path / "public", now=NOW + DAY).versions.root == 2


def test_a_stranger_cannot_sign_a_root(authority_home: Path) -> None:
    (old,) = home.roots(str(authority_home))
    stranger = ec.generate_private_key(ec.SECP256R1())
    assert refused(lambda: root_metadata.add_signature(old, stranger, previous=None)) is PublicationReason.KEY_MISSING


@pytest.mark.parametrize("days", [0, 8])
def test_a_timestamp_of_one_to_seven_days(tmp_path: Path, custody: SoftwareCustody, days: int) -> None:
    with pytest.raises(ValueError, match="days"):
        home.set_up(str(tmp_path / "home"), custody, now=NOW, timestamp_days=days)


def test_a_home_from_a_backup_does_not_bring_a_card_back(
    tmp_path: Path, authority_home: Path, custody: SoftwareCustody
) -> None:
    def revoked(*cards: int, day: int) -> bytes:
        return CITY.status_list(dict.fromkeys(cards, Status.INVALID), iat=NOW + day * DAY)

    shard = Path("trust", "status", status_file_name(STATUS_URI))
    shutil.copytree(authority_home, tmp_path / "backup")
    (authority_home / shard).write_bytes(revoked(3, day=1))
    (authority_home / "trust" / "crl" / "csca.crl").write_bytes(CITY.crl(CITY.document_signer, number=2))
    publish(authority_home, custody, tmp_path / "public", now=NOW + DAY)
    # The backup is older: it takes up the lists as published.
    publish(tmp_path / "backup", custody, tmp_path / "public", now=NOW + 2 * DAY)
    for name in (shard, Path("trust", "crl", "csca.crl")):
        assert (tmp_path / "backup" / name).read_bytes() == (authority_home / name).read_bytes()
    # A list signed after the restore, by somebody who did not publish first: what was revoked is revoked again.
    (tmp_path / "backup" / shard).write_bytes(revoked(4, day=3))
    asked: list[tuple[str, dict[int, Status]]] = []

    def revoke(uri: str, statuses: Mapping[int, Status]) -> None:
        asked.append((uri, dict(statuses)))
        (tmp_path / "backup" / shard).write_bytes(revoked(3, 4, day=3))

    publish(tmp_path / "backup", custody, tmp_path / "public", now=NOW + 3 * DAY, revoke=revoke)
    assert asked == [(STATUS_URI, {3: Status.INVALID})]
    (tmp_path / "backup" / shard).write_bytes(revoked(day=4))
    deaf = refused(lambda: publish(tmp_path / "backup", custody, tmp_path / "public", now=NOW + 4 * DAY))
    assert deaf is PublicationReason.LINT


def test_the_repository_of_another_authority(tmp_path: Path, authority_home: Path, custody: SoftwareCustody) -> None:
    release(tmp_path / "public", CITY.trust_files())
    assert refused(lambda: publish(authority_home, custody, tmp_path / "public")) is PublicationReason.DAMAGED


def test_the_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`permit-keys init`, `publication`, `publish`, then a counter; and what it says when it refuses."""
    at, public, stick = tmp_path / "home", tmp_path / "public", tmp_path / "stick"
    members = {"country": "UT", "mrz_country": "UTO", "name_zh": "安和", "name_en": "Anhe", "status_uri": STATUS_URI}
    (tmp_path / "authority.json").write_text(json.dumps(members))
    (tmp_path / "secret").write_text("correct horse")

    def run(name: str, *arguments: str, day: int = 0, language: str = "en") -> int:
        common = ["--home", str(at), "--passphrase-file", str(tmp_path / "secret"), "--lang", language]
        return main([name, *arguments, *common], clock=lambda: NOW + day * DAY)

    assert run("init", "--authority", str(tmp_path / "authority.json")) == 0
    assert run("publish", str(public)) == 1
    assert run("publication", "--timestamp-days", "7", language="zh") == 0
    assert run("publish", str(public), "--dry-run") == 0
    assert not (public / "current").exists()
    assert run("publish", str(public), "--stick", str(stick)) == 0
    anchor = (at / "publication" / "roots" / "1.root.json").read_bytes()
    assert sync(str(stick), str(tmp_path / "store"), now=NOW + 6 * DAY, anchor=anchor).record.timestamp == 1
    assert run("publish", str(public), day=2, language="zh") == 0
    next((at / "trust" / "signers").iterdir()).unlink()
    capsys.readouterr()
    for language in ("zh", "en"):
        assert run("publish", str(public), day=3, language=language) == 1
        assert "{" not in capsys.readouterr().err


def test_every_reason_has_its_text() -> None:
    assert set(REASONS) == set(PublicationReason)
    assert set(RULES) == set(Rule)
    assert set(TEXTS) == set(Text)
