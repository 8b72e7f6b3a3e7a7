"""A token for tests: SoftHSM 2 in a directory of its own, and OpenSC's pkcs11-tool to look at it from outside."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from keys.custody.pin import PinFile
from keys.custody.pkcs11 import DEFAULT_MODULE, Pkcs11Custody
from keys.custody.token_session import close_sessions

INSTALL = "these tests need SoftHSM 2 and OpenSC; install them with: sudo apt-get install softhsm2 opensc"
TOKEN = "permit"
PIN = "token-pin-4711"
SO_PIN = "officer-pin-0815"


@dataclass(frozen=True, slots=True, kw_only=True)
class SoftHsm:
    """One initialised token and where its files lie."""

    directory: Path
    module: str = DEFAULT_MODULE

    @property
    def tokens(self) -> Path:
        return self.directory / "tokens"

    @property
    def configuration(self) -> Path:
        return self.directory / "softhsm2.conf"

    @property
    def pin_file(self) -> Path:
        return self.directory / "pin"

    @property
    def environment(self) -> dict[str, str]:
        """For child processes: how they find the token and its PIN."""
        return {
            **os.environ,
            "SOFTHSM2_CONF": str(self.configuration),
            "PERMIT_PKCS11_MODULE": self.module,
            "PERMIT_PKCS11_PIN_FILE": str(self.pin_file),
        }

    def custody(self) -> Pkcs11Custody:
        return Pkcs11Custody(self.module, PinFile(path=str(self.pin_file)))

    def uri(self, name: str, token: str = TOKEN) -> str:
        return f"pkcs11:token={token};object={name}"

    def initialise(self, label: str = TOKEN, pin: str = PIN) -> None:
        """Make one more token."""
        arguments = ["--init-token", "--free", "--label", label, "--pin", pin, "--so-pin", SO_PIN]
        run("softhsm2-util", *arguments, environment=self.environment)

    def tool(self, *arguments: str, login: bool = True, check: bool = True) -> str:
        """Run pkcs11-tool on the token; standard output and error."""
        credentials = ["--login", "--pin", PIN] if login else []
        command = ["--module", self.module, "--token-label", TOKEN, *credentials, *arguments]
        return run("pkcs11-tool", *command, environment=self.environment, check=check)


def run(program: str, *arguments: str, environment: dict[str, str], check: bool = True) -> str:
    """Run a program of the packages that `INSTALL` names; standard output and error."""
    if shutil.which(program) is None:
        pytest.fail(INSTALL, pytrace=False)
    done = subprocess.run(
        [program, *arguments], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@contextmanager
def softhsm(directory: Path) -> Iterator[SoftHsm]:
    """A token in `directory`, with SOFTHSM2_CONF set meanwhile; afterwards no session of this process remains."""
    if not os.path.isfile(DEFAULT_MODULE):
        pytest.fail(INSTALL, pytrace=False)
    hsm = SoftHsm(directory=directory)
    hsm.tokens.mkdir(parents=True)
    hsm.configuration.write_text(
        f"directories.tokendir = {hsm.tokens}\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n"
    )
    hsm.pin_file.write_text(PIN + "\n")
    hsm.pin_file.chmod(0o600)
    close_sessions()
    before = os.environ.get("SOFTHSM2_CONF")
    os.environ["SOFTHSM2_CONF"] = str(hsm.configuration)
    try:
        hsm.initialise()
        yield hsm
    finally:
        close_sessions()
        if before is None:
            del os.environ["SOFTHSM2_CONF"]
        else:
            os.environ["SOFTHSM2_CONF"] = before


@pytest.fixture(name="hsm")
def hsm_fixture(tmp_path: Path) -> Iterator[SoftHsm]:
    """A fresh token for one test. Import it into the test module to use it."""
    with softhsm(tmp_path / "hsm") as hsm:
        yield hsm
