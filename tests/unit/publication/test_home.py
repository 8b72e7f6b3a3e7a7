"""An authority's own publication: set up, published from its home, interrupted, restored from a backup."""

from __future__ import annotations

import shutil
from argparse import ArgumentParser
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from keys.certificates import Periods
from keys.custody import CustodyError, CustodyReason
from keys.custody.software import ScryptCost, SoftwareCustody
from keys.publication import command, home, master_list
from keys.publication import root as root_metadata
from keys.publication.errors import PublicationError, PublicationReason, Rule
from keys.publication.repository import Versions
from keys.publication.root import Role, RoleKeys, key_identifier
from keys.publication.texts import REASONS, RULES, TEXTS, Text
from tests.distribution import CITY
from tests.factory import DAY, NOW, der, serial, write_files
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
    home.set_up_master_list(
        str(at),
        custody,
        names=CITY.names,
        issuer=CITY.csca,
        periods=Periods(not_before=NOW, key_use_until=NOW + 90 * DAY, not_after=NOW + 900 * DAY),
        serial=serial("master list"),
    )
    return at


def publish(at: Path, custody: SoftwareCustody, directory: Path, **changes):  # type: ignore[no-untyped-def]
    options = {"trust_directory": str(at / "trust"), "now": NOW, **changes}
    return home.publish_home(str(at), str(directory), custody, **options)


def refused(work: Callable[[], object]) -> PublicationReason:
    with pytest.raises(PublicationError) as caught:
        work()
    return caught.value.reason


def test_from_nothing_to_a_counter(tmp_path: Path, authority_home: Path, custody: SoftwareCustody) -> None:
    counted: list[str] = []
    made = publish(authority_home, custody, tmp_path / "public", count=counted.append)
    # Each key that signs is counted before it does: two for the targets, one each for the others and the master list.
    assert sorted(counted) == sorted(
        [
            "file:tuf-targets-1.p8",
            "file:tuf-targets-2.p8",
            "file:tuf-snapshot-1.p8",
            "file:tuf-timestamp-1.p8",
            home.LIST_SIGNER_URI,
        ]
    )
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


def test_the_commands(tmp_path: Path, custody: SoftwareCustody, capsys: pytest.CaptureFixture[str]) -> None:
    parser = ArgumentParser()
    command.add(parser.add_subparsers())
    at, public, stick = tmp_path / "home", tmp_path / "public", tmp_path / "stick"
    write_files(at / "trust", CITY.trust_files())
    command.set_up(parser.parse_args(["publication", "--timestamp-days", "7"]), "en", custody, home=str(at), now=NOW)

    def run(*arguments: str, after: timedelta = DAY) -> str:
        options = parser.parse_args(["publish", str(public), *arguments])
        command.publish(options, "zh", custody, home=str(at), trust_directory=str(at / "trust"), now=NOW + after)
        return capsys.readouterr().out

    run("--dry-run")
    assert not (public / "current").exists()
    run("--stick", str(stick))
    anchor = (at / "publication" / "roots" / "1.root.json").read_bytes()
    assert sync(str(stick), str(tmp_path / "store"), now=NOW + 7 * DAY, anchor=anchor).record.timestamp == 1
    (at / "trust" / "csca" / "csca.der").unlink()
    with pytest.raises(PublicationError) as caught:
        run()
    assert {finding.rule for finding in caught.value.findings} >= {Rule.MISSING, Rule.VANISHED}
    for language in ("zh", "en"):
        assert "{" not in command.explain(caught.value, language)


def test_every_reason_has_its_text() -> None:
    assert set(REASONS) == set(PublicationReason)
    assert set(RULES) == set(Rule)
    assert set(TEXTS) == set(Text)
