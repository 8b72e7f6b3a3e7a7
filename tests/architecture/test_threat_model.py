"""docs/THREAT_MODEL.md names its tests, and each of them is there."""

from __future__ import annotations

import re
from pathlib import Path

from tests.hostile.test_attacks import ATTACKS

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"`((?:tests/)?[\w/]+\.py)::(test_\w+)(?:\[([^`]+)\])?`")


def test_every_test_that_the_threat_model_names_exists() -> None:
    named = NAMED.findall((ROOT / "docs" / "THREAT_MODEL.md").read_text(encoding="utf-8"))
    assert len(named) > 40
    rows = {attack.what for attack in ATTACKS}
    assert len(rows) == len(ATTACKS)
    for path, function, row in named:
        file = ROOT / (path if path.startswith("tests/") else f"tests/hostile/{path}")
        assert f"def {function}(" in file.read_text(encoding="utf-8"), (path, function)
        if row:
            assert (function, row in rows) == ("test_attack", True), row


def test_every_attack_of_the_first_two_tables_has_a_test() -> None:
    text = (ROOT / "docs" / "THREAT_MODEL.md").read_text(encoding="utf-8")
    tables = text.partition("## Forgery")[2].partition("## Privacy")[0]
    lines = [line for line in tables.splitlines() if line.startswith("| ") and not line.startswith("| Attack")]
    assert len(lines) >= 17
    for line in lines:
        assert NAMED.search(line.rsplit("| ", 1)[1]), line
