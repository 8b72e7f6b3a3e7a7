"""Cards over PC/SC without hardware: a private pcscd with two virtual readers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from private_pcscd import PrivatePcscd


@pytest.fixture
def pcscd(monkeypatch: pytest.MonkeyPatch) -> Iterator[PrivatePcscd]:
    """A running pcscd that only this test sees; it starts in some 50 ms."""
    daemon = PrivatePcscd()
    monkeypatch.setenv("PCSCLITE_CSOCK_NAME", str(daemon.socket_path))
    try:
        daemon.start()
        yield daemon
    finally:
        daemon.close()
