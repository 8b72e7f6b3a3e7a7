"""For every test: hypothesis without a stop-watch, and keys that are cheap to unlock.

How long an example takes says how busy the machine is.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

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
