"""The verifier starts in a blink: how many modules it imports, and which never."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

MOST = 200
NEVER = ("fastapi", "pydantic", "sqlalchemy", "starlette", "issuer", "keys.custody", "smartcard", "asyncio", "tuf")
LATER = ("asn1crypto", "cryptography.x509")  # with the first chain, with EF.SOD

RUN = """
import sys
{code}
print(*sorted(sys.modules))
"""


def modules(code: str) -> set[str]:
    """Names in sys.modules of a fresh interpreter after `code`."""
    done = subprocess.run(
        [sys.executable, "-c", RUN.format(code=code)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    return set(done.stdout.splitlines()[-1].split())


def loaded(names: set[str], prefixes: tuple[str, ...]) -> set[str]:
    return {name for name in names if any(name == prefix or name.startswith(prefix + ".") for prefix in prefixes)}


VERSION = """
from verifier.cli import main
try:
    main(["--version"])
except SystemExit:
    pass
"""
CORE = "import verifier.cli, verifier.counter, verifier.verify, verifier.reader, verifier.report, verifier.password"


@pytest.mark.parametrize("code", [VERSION, CORE], ids=["version", "core"])
def test_start_up(code: str) -> None:
    names = modules(code)
    assert len(names) <= MOST
    assert not loaded(names, NEVER + LATER)


def test_a_failed_check_stays_light() -> None:
    """Without trust data there is no chain to check: no certificate library, no card."""
    code = "from verifier.cli import main; main(['check', '--sector', 'health', '--can', '123456', '--trust', '/none'])"
    assert not loaded(modules(code), NEVER + LATER)


def test_a_check_never_needs_asn1crypto() -> None:
    """Only the identity application does."""
    code = """
from tests.factory import NOW, authority, issue, policy
permit, trust = issue(), authority().trust()
for name in [name for name in sys.modules if name.split(".")[0] == "asn1crypto"]:
    del sys.modules[name]
from verifier.verify import verify
assert verify(permit.evidence(), trust, policy(), now=NOW).accepted
"""
    assert not loaded(modules(code), ("asn1crypto",))


def test_the_budget_can_fail() -> None:
    names = modules("import asyncio, keys.custody.software")
    assert loaded(names, NEVER)
