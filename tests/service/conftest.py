"""Each test that asks for `house` runs on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from issuer.acts import staff
from tests.service import house as houses
from tests.store.conftest import url

__all__ = ["house", "url"]


@pytest.fixture
def house(url: str, tmp_path: Path) -> Iterator[houses.House]:
    """An office with its places."""
    with houses.opened(tmp_path, url) as opened:
        yield opened


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2 at its real cost takes longer than everything else together; `test_service_security` looks at the cost."""
    monkeypatch.setattr(staff, "_hasher", lambda: houses.CHEAP)
