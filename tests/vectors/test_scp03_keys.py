"""AES key check values (osmocom pySim, SCP03_KCV_Test)."""

from __future__ import annotations

import pytest

from card_profiles.protocols.scp03 import key_check_value


@pytest.mark.parametrize(
    ("key", "kcv"),
    [
        ("000102030405060708090a0b0c0d0e0f", "C35280"),
        ("101112131415161718191a1b1c1d1e1f", "013808"),
        ("202122232425262728292a2b2c2d2e2f", "840DE5"),
    ],
)
def test_key_check_value(key: str, kcv: str) -> None:
    assert key_check_value(bytes.fromhex(key)).hex().upper() == kcv
