"""`make bench`: every figure beside its floor. `python -m tests.benchmarks NAME …` runs only those named."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

TITLES = {
    "card": "Commands and bytes on the wire",
    "cpu": "CPU of a check",
    "startup": "Cold start of the verifier",
    "custody": "Signatures a second by custody",
    "status": "Status lists",
    "printed": "Printed code: decode rates, image to verdict",
    "kiosk": "The counter's page: card in to verdict on screen, start, memory, idle",
    "rules": "Rules over many holders",
    "pages": "Answers of the desk's pages",
    "agent": "A card written through a desk agent",
    "assembly": "Cards assembled and signed",
    "service": "The service with 50 operators, by number of holders",
}


def main(wanted: list[str]) -> int:
    """Every `bench_NAME.py` beside this file has a `main()` that prints its table."""
    present = sorted(path.stem.removeprefix("bench_") for path in Path(__file__).parent.glob("bench_*.py"))
    unknown = set(wanted) - set(present)
    if unknown:
        print(f"no benchmark {', '.join(sorted(unknown))}; there are: {', '.join(present)}", file=sys.stderr)
        return 2
    for name in wanted or sorted(present, key=lambda one: (list(TITLES).index(one) if one in TITLES else 99, one)):
        print(f"\n== {TITLES.get(name, name)} ==", flush=True)
        import_module(f"tests.benchmarks.bench_{name}").main()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
