"""An authority's home for tests of keys: cheap to open, with a clock that a test may turn."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from keys.authority import file as authority_file
from keys.authority.authority import Authority
from keys.authority.backup import BackupError
from keys.authority.errors import AuthorityError
from keys.custody import CustodyError
from keys.custody.software import ScryptCost
from keys.registry.registry import Actor
from keys.rotation.ceremony import CeremonyError
from keys.rotation.rotation import Coverage, Rotation
from tests.kept import kept_directory

CHEAP = ScryptCost(log2_n=4, r=1, p=1)
PASSPHRASE = b"correct horse"
NOW = datetime(2026, 6, 1, 2, 0, tzinfo=UTC)
DAY = timedelta(days=1)
MEMBERS: dict[str, Any] = {
    "country": "UT",
    "mrz_country": "UTO",
    "name_zh": "乌托邦示例市居住证办理中心",
    "name_en": "Residence Permit Office",
    "status_uri": "https://permits.utopia.example/status/1",
}
TWO = Actor(operator="Li Wei", witness="Wang Fang")
ALONE = Actor(operator="Li Wei")


@functools.cache
def _founded(documents_per_key: int) -> Path:
    home = kept_directory() / "home"
    settings = authority_file.from_members({**MEMBERS, "documents_per_key": documents_per_key})
    Authority.create(home, settings, PASSPHRASE, clock=lambda: NOW, cost=CHEAP)
    return home


class Home:
    """One authority in a directory of its own. `days` turns its clock."""

    def __init__(self, folder: Path, *, documents_per_key: int = 100_000) -> None:
        self.path = folder / "home"
        shutil.copytree(_founded(documents_per_key), self.path)
        self.now = NOW

    def clock(self) -> datetime:
        return self.now

    def days(self, days: float) -> Home:
        self.now = (self.now + timedelta(days=days)).replace(microsecond=0)
        return self

    def open(self) -> Authority:
        return Authority.open(self.path, PASSPHRASE, clock=self.clock, cost=CHEAP)

    def rotation(self, actor: Actor = TWO, *, coverage: Coverage | None = None) -> Rotation:
        return Rotation(self.open(), actor, coverage=coverage)


def reason_of(call: Callable[[], object]) -> object:
    """The reason for which a call was refused; None when it was not."""
    try:
        call()
    except (AuthorityError, CustodyError, BackupError, CeremonyError) as error:
        return error.reason
    return None
