"""For every test: hypothesis without a stop-watch, keys that are cheap to unlock, and temporary files in memory.

How long an example takes says how busy the machine is.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "default",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
    derandomize="CI" in os.environ,
)
settings.load_profile("default")


MEMORY = Path("/dev/shm")
ROOM = 4 << 30  # bytes


def _memory_is_there() -> bool:
    """Large enough, and programs may be started from it: the memory of a container is often neither."""
    if not os.access(MEMORY, os.W_OK | os.X_OK):
        return False
    found = os.statvfs(MEMORY)
    return found.f_bavail * found.f_frsize >= ROOM and not found.f_flag & os.ST_NOEXEC


# Journals and registries wait for the disk at every step, which is half the time of many tests. No test cuts the power:
# what a killed process has written, the system has. Whoever names a directory in TMPDIR gets that one.
if "TMPDIR" not in os.environ and _memory_is_there():
    os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)


@pytest.fixture(scope="session", autouse=True)
def scrypt_cost() -> Iterator[dict[str, int]]:
    """scrypt for nothing in this process, also behind a command line. What it costs an authority: the value of this.

    A guess at a passphrase is made to take a quarter of a second, and a rotation unlocks dozens of keys.
    """
    from keys.custody.software import ScryptCost

    cost = dict(ScryptCost.__init__.__kwdefaults__)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ScryptCost.__init__, "__kwdefaults__", {"log2_n": 4, "r": 1, "p": 1})
        yield cost
