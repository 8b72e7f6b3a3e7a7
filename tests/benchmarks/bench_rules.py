"""Rules over many holders, each figure beside the bare loop or table scan over the same facts.

Processor time, one core.

python -m tests.benchmarks rules; HOLDERS in the environment for more of them
"""

from __future__ import annotations

import json
import os
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from time import process_time
from typing import Any

from issuer.rules import bulk, effect, rule_set
from issuer.rules.evaluate import evaluate
from issuer.rules.facts import FACTS, Row, from_row
from issuer.rules.rule_set import RuleSet
from tests.holders import TODAY, rows

HOLDERS = 200_000
_LIST = ", ".join(fact.name for fact in FACTS)


def changed(old: RuleSet) -> RuleSet:
    """The next version: points for all schools, class 2 after two years, loans after three."""
    tree = json.loads((Path(rule_set.__file__).parent / "sets" / f"{old.version}.json").read_text())
    tree["version"] = "2027-1"
    tree["classes"]["2"]["all_of"][0] = {"residence": {"at_least": 24}}
    tree["services"]["E06"]["when"] = {"all_of": [{"see": "child_entering_school"}, {"points": {"at_least": 40}}]}
    tree["services"]["C03"]["when"] = {"all_of": [{"see": "adult"}, {"residence": {"at_least": 36}}]}
    return rule_set.parse(json.dumps(tree).encode())


def table(path: Path, count: int) -> sqlite3.Connection:
    """The holders in SQLite, a column for each fact."""
    connection = sqlite3.connect(path)
    connection.execute(f"create table holders (id integer primary key, {_LIST})")
    marks = ", ".join("?" * (len(FACTS) + 1))
    connection.executemany(f"insert into holders values ({marks})", ((number, *row) for number, row in rows(count)))
    connection.commit()
    return connection


def stored(connection: sqlite3.Connection) -> Iterator[tuple[int, Row]]:
    """The holders as a store would stream them."""
    for line in connection.execute(f"select id, {_LIST} from holders"):
        yield line[0], line[1:]


def seconds(work: Iterable[Any]) -> float:
    """How long it takes to walk through."""
    start = process_time()
    for _ in work:
        pass
    return process_time() - start


def main() -> None:
    count = int(os.environ.get("HOLDERS", HOLDERS))
    start = process_time()
    current = rule_set.load("2026-1")
    print(f"load and compile a rule set: {(process_time() - start) * 1000:.1f} ms")
    following = changed(current)
    sample = [from_row(row) for _, row in islice(rows(count), 1_000)]
    start = process_time()
    for facts in sample:
        evaluate(current, facts, TODAY)
    print(f"evaluate with explanations: {len(sample) / (process_time() - start):,.0f} holders/s")
    with tempfile.TemporaryDirectory() as folder:
        connection = table(Path(folder) / "holders.sqlite", count)
        in_memory = list(islice(rows(count), min(count, 200_000)))
        cells = [None for _ in range(3)]
        bare = min(seconds(cell for _, row in in_memory for cell in row) for _ in cells) / len(in_memory)
        scanned = min(seconds(bulk.scan(current, in_memory, TODAY)) for _ in cells) / len(in_memory)
        before = getrusage(RUSAGE_SELF).ru_maxrss
        table_scan = min(seconds(stored(connection)) for _ in cells) / count
        start = process_time()
        found = effect.effect(current, following, bulk.batches(stored(connection)), TODAY)
        both = (process_time() - start) / count
        grown = getrusage(RUSAGE_SELF).ru_maxrss - before
        connection.close()
    print(f"bare loop over the cells, in memory: {bare * 1e6:.2f} us a holder")
    print(f"class and services, in memory: {_rate(scanned)}, {scanned / bare:.1f} x")
    print(f"bare table scan, SQLite: {_rate(table_scan)}")
    print(f"effect of a new version over the same scan: {_rate(both)}, {both / table_scan:.2f} x")
    print(f"{count:,} holders in {both * count:.1f} s, {found.whole.affected.count:,} affected")
    print(f"memory: {grown / 1024:.0f} MiB more")


def _rate(each: float) -> str:
    return f"{each * 1e6:.2f} us a holder, {1 / each:,.0f}/s"
