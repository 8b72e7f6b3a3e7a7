"""Cold start of the verifier beside a bare interpreter and beside `import cryptography.x509`: modules, time, memory."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median

ROUNDS = 7
CORE = (
    "import verifier.cli, verifier.counter, verifier.reader, verifier.verify, verifier.report;"
    " import card_profiles.readers.pcsc"
)
PROGRAMS = (
    ("bare interpreter", "pass"),
    ("permit-verifier --version", "from verifier.cli import main\ntry: main(['--version'])\nexcept SystemExit: pass"),
    ("verifier, ready to check", CORE),
    ("import cryptography.x509", "import cryptography.x509"),
)
FORBIDDEN = ("fastapi", "pydantic", "sqlalchemy", "issuer", "keys.custody", "keys.authority", "starlette", "smartcard")


def _once(program: str) -> float:
    """Wall milliseconds of a fresh process."""
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-c", program], stdout=subprocess.DEVNULL, check=True)
    return (time.perf_counter() - begin) * 1000


def _memory(program: str) -> float:
    """Peak resident MB of a fresh process, as it sees itself: wait4 would count its parent's pages before exec."""
    script = f"{program}\nimport sys\nprint(open('/proc/self/status').read(), file=sys.stderr)"
    status = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True).stderr
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")) / 1024


def modules(program: str) -> list[str]:
    """Names in sys.modules once `program` has run."""
    script = f"{program}\nimport sys\nprint(*sys.modules, sep=chr(10), file=sys.stderr)"
    return subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True).stderr.split()


def main(write: Callable[[str], object] = print) -> None:
    """A row a program; medians of fresh processes, in turn."""
    times: dict[str, list[float]] = {name: [] for name, _ in PROGRAMS}
    for _ in range(ROUNDS):
        for name, program in PROGRAMS:
            times[name].append(_once(program))
    bare = median(times["bare interpreter"])
    write(f"{'cold start':28} {'modules':>8} {'ms':>6} {'× bare':>7} {'MB':>6}")
    for name, program in PROGRAMS:
        wall = median(times[name])
        memory = _memory(program)
        write(f"{name:28} {len(modules(program)):8} {wall:6.0f} {wall / bare:7.2f} {memory:6.1f}")
    loaded = modules(CORE)
    heavy = [name for name in loaded if name.startswith(FORBIDDEN)]
    write(f"of {', '.join(FORBIDDEN)}: {', '.join(heavy) or 'none loaded'}")
