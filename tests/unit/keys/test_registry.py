"""The registry: signatures counted before they are made, a history that stands, and the registry before this one."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from keys.algorithms import Purpose
from keys.authority.authority import Authority, Signer
from keys.authority.counted_key import CountedKey
from keys.authority.errors import AuthorityReason
from keys.envelopes import cose
from keys.registry import registry
from tests.key_home import ALONE, NOW, Home, reason_of


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path, documents_per_key=10)


def count(home: Home, purpose: Purpose = Purpose.DOCUMENT_SIGNER) -> int:
    return home.open().registry.active(purpose).signatures


def sign(authority: Authority) -> bytes:
    signer = authority.document_signer
    return cose.sign1(b"x", sign=signer.raw_signer(), kid=signer.kid)


def test_every_signature_is_counted(home: Home) -> None:
    authority = home.open()
    for number in range(1, 4):
        sign(authority)
        assert count(home) == number


def test_beyond_the_cap_nothing_is_signed(home: Home) -> None:
    authority = home.open()
    signer = authority.document_signer
    for _ in range(10):
        signer.raw_signer()(b"x")
    assert reason_of(lambda: signer.raw_signer()(b"x")) is AuthorityReason.KEY_CAP_REACHED
    assert reason_of(lambda: authority.document_signer) is AuthorityReason.KEY_CAP_REACHED
    # Others have a cap of their own, or none.
    assert authority.entitlement_signer
    assert count(home) == 10


def test_a_signature_that_was_never_made_stays_counted(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = home.open()
    signer = authority.document_signer

    def dying(*_: object) -> bytes:
        raise MemoryError

    assert isinstance(signer.private_key, CountedKey)
    monkeypatch.setattr(signer.private_key, "_key", type("Broken", (), {"sign": dying, "curve": ec.SECP256R1()})())
    with pytest.raises(MemoryError):
        signer.private_key.sign(b"x", ec.ECDSA(hashes.SHA256()))
    assert count(home) == 1


def test_a_batch_is_counted_in_one_write(home: Home) -> None:
    authority = home.open()
    signer = authority.document_signer
    signer.count_ahead(8)
    assert count(home) == 8
    for _ in range(8):
        signer.raw_signer()(b"x")
    assert count(home) == 8
    signer.raw_signer()(b"x")
    assert count(home) == 9
    assert reason_of(lambda: signer.count_ahead(2)) is AuthorityReason.KEY_CAP_REACHED
    with pytest.raises(ValueError, match="at least one"):
        signer.count_ahead(0)


def test_the_signatures_of_a_card_are_counted_in_one_write(home: Home) -> None:
    authority = home.open()
    signers = (authority.document_signer, authority.entitlement_signer)
    purposes = (Purpose.DOCUMENT_SIGNER, Purpose.ENTITLEMENT_SIGNER)
    begun: list[str] = []
    authority.registry._database.set_trace_callback(lambda text: begun.append(text) if "BEGIN" in text else None)
    authority.count_each(*signers)
    assert len(begun) == 1
    assert [count(home, purpose) for purpose in purposes] == [1, 1]
    for _ in range(2):
        for signer in signers:
            signer.raw_signer()(b"x")
    assert [count(home, purpose) for purpose in purposes] == [2, 2]


def test_of_a_card_both_signatures_are_counted_or_none(home: Home) -> None:
    """The second key is at its cap: of the first nothing is counted, and nothing may be signed that is not."""
    authority = home.open()
    signers = (authority.document_signer, authority.entitlement_signer)
    signers[1].count_ahead(10)
    assert reason_of(lambda: authority.count_each(*signers)) is AuthorityReason.KEY_CAP_REACHED
    assert count(home) == 0
    signers[0].raw_signer()(b"x")
    assert count(home) == 1


def test_a_card_that_was_counted_and_never_signed_stays_counted(home: Home) -> None:
    authority = home.open()
    authority.count_each(authority.document_signer, authority.entitlement_signer)
    again = home.open()  # the process was killed
    again.document_signer.raw_signer()(b"x")
    assert count(home) == 2


def test_what_was_counted_ahead_is_no_licence_after_the_period(home: Home) -> None:
    signer = home.open().document_signer
    signer.count_ahead(3)
    home.days(91)
    assert reason_of(lambda: signer.raw_signer()(b"x")) is AuthorityReason.KEY_PERIOD_ENDED


def test_another_process_that_retired_the_key_is_heeded(home: Home) -> None:
    signer = home.open().document_signer
    home.rotation(ALONE).retire("DS-1", override="test")
    assert reason_of(lambda: signer.raw_signer()(b"x")) is AuthorityReason.KEY_STATE


def test_threads_and_processes_share_one_cap(home: Home) -> None:
    made: list[bytes] = []

    def work(signer: Signer) -> None:
        for _ in range(4):
            if reason_of(lambda: made.append(signer.raw_signer()(b"x"))) is not None:
                return

    # All are opened before the first signs: at the cap none is given out any more.
    authorities = [home.open() for _ in range(5)]
    threads = [threading.Thread(target=work, args=(one.document_signer,)) for one in authorities]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == count(home) == 10


def test_a_counted_key_gives_nothing_away(home: Home) -> None:
    key = home.open().document_signer.private_key
    assert key.key_size == 256
    anything: Any = None
    for call in (
        key.private_numbers,
        lambda: key.private_bytes(anything, anything, anything),
        lambda: key.exchange(anything, anything),
    ):
        with pytest.raises(TypeError):
            call()


def test_history_is_chained(home: Home) -> None:
    events = home.open().registry.events()
    assert [event.number for event in events] == list(range(1, len(events) + 1))
    assert len({event.digest for event in events}) == len(events)
    database = sqlite3.connect(home.path / "registry.db")
    database.execute("DROP TRIGGER events_stand")
    database.execute("UPDATE events SET operator = 'somebody else' WHERE number = 3")
    database.commit()
    database.close()
    assert reason_of(home.open().registry.events) is AuthorityReason.DAMAGED


def test_an_intent_at_a_time(home: Home) -> None:
    content = home.open().registry
    content.begin("stage", {"a": 1}, at=NOW)
    with pytest.raises(sqlite3.IntegrityError):
        content.begin("stage", {"a": 2}, at=NOW)


def test_keys_by_name_and_kid(home: Home) -> None:
    content = home.open().registry
    key = content.active(Purpose.ENTITLEMENT_SIGNER)
    assert key.name == "ES-1"
    assert {content.by_name(name).kid for name in ("ES-1", "es-1", key.kid.hex(), key.kid.hex().upper())} == {key.kid}
    assert reason_of(lambda: content.by_name("ES-2")) is AuthorityReason.NO_KEY


def test_a_snapshot_is_complete(home: Home, tmp_path: Path) -> None:
    content = home.open().registry
    content.snapshot(str(tmp_path / "copy.db"))
    copy = registry.Registry(str(tmp_path / "copy.db"))
    assert copy.keys == content.keys
    assert copy.events() == content.events()


@pytest.mark.parametrize("content", [b"", b"not a database", b"SQLite format 3\0" + bytes(200)])
def test_a_damaged_registry(home: Home, content: bytes) -> None:
    for name in ("registry.db", "registry.db-wal", "registry.db-shm"):
        (home.path / name).unlink(missing_ok=True)
    (home.path / "registry.db").write_bytes(content)
    assert reason_of(home.open) is AuthorityReason.DAMAGED


def test_a_registry_of_tomorrow_is_left_alone(home: Home) -> None:
    database = sqlite3.connect(home.path / "registry.db")
    database.execute("PRAGMA user_version = 99")
    database.close()
    assert reason_of(home.open) is AuthorityReason.DAMAGED


def test_a_link_is_no_registry(home: Home, tmp_path: Path) -> None:
    (home.path / "registry.db").rename(tmp_path / "elsewhere.db")
    (home.path / "registry.db").symlink_to(tmp_path / "elsewhere.db")
    assert reason_of(home.open) is AuthorityReason.DAMAGED
