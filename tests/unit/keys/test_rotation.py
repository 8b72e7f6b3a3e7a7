"""Rotation of each purpose, emergencies, and what may not be undone. OpenSSL looks at the link certificates."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from keys import certificates
from keys.algorithms import Purpose, ecdsa
from keys.authority.authority import Authority
from keys.authority.errors import AuthorityError, AuthorityReason
from keys.chain import ChainError, ChainReason
from keys.custody import CustodyReason
from keys.files import replace
from keys.publication import home as publication
from keys.publication import releasing
from keys.registry.lifecycle import RULES, KeyEvent, KeyState, periods
from keys.registry.registry import KeyRecord
from keys.rotation import plans
from keys.rotation.plans import Known
from keys.rotation.rotation import Done
from keys.status_list import Status
from keys.trust import TrustStore
from tests import pki
from tests.key_home import ALONE, DAY, NOW, TWO, Home, reason_of
from tests.pki import openssl

SIGNERS = (Purpose.DOCUMENT_SIGNER, Purpose.ENTITLEMENT_SIGNER, Purpose.STATUS_SIGNER)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def told(done: tuple[Done, ...]) -> list[tuple[str, str]]:
    return [(one.event.value, one.key.name) for one in done]


def believed(authority: Authority, key: KeyRecord, trust: TrustStore | None = None) -> object:
    """None when a counter believes what the key signs now; else why not."""
    now = authority.clock()
    store = trust or TrustStore.load(authority.trust_dir)
    try:
        store.validate(authority.certificate(key).der, purpose=key.purpose, at=now, now=now)
    except ChainError as error:
        return error.reason
    return None


@pytest.mark.parametrize("purpose", SIGNERS)
def test_a_signer_is_rotated_without_a_gap(home: Home, purpose: Purpose) -> None:
    """Run daily: at every moment one key of the purpose signs, and counters believe it."""
    seen = []
    for _ in range(200):
        seen.extend(told(home.rotation(ALONE).rotate(purpose)))
        if purpose is not Purpose.STATUS_SIGNER:
            home.rotation(ALONE).rotate(Purpose.STATUS_SIGNER)
        if home.now in {NOW + 60 * DAY, NOW + 150 * DAY}:
            home.open().refresh()
        authority = home.open()
        assert believed(authority, authority.registry.active(purpose)) is None
        home.days(1)
    label = RULES[purpose].label
    expected = [("stage", 2), ("activate", 2), ("stage", 3), ("activate", 3)]
    assert seen == [(event, f"{label}-{number}") for event, number in expected]
    first, second, third = (key for key in home.open().registry.keys if key.purpose is purpose)
    assert (first.state, second.state, third.state) == (KeyState.RETIRED, KeyState.RETIRED, KeyState.ACTIVE)
    assert second.active_from is not None
    assert second.staged_at is not None
    assert second.active_from - second.staged_at >= timedelta(days=14)
    assert second.activated_at == first.retired_at


def test_nothing_is_due_and_nothing_happens(home: Home) -> None:
    before = home.open().registry.events()
    for purpose in RULES:
        assert home.rotation().rotate(purpose) == ()
    assert home.open().registry.events() == before


def test_the_new_status_signer_signs_the_list(home: Home) -> None:
    home.open().publish_status(7, Status.INVALID)
    home.days(70).rotation().rotate(Purpose.STATUS_SIGNER)
    home.days(14).rotation().rotate(Purpose.STATUS_SIGNER)
    authority = home.open()
    assert authority.lists.statuses_signed_by() == authority.registry.active(Purpose.STATUS_SIGNER).kid
    assert authority.published_statuses().lookup(7) is Status.INVALID
    authority.publish_status(8, Status.INVALID)
    assert authority.published_statuses().lookup(8) is Status.INVALID


# The CSCA.


def rotated_csca(home: Home) -> Authority:
    home.days(1461 - 95).open()
    for purpose in (*SIGNERS, Purpose.AUDIT_SIGNER):
        home.rotation().replace(f"{RULES[purpose].label}-1", override="test")
    home.open().refresh()
    assert told(home.rotation().rotate(Purpose.CSCA)) == []
    home.days(10)
    assert told(home.rotation().rotate(Purpose.CSCA)) == [("stage", "CSCA-2")]
    home.days(59)
    assert told(home.rotation().rotate(Purpose.CSCA)) == []
    home.days(2)
    assert told(home.rotation().rotate(Purpose.CSCA)) == [("activate", "CSCA-2")]
    home.rotation().replace("DS-2", override="test")
    return home.open()


def pem(folder: Path, name: str, *ders: bytes) -> Path:
    path = folder / f"{name}.pem"
    path.write_bytes(pki.pem("CERTIFICATE", list(ders)))
    return path


def test_a_link_certificate_carries_old_trust_to_new_keys(home: Home, tmp_path: Path) -> None:
    authority = rotated_csca(home)
    trust = Path(authority.trust_dir)
    old, new = ((trust / f"csca/CSCA-{number}.der").read_bytes() for number in (1, 2))
    (link,) = (path.read_bytes() for path in (trust / "link").iterdir())
    signer = authority.registry.active(Purpose.DOCUMENT_SIGNER)
    leaf = authority.certificate(signer).der
    crl = (trust / "crl/UTO.crl").read_bytes()
    now = home.now
    for roots, links in (([old], [link]), ([new], []), ([old, new], [link])):
        store = TrustStore(csca=roots, links=links, crls=[crl])
        assert believed(authority, signer, store) is None
        # What the old root certified, only counters that have the old root can check.
        before = authority.registry.find(Purpose.DOCUMENT_SIGNER, 2)
        assert before is not None
        expected = None if old in roots else ChainReason.UNKNOWN_ISSUER
        assert believed(authority, before, store) is expected
    assert believed(authority, signer, TrustStore(csca=[old], crls=[crl])) is ChainReason.UNKNOWN_ISSUER
    # OpenSSL: from the old root over the link, and the link's own chain.
    at = ["-attime", str(int(now.timestamp()))]
    old_pem, link_pem, leaf_pem = pem(tmp_path, "old", old), pem(tmp_path, "link", link), pem(tmp_path, "leaf", leaf)
    openssl("verify", "-x509_strict", *at, "-CAfile", old_pem, "-untrusted", link_pem, leaf_pem)
    openssl("verify", "-x509_strict", *at, "-CAfile", old_pem, link_pem)
    openssl("verify", "-x509_strict", "-check_ss_sig", *at, "-CAfile", pem(tmp_path, "new", new), leaf_pem)
    with pytest.raises(AssertionError):
        openssl("verify", "-x509_strict", *at, "-CAfile", old_pem, leaf_pem)
    text = openssl("x509", "-in", link_pem, "-noout", "-text").stdout
    assert b"CA:TRUE, pathlen:0" in text
    # The new root signs the CRL, and openssl agrees.
    (tmp_path / "crl.der").write_bytes(crl)
    checked = openssl("crl", "-inform", "DER", "-in", tmp_path / "crl.der", "-noout", "-CAfile", tmp_path / "new.pem")
    assert b"verify OK" in checked.stderr


def test_the_old_root_signs_no_more(home: Home) -> None:
    authority = rotated_csca(home)
    old = authority.registry.find(Purpose.CSCA, 1)
    assert old is not None
    assert old.state is KeyState.RETIRED
    key = authority.private_key(old)
    assert reason_of(lambda: key.sign(b"x", ecdsa(key))) is AuthorityReason.KEY_STATE


def test_past_its_period_a_root_vouches_for_nobody(home: Home) -> None:
    """The next one is a root of its own: the word of a key past its period is worth nothing."""
    home.days(1462).rotation().rotate(Purpose.CSCA)
    assert os.listdir(Path(home.open().trust_dir) / "link") == []
    home.days(61).rotation().rotate(Purpose.CSCA)
    assert home.open().published_crl().this_update == home.now


@pytest.mark.parametrize("purpose", [Purpose.CSCA, Purpose.CARD_MASTER_KEY])
def test_roots_take_two_people(home: Home, purpose: Purpose) -> None:
    home.days(1825)
    assert reason_of(lambda: home.rotation(ALONE).rotate(purpose)) is AuthorityReason.NO_WITNESS
    assert len([key for key in home.open().registry.keys if key.purpose is purpose]) == 1


# Card master keys.


def test_card_master_keys_coexist(home: Home) -> None:
    authority = home.open()
    before, serial = authority.card_master_key.diversify(bytes(10)), b"\x01" * 10
    assert authority.card_key_version == 0x30
    home.days(1820)
    assert told(home.rotation().rotate(Purpose.CARD_MASTER_KEY)) == [("stage", "CMK-2"), ("activate", "CMK-2")]
    authority = home.open()
    assert authority.card_key_version == 0x31
    assert authority.card_key_versions == (0x30, 0x31)
    assert authority.card_keys(bytes(10), 0x30) == before
    assert authority.card_keys(serial, 0x31) == authority.card_master_key.diversify(serial)
    assert authority.card_keys(serial, 0x31) != authority.card_keys(serial, 0x30)
    assert reason_of(lambda: authority.card_keys(serial, 0x32)) is AuthorityReason.NO_KEY
    # The old one opens cards until the last of them has ended.
    assert reason_of(lambda: home.rotation().destroy("CMK-1")) is AuthorityReason.STILL_NEEDED
    home.days(1826)
    assert reason_of(lambda: home.rotation().destroy("CMK-1")) is AuthorityReason.STILL_NEEDED
    home.days(1).rotation().destroy("CMK-1")
    assert home.open().card_key_versions == (0x31,)
    assert reason_of(lambda: home.open().card_keys(serial, 0x30)) is AuthorityReason.NO_KEY


def test_a_compromised_master_key_still_opens_the_cards_that_must_be_moved(home: Home) -> None:
    home.days(1)
    before = home.open().card_keys(bytes(10), 0x30)
    home.rotation(ALONE).compromise("CMK-1")
    assert reason_of(lambda: home.open().card_master_key) is AuthorityReason.NO_ACTIVE_KEY
    assert told(home.rotation().replace("CMK-1")) == [("stage", "CMK-2"), ("activate", "CMK-2")]
    assert home.open().card_keys(bytes(10), 0x30) == before
    assert home.open().card_key_version == 0x31


# Emergencies.


def test_replace_at_once_wants_a_reason_and_happens_once(home: Home) -> None:
    home.days(5)
    assert reason_of(lambda: home.rotation(ALONE).replace("ES-1")) is AuthorityReason.NOT_PUBLISHED_AHEAD
    done = home.rotation(ALONE).replace("ES-1", override="lost")
    assert told(done) == [("stage", "ES-2"), ("activate", "ES-2")]
    assert home.rotation(ALONE).replace("ES-1", override="lost") == ()
    authority = home.open()
    assert believed(authority, authority.registry.active(Purpose.ENTITLEMENT_SIGNER)) is None
    reasons = [event.detail.get("override") for event in authority.registry.events() if event.key == "ES-2"]
    assert reasons == [None, "lost", "lost"]


def test_a_planned_successor_waits_for_its_time(home: Home) -> None:
    home.days(70).rotation().rotate(Purpose.DOCUMENT_SIGNER)  # DS-2 is staged
    home.rotation().replace("DS-1", override="lost")  # DS-3 at once
    assert home.open().registry.active(Purpose.DOCUMENT_SIGNER).name == "DS-3"
    home.days(14).rotation().rotate(Purpose.DOCUMENT_SIGNER)
    assert home.open().registry.active(Purpose.DOCUMENT_SIGNER).name == "DS-2"


def test_coverage_decides_when_a_key_may_begin(home: Home) -> None:
    home.days(70).rotation().rotate(Purpose.DOCUMENT_SIGNER)
    home.days(14)
    asked: list[object] = []

    def half(key: KeyRecord, published: datetime | None) -> Known:
        asked.append(published)
        return Known(share=0.5, safe_date=home.now + DAY, counters=4, unaware=2)

    with pytest.raises(AuthorityError) as caught:
        home.rotation(ALONE, coverage=half).rotate(Purpose.DOCUMENT_SIGNER)
    assert caught.value.reason is AuthorityReason.NOT_COVERED
    assert f"{home.now + DAY:%Y-%m-%d}" in caught.value.detail
    assert asked == [NOW + 70 * DAY]
    assert home.open().registry.active(Purpose.DOCUMENT_SIGNER).name == "DS-1"
    many = Known(share=0.96, counters=100, unaware=4, cards=7)
    rotation = home.rotation(ALONE, coverage=lambda key, published: many)
    assert told(rotation.rotate(Purpose.DOCUMENT_SIGNER)) == [("activate", "DS-2")]
    recorded = home.open().registry.events()[-1].detail
    assert recorded == {"coverage": 0.96, "counters": 100, "unaware": 4, "cards": 7}


def test_where_releases_are_made_a_key_counts_from_its_release(home: Home) -> None:
    """Staged is not published: as long as no release has carried it, no counter can know it."""
    publication.set_up(str(home.path), home.open().custody, now=NOW)
    home.days(70).rotation().rotate(Purpose.DOCUMENT_SIGNER)
    home.days(15)
    assert reason_of(lambda: home.rotation(ALONE).activate(Purpose.DOCUMENT_SIGNER)) is AuthorityReason.NOT_PUBLISHED
    home.open().refresh()
    releasing.release(home.open(), str(home.path.parent / "public"), now=home.now)
    key = home.open().registry.by_name("DS-2")
    assert key.published_at == home.now
    assert home.open().registry.events()[-1].kind == "publish"
    early = reason_of(lambda: home.days(13.9).rotation(ALONE).activate(Purpose.DOCUMENT_SIGNER))
    assert early is AuthorityReason.NOT_PUBLISHED_AHEAD
    home.days(0.1)
    (done,) = home.rotation(ALONE).rotate(Purpose.DOCUMENT_SIGNER)
    assert (done.event, done.key.name) == (KeyEvent.ACTIVATE, "DS-2")


def test_an_unpublished_key_goes_into_use_only_with_a_reason(home: Home) -> None:
    publication.set_up(str(home.path), home.open().custody, now=NOW)
    home.days(70).rotation().rotate(Purpose.ENTITLEMENT_SIGNER)
    home.days(14).rotation(ALONE).activate(Purpose.ENTITLEMENT_SIGNER, override="the old one is gone")
    assert home.open().registry.events()[-1].detail == {"override": "the old one is gone"}


def test_what_no_counter_looks_for_need_not_be_published(home: Home) -> None:
    publication.set_up(str(home.path), home.open().custody, now=NOW)
    home.days(360).rotation().rotate(Purpose.AUDIT_SIGNER)
    assert home.open().registry.active(Purpose.AUDIT_SIGNER).name == "AS-2"


def test_near_its_cap_a_key_gets_its_successor(tmp_path: Path) -> None:
    home = Home(tmp_path, documents_per_key=10)
    home.open().document_signer.count_ahead(7)
    assert home.rotation().rotate(Purpose.DOCUMENT_SIGNER) == ()
    home.open().document_signer.count_ahead(1)
    (done,) = home.rotation().rotate(Purpose.DOCUMENT_SIGNER)
    assert (done.event, done.key.name) == (KeyEvent.STAGE, "DS-2")
    assert done.key.active_from == home.now + 14 * DAY


def test_staging_late_tells_of_the_gap(home: Home) -> None:
    home.days(89)
    (done,) = home.rotation().rotate(Purpose.STATUS_SIGNER)
    assert done.key.active_from == home.now + 14 * DAY
    home.days(10)
    assert reason_of(lambda: home.rotation().activate(Purpose.STATUS_SIGNER)) is AuthorityReason.KEY_PERIOD_NOT_BEGUN
    assert reason_of(lambda: home.open().status_signer) is AuthorityReason.KEY_PERIOD_ENDED


# Retire, destroy, revoke, compromise.


def test_without_a_successor_nothing_retires_unsaid(home: Home) -> None:
    assert reason_of(lambda: home.rotation().retire("DS-1")) is AuthorityReason.NO_SUCCESSOR
    home.rotation().retire("DS-1", override="closing down")
    assert reason_of(lambda: home.open().document_signer) is AuthorityReason.NO_ACTIVE_KEY
    assert home.rotation().rotate(Purpose.DOCUMENT_SIGNER) == ()


def test_destroying_erases_the_key_and_nothing_else(home: Home) -> None:
    assert reason_of(lambda: home.rotation().destroy("DS-1")) is AuthorityReason.KEY_STATE
    home.rotation().replace("DS-1", override="test")
    assert reason_of(lambda: home.rotation(ALONE).destroy("DS-1")) is AuthorityReason.NO_WITNESS
    assert (home.path / "keys" / "document-signer-1.p8").exists()
    home.rotation().destroy("DS-1")
    assert not (home.path / "keys" / "document-signer-1.p8").exists()
    authority = home.open()
    destroyed = authority.registry.by_name("DS-1")
    assert (destroyed.state, destroyed.destroyed_at) == (KeyState.DESTROYED, home.now)
    assert believed(authority, destroyed) is None  # what it signed stays good
    assert home.rotation().destroy("DS-1").already
    assert reason_of(lambda: home.rotation().compromise("DS-1")) is AuthorityReason.KEY_STATE


def test_a_revoked_key_is_refused_by_counters(home: Home) -> None:
    home.rotation().replace("DS-1", override="test")
    home.days(1).rotation().revoke("DS-1")
    authority = home.open()
    assert authority.published_crl().number == 2
    assert believed(authority, authority.registry.by_name("DS-1")) is ChainReason.REVOKED
    assert believed(authority, authority.registry.by_name("DS-2")) is None
    assert home.rotation().revoke("DS-1").already
    assert home.open().published_crl().number == 2


def test_revoking_the_key_in_use_takes_a_successor_or_a_reason(home: Home) -> None:
    assert reason_of(lambda: home.rotation().revoke("ES-1")) is AuthorityReason.NO_SUCCESSOR
    home.rotation().revoke("ES-1", override="wrong name in the certificate")
    assert home.open().registry.by_name("ES-1").state is KeyState.RETIRED


@pytest.mark.parametrize("name", ["CSCA-1", "CMK-1"])
def test_what_no_crl_can_name(home: Home, name: str) -> None:
    assert reason_of(lambda: home.rotation().revoke(name)) is AuthorityReason.NOT_REVOCABLE


@pytest.mark.parametrize("name", ["DS-1", "ES-1", "SS-1", "AS-1"])
def test_a_compromised_signer(home: Home, name: str) -> None:
    home.days(10)
    since = home.now - 3 * DAY
    home.rotation(ALONE).compromise(name, since=since)
    authority = home.open()
    key = authority.registry.by_name(name)
    assert (key.state, key.compromised_at) == (KeyState.COMPROMISED, since)
    assert authority.published_crl().revoked == {int(key.serial, 16): since}
    assert believed(authority, key) is ChainReason.REVOKED
    assert reason_of(lambda: authority.signer(key.purpose)) is AuthorityReason.NO_ACTIVE_KEY
    assert home.rotation(ALONE).compromise(name).already
    # An earlier date may be learnt, a later one not.
    home.rotation(ALONE).compromise(name, since=since - DAY)
    home.rotation(ALONE).compromise(name, since=since + DAY)
    authority = home.open()
    assert authority.published_crl().revoked == {int(key.serial, 16): since - DAY}
    # Erasing the key does not whitewash it.
    home.rotation().destroy(name)
    assert home.open().registry.by_name(name).state is KeyState.COMPROMISED


def test_a_compromised_root(home: Home) -> None:
    """It vouches for nobody any more; until the next root is in use, there is no CRL to put a revocation on."""
    home.days(1).rotation().compromise("CSCA-1")
    assert reason_of(lambda: home.open().refresh()) is AuthorityReason.NO_ACTIVE_KEY
    home.rotation().compromise("DS-1")
    assert home.open().published_crl().revoked == {}
    assert not home.open().lists.crl_is_complete()
    home.rotation().replace("CSCA-1", override="stolen")
    authority = home.open()
    assert os.listdir(Path(authority.trust_dir) / "link") == []
    serial = int(authority.registry.by_name("DS-1").serial, 16)
    assert set(authority.published_crl().revoked) == {serial}
    assert authority.lists.crl_is_complete()


def test_a_compromise_in_the_future_is_one_now(home: Home) -> None:
    home.rotation(ALONE).compromise("DS-1", since=home.now + DAY)
    assert home.open().registry.by_name("DS-1").compromised_at == home.now


# What may not be undone.


def test_an_old_crl_in_the_trust_directory_brings_nothing_back(home: Home) -> None:
    path = Path(home.open().trust_dir) / "crl" / "UTO.crl"
    old = path.read_bytes()
    home.days(1).rotation(ALONE).compromise("DS-1")
    replace(str(path), old, mode=0o644)
    assert not home.open().lists.crl_is_complete()
    home.open().refresh()
    authority = home.open()
    assert authority.published_crl().number == 3  # never 2 again
    assert int(authority.registry.by_name("DS-1").serial, 16) in authority.published_crl().revoked


def test_an_old_registry_learns_from_the_published_crl(home: Home) -> None:
    old = (home.path / "registry.db").read_bytes()
    home.days(1).rotation(ALONE).compromise("DS-1")
    assert not (home.path / "registry.db-wal").exists()  # nobody holds it open
    (home.path / "registry.db").write_bytes(old)
    authority = home.open()
    assert authority.registry.by_name("DS-1").state is KeyState.COMPROMISED
    assert reason_of(lambda: authority.document_signer) is AuthorityReason.NO_ACTIVE_KEY
    authority.refresh()
    assert authority.published_crl().number == 3
    assert len(authority.published_crl().revoked) == 1


def test_a_foreign_crl_teaches_nothing(home: Home) -> None:
    """The same names, but another key."""
    path = Path(home.open().trust_dir) / "crl" / "UTO.crl"
    replace(str(path), _foreign_crl(), mode=0o644)
    assert reason_of(home.open) is AuthorityReason.DAMAGED


def _foreign_crl() -> bytes:
    key = ec.generate_private_key(ec.SECP384R1())
    lives = certificates.Periods(not_before=NOW, key_use_until=NOW + 9 * DAY, not_after=NOW + 9 * DAY)
    root = certificates.csca(pki.NAMES, common_name="CSCA UTO", private_key=key, periods=lives, serial=5)
    issuer = certificates.CertificationAuthority(certificate=root, private_key=key)
    revoked = [certificates.Revocation(serial=5, revoked_at=NOW)]
    crl = certificates.crl(issuer=issuer, number=9, this_update=NOW, next_update=NOW + DAY, revocations=revoked)
    return crl.public_bytes(Encoding.DER)


def test_an_old_status_list_is_noticed(home: Home) -> None:
    folder = Path(home.open().trust_dir) / "status"
    (path,) = folder.iterdir()
    old = path.read_bytes()
    home.days(1).open().publish_status(7, Status.INVALID)
    replace(str(path), old, mode=0o644)
    home.days(1)
    assert reason_of(lambda: home.open().publish_status(8, Status.INVALID)) is AuthorityReason.ROLLED_BACK
    assert reason_of(lambda: home.open().refresh()) is AuthorityReason.ROLLED_BACK


def test_a_key_that_was_not_made_here_is_not_taken(home: Home) -> None:
    """Somebody put a key where the next one belongs: it does not become ours."""
    authority = home.days(70).open()
    authority.custody.generate("file:document-signer-2.p8", pki.key("x").curve)
    assert reason_of(lambda: home.rotation().rotate(Purpose.DOCUMENT_SIGNER)) is CustodyReason.ALREADY_EXISTS
    (home.path / "keys" / "document-signer-2.p8").write_bytes(b"rubbish")
    assert reason_of(lambda: home.rotation().rotate(Purpose.DOCUMENT_SIGNER)) is CustodyReason.ALREADY_EXISTS


def test_a_certificate_that_was_put_there_is_not_taken(home: Home) -> None:
    home.days(70)
    (Path(home.open().trust_dir) / "signers" / "DS-2.der").write_bytes(
        (Path(home.open().trust_dir) / "signers" / "DS-1.der").read_bytes()
    )
    assert reason_of(lambda: home.rotation().rotate(Purpose.DOCUMENT_SIGNER)) is AuthorityReason.ROLLED_BACK
    assert home.open().registry.open_intent() is None


def test_versions_of_card_keys_end(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "MAX_CARD_KEY_VERSION", 0x30)
    refused = reason_of(lambda: home.rotation(TWO).stage(Purpose.CARD_MASTER_KEY))
    assert refused is AuthorityReason.NO_VERSION_LEFT


def test_the_history_tells_who_did_what(home: Home) -> None:
    home.rotation().replace("DS-1", override="test")
    actors = {event.actor for event in home.open().registry.events() if event.key == "DS-2"}
    assert actors == {TWO}


def test_periods_by_settings(home: Home) -> None:
    settings = home.open().settings
    assert periods(Purpose.CSCA, settings).use == timedelta(days=1461)
    assert periods(Purpose.DOCUMENT_SIGNER, settings).cap == 100_000
    assert periods(Purpose.STATUS_SIGNER, settings).cap is None
