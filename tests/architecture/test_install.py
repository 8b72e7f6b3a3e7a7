"""A plain `pip install`: what a counter gets, and what it says about the rest.

The plain install has cryptography and cbor2 alone. A card from the full environment is checked with it, by the
commands that a counter types; what needs an extra ends with one line that names it. Packages come from pip's cache
after `make setup`.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import HTTPCookieProcessor, Request, build_opener, urlopen

import pytest

from keys.publication.targets import collect
from tests.distribution import FIRST, lay_out
from verifier.reason import Reason

ROOT = Path(__file__).parents[2]
PACKAGES = ("card_profiles", "issuer", "keys", "verifier")
NOT_INSTALLED = (".md", ".mako")  # for those who work on the sources
PIP = (sys.executable, "-m", "pip", "-q", "--disable-pip-version-check")
CAN = "123456"
LIST_FILES = "from importlib import metadata; print(*metadata.files('residence-permit'), sep='\\n')"
LIST_DISTRIBUTIONS = "from importlib import metadata; print(*(d.name for d in metadata.distributions()))"


def run(*command: str | Path, code: int = 0, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([*map(str, command)], cwd=cwd, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == code, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done


def install(venv: Path, what: str | Path, *, cwd: Path) -> None:
    """An environment with `what` and without pip, whose own installation takes longer than all of ours."""
    run(sys.executable, "-m", "venv", "--without-pip", venv)
    run(*PIP, "--python", venv / "bin/python", "install", "--no-compile", "-c", "constraints.txt", what, cwd=cwd)


def sources_in(*places: str) -> list[str]:
    """What is under version control, or would be after `git add`."""
    listed = run("git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *places).stdout.splitlines()
    return [name for name in listed if (ROOT / name).is_file()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """An environment with the plain install, and a card and trust data from elsewhere."""

    bin: Path
    work: Path
    sources: frozenset[str]

    def verifier(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        return run(self.bin / "permit-verifier", *arguments, "--lang", "en", code=code, cwd=self.work)

    def check(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        usual = ("--sector", "health", "--can", CAN, "--trust", "authority/trust", "--state", "state")
        return self.verifier("check", *usual, *arguments, code=code)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Plain:
    work = tmp_path_factory.mktemp("install")
    source = work / "source"
    wheels = work / "wheels"
    sources = sources_in("pyproject.toml", "constraints.txt", "README.md", *PACKAGES)
    for name in sources:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, source / name)
    run(*PIP, "wheel", "--no-deps", "-w", wheels, source, cwd=work)
    shutil.copy(source / "constraints.txt", work)
    shutil.rmtree(source)  # nothing may lean on it
    install(work / "venv", next(wheels.glob("*.whl")), cwd=work)

    (work / "passphrase").write_text("correct horse battery\n")
    (work / "passphrase").chmod(0o600)
    samples, python = ROOT / "issuer/samples", (sys.executable, "-m")
    keys = ("--home", work / "authority", "--passphrase-file", work / "passphrase")
    run(*python, "keys.cli", "init", "--authority", samples / "authority.json", *keys)
    run(*python, "card_profiles.softcard.cli", "new", "--image", work / "card.img")
    holder = ("--application", samples / "01-chen-xiaowen.json", "--photo", samples / "01-chen-xiaowen.jpg")
    run(*python, "issuer.cli", "issue", *holder, "--image", work / "card.img", "--can", CAN, *keys)
    return Plain(bin=work / "venv/bin", work=work, sources=frozenset(sources))


def test_only_what_the_core_needs_is_there(plain: Plain) -> None:
    found = set(run(plain.bin / "python", "-c", LIST_DISTRIBUTIONS, cwd=plain.work).stdout.split())
    assert found == {"residence-permit", "cryptography", "cbor2", "cffi", "pycparser"}


def test_all_our_files_and_no_others_are_installed(plain: Plain) -> None:
    """Data files as well: samples, catalogue, rules, ceremonies. No tests."""
    listed = run(plain.bin / "python", "-c", LIST_FILES, cwd=plain.work).stdout.splitlines()
    ours = {name for name in listed if name.startswith(PACKAGES) and "__pycache__" not in name}
    assert ours == {name for name in plain.sources if name.startswith(PACKAGES) and not name.endswith(NOT_INSTALLED)}
    others = {Path(name).parts[0] for name in listed} - set(PACKAGES)
    assert others == {"..", next(name for name in others if name.endswith(".dist-info"))}


def test_a_card_is_checked(plain: Plain) -> None:
    verdict = json.loads(plain.check("--image", "card.img", "--json").stdout)
    assert verdict["accepted"]


@pytest.mark.parametrize(
    ("arguments", "reason", "names"),
    [
        (("--image", "card.img", "--identity"), Reason.IDENTITY_SUPPORT_MISSING, ("residence-permit[identity]",)),
        (("--reader", "any"), Reason.READER_SUPPORT_MISSING, ("residence-permit[pcsc]", "pcscd", "libpcsclite-dev")),
    ],
)
def test_what_needs_an_extra_names_it(
    plain: Plain, arguments: tuple[str, ...], reason: Reason, names: tuple[str, ...]
) -> None:
    told = plain.check(*arguments, code=2)
    assert told.stdout == ""
    assert len(told.stderr.splitlines()) == 1
    assert all(name in told.stderr for name in names)
    assert json.loads(plain.check(*arguments, "--json", code=2).stdout)["reasons"] == [reason]


def test_readers_need_an_extra_as_well(plain: Plain) -> None:
    assert "residence-permit[pcsc]" in plain.verifier("readers", code=2).stderr


@pytest.mark.parametrize("program", ["permit-issuer", "permit-keys", "permit-softcard", "permit-verifier"])
def test_every_program_starts(plain: Plain, program: str) -> None:
    assert run(plain.bin / program, "--help", cwd=plain.work).stdout.startswith(f"usage: {program}")


@pytest.mark.parametrize("command", ["serve", "init", "db", "audit", "records"])
def test_the_service_needs_an_extra_and_names_it(plain: Plain, command: str) -> None:
    told = run(plain.bin / "permit-issuer", command, "--help", code=1, cwd=plain.work)
    assert told.stdout == ""
    assert len(told.stderr.splitlines()) == 1
    assert "residence-permit[issuer]" in told.stderr


def test_a_blank_card_takes_no_extra(plain: Plain) -> None:
    run(plain.bin / "permit-softcard", "new", "--image", "blank.img", cwd=plain.work)


# --- a counter with its extras, and nothing else


@pytest.fixture(scope="module")
def counter(plain: Plain) -> Plain:
    """The same wheel with what docs/COUNTER.md installs, and a stick with a release of the same authority."""
    (wheel,) = (plain.work / "wheels").glob("*.whl")
    install(plain.work / "counter", f"{wheel}[pcsc,counter,sync]", cwd=plain.work)
    now = datetime.now(UTC).replace(microsecond=0)
    root = FIRST.first_root(now)
    lay_out(plain.work / "stick", collect(str(plain.work / "authority/trust")), now=now, roots=[root])
    (plain.work / "anchor.json").write_bytes(root)
    return Plain(bin=plain.work / "counter/bin", work=plain.work, sources=plain.sources)


@pytest.fixture(scope="module")
def synced(counter: Plain) -> Plain:
    told = counter.verifier("sync", "--from", "stick", "--trust-anchor", "anchor.json", "--store", "store", "--json")
    assert json.loads(told.stdout)["synced"]
    return counter


def test_nothing_of_the_desk_is_at_a_counter(counter: Plain) -> None:
    found = set(run(counter.bin / "python", "-c", LIST_DISTRIBUTIONS, cwd=counter.work).stdout.split())
    assert found >= {"pyscard", "starlette", "uvicorn", "zxing-cpp", "pillow", "tuf"}
    assert not found & {"fastapi", "SQLAlchemy", "alembic", "opencv-python-headless", "pytest", "asn1crypto"}


def test_the_first_check_after_the_first_stick(synced: Plain) -> None:
    told = synced.check("--image", "card.img", "--trust", "store", "--json")
    assert json.loads(told.stdout)["accepted"]


def test_the_doctor_knows_what_is_missing(synced: Plain) -> None:
    """On a machine without pcscd for this user, or with it: the data is in order."""
    where = ("--trust", "store", "--state", "state", "--json", "--lang", "en")
    done = subprocess.run(
        [synced.bin / "permit-verifier", "doctor", *where], cwd=synced.work, capture_output=True, text=True, check=False
    )
    found = {one["part"]: one["health"] for one in json.loads(done.stdout)["findings"]}
    assert {found[part] for part in ("trust", "status", "sync", "clock", "disk", "permissions")} == {"good"}
    assert done.returncode in (0, 1)


@pytest.fixture
def kiosk(synced: Plain) -> Iterator[str]:
    """Its link, as it says it."""
    where = ("--sector", "health", "--trust", "store", "--state", "kiosk", "--port", "0", "--lang", "en")
    program = subprocess.Popen(
        [synced.bin / "permit-verifier", "kiosk", *where], cwd=synced.work, stdout=subprocess.PIPE, text=True
    )
    try:
        assert program.stdout is not None
        yield program.stdout.readline().split()[-1]
    finally:
        program.terminate()
        program.communicate(timeout=30)
    assert program.returncode in (0, -signal.SIGTERM)


def test_the_kiosk_serves_its_page(kiosk: str) -> None:
    with build_opener(HTTPCookieProcessor).open(kiosk, timeout=30) as answer:  # the link, a cookie, then the page
        assert answer.status == 200
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert b"<html" in answer.read()
    with pytest.raises(HTTPError) as refused:
        urlopen(Request(kiosk, headers={"Host": "elsewhere.example"}), timeout=30)
    assert refused.value.code in (400, 403, 421)
    refused.value.close()


def test_the_units_are_there(counter: Plain) -> None:
    code = "import importlib.resources as r; print(*(p.name for p in r.files('verifier').joinpath('units').iterdir()))"
    names = run(counter.bin / "python", "-c", code, cwd=counter.work).stdout.split()
    assert {"permit-verifier-sync.timer", "permit-verifier-kiosk.service", "permit-verifier-browser.desktop"} <= {
        *names
    }
