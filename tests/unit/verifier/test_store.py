"""The clock that never runs backwards, and where things are looked for."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from card_profiles.entitlements import catalogue
from card_profiles.entitlements.catalogue import Sector
from card_profiles.entitlements.catalogue import load as bundled_catalogue
from keys.errors import DecodeError
from tests.factory import DAY, NOW, authority, decide, issue, salts, write_files
from verifier.counter import Counter, load_catalogue, load_trust
from verifier.read_failed import ReadFailed
from verifier.reason import Reason
from verifier.store import Watermark, state_directory, trust_directory


def test_the_watermark_only_rises(tmp_path: Path) -> None:
    mark = Watermark(str(tmp_path / "state"))
    assert mark.read() is None
    mark.advance(NOW)
    mark.advance(NOW - DAY)
    assert mark.read() == NOW
    mark.advance(NOW + timedelta(seconds=1, microseconds=5))
    assert mark.read() == NOW + timedelta(seconds=1)
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["watermark"]
    assert (tmp_path / "state" / "watermark").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "content", [b"", b"tomorrow\n", b"2026-06-01\n", b"2026-06-01T02:00:00\n", b"2026-06-01T02:00:00Z", b"\xff" * 10]
)
def test_a_damaged_watermark_is_not_overlooked(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "watermark").write_bytes(content)
    mark = Watermark(str(tmp_path))
    with pytest.raises(DecodeError):
        mark.read()
    with pytest.raises(DecodeError):
        mark.advance(NOW)
    with pytest.raises(ReadFailed) as failed:
        counter(tmp_path, mark)
    assert failed.value.reason is Reason.CLOCK_SET_BACK


def counter(directory: Path, mark: Watermark) -> Counter:
    write_files(directory / "trust", authority().trust_files())
    return Counter(
        sector=Sector.HEALTH,
        trust_directory=str(directory / "trust"),
        watermark=mark,
        now=lambda: NOW,
        clock=lambda: 0.0,
        random=salts("counter"),
    )


def test_the_watermark_follows_a_clock_that_fresh_data_supports(tmp_path: Path) -> None:
    mark = Watermark(str(tmp_path / "state"))
    counter(tmp_path, mark).remember(decide(issue().evidence()))
    assert mark.read() == NOW


def test_a_clock_far_ahead_does_not_lock_the_counter_out(tmp_path: Path) -> None:
    """All data is too old by that clock, so only what was signed counts."""
    mark = Watermark(str(tmp_path / "state"))
    verdict = decide(issue().evidence(), now=NOW + 45 * DAY)
    assert Reason.STATUS_LIST_TOO_OLD in verdict.reasons
    counter(tmp_path, mark).remember(verdict)
    assert mark.read() == verdict.ages.status_signed


def test_where_things_are_looked_for(tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path)}
    assert trust_directory("/a", {"PERMIT_TRUST": "/b"}) == "/a"
    assert trust_directory(None, {"PERMIT_TRUST": "/b"}) == "/b"
    assert trust_directory(None, home) == "/var/lib/permit-verifier/trust"
    own = tmp_path / ".local/share/permit-verifier/trust"
    own.mkdir(parents=True)
    assert trust_directory(None, home) == str(own)
    assert state_directory(None, home) == str(tmp_path / ".local/state/permit-verifier")
    assert state_directory(None, {"XDG_STATE_HOME": "/s"}) == "/s/permit-verifier"
    assert state_directory("/a", {"PERMIT_STATE": "/b"}) == "/a"
    assert state_directory(None, {"PERMIT_STATE": "/b"}) == "/b"


def test_trust_that_is_missing_empty_or_damaged(tmp_path: Path) -> None:
    def reason() -> Reason:
        with pytest.raises(ReadFailed) as failed:
            load_trust(str(tmp_path / "trust"))
        return failed.value.reason

    assert reason() is Reason.TRUST_MISSING
    (tmp_path / "trust").mkdir()
    assert reason() is Reason.TRUST_MISSING
    write_files(tmp_path / "trust", {**authority().trust_files(), "csca/csca.der": b"no certificate"})
    assert reason() is Reason.TRUST_DAMAGED


def test_the_newer_catalogue_counts(tmp_path: Path) -> None:
    raw = (Path(catalogue.__file__).parent / "services.json").read_bytes()
    files = authority().trust_files()
    write_files(tmp_path, files)
    assert load_catalogue(load_trust(str(tmp_path))) == bundled_catalogue()
    newer = raw.replace(b'"version": 1', b'"version": 2', 1)
    write_files(tmp_path, {"catalogue.json": newer})
    assert load_catalogue(load_trust(str(tmp_path))).version == 2
    write_files(tmp_path, {"catalogue.json": b"{}"})
    with pytest.raises(ReadFailed) as failed:
        load_catalogue(load_trust(str(tmp_path)))
    assert failed.value.reason is Reason.TRUST_DAMAGED
