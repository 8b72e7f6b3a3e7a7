"""Every bit of a CRL counts, also those that no signature covers; and two CRLs in one place are told apart."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from keys.authority import published_copy
from keys.authority.backup import backup, restore
from keys.errors import DecodeError
from keys.parsed_certificate import is_signed_by, read_certificate, read_crl
from keys.publication import home as publication
from keys.publication import releasing
from tests.factory import authority, der
from tests.key_home import CHEAP, NOW, TWO, Home

CITY = authority("city")


def test_no_changed_crl_is_the_one_that_was_signed() -> None:
    """The count of unused bits of the signature is signed by nothing: a list with another one is another file."""
    root = read_certificate(der(CITY.csca.certificate))
    raw = CITY.crl(CITY.document_signer)
    assert is_signed_by(read_crl(raw), root)
    outcomes: Counter[str] = Counter()
    for bit in range(8 * len(raw)):
        changed = bytearray(raw)
        changed[bit // 8] ^= 1 << bit % 8
        try:
            held = is_signed_by(read_crl(bytes(changed)), root)
        except DecodeError:
            outcomes["malformed"] += 1
            continue
        assert not held, f"bit {bit % 8} of byte {bit // 8}"
        outcomes["unsigned"] += 1
    assert min(outcomes["malformed"], outcomes["unsigned"]) > 100


def test_a_release_holds_the_crl_of_the_one_before_too(tmp_path: Path) -> None:
    """Two files under one name of a target: the newer one counts, in whatever order they lie there."""
    home = Home(tmp_path)
    publication.set_up(str(home.path), home.open().custody, now=NOW)
    public = tmp_path / "public"
    releasing.release(home.open(), str(public), now=home.now)
    saved = str(tmp_path / "saved.bak")
    backup(home.open(), saved, b"another horse", now=home.now, actor=TWO, cost=CHEAP)
    home.days(1).rotation().revoke("ES-1", override="wrong name")
    releasing.release(home.open(), str(public), now=home.now)
    copy = published_copy.read(str(public))
    assert sorted(crl.number for _, crl in copy.crls) == [1, 2]
    for name in ("as it lies", "the other way round"):
        restored = tmp_path / name
        restore(saved, str(restored), b"another horse", published=[str(public)], now=home.now, actor=TWO)
        again = Home.__new__(Home)
        again.path, again.now = restored, home.now
        serial = int(home.open().registry.by_name("ES-1").serial, 16)
        assert set(again.open().registry.revocations()) == {serial}
        assert again.open().published_crl().number == 2
        # Files of a release are named by their hash: swapping the names swaps the order in which they are read.
        first, second = sorted((public / "current" / "targets" / "crl").iterdir())
        contents = first.read_bytes(), second.read_bytes()
        first.write_bytes(contents[1])
        second.write_bytes(contents[0])
