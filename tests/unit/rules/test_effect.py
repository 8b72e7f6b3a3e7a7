"""Many holders at once: the tables agree with the evaluation, memory is bounded, a wrong row stops it."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterator
from itertools import islice

import pytest

from issuer.rules import bulk, columns, effect, rule_set
from issuer.rules.evaluate import evaluate
from issuer.rules.facts import FACTS, Row, from_row
from issuer.rules.faults import RulesRefused
from tests.holders import TODAY, rows

from .material import parsed, sample, worker

SAMPLE = rule_set.load("2026-1")


def stricter() -> rule_set.RuleSet:
    tree = sample()
    tree["version"] = "2027-1"
    tree["classes"]["2"]["all_of"][0] = {"residence": {"at_least": 24}}
    tree["services"]["E06"]["when"] = {"all_of": [{"see": "child_entering_school"}, {"points": {"at_least": 40}}]}
    del tree["services"]["C03"]
    return parsed(tree)


def test_scan_agrees_with_evaluate() -> None:
    crowd = list(rows(400, seed=7))
    for (_, row), (_, outcome) in zip(crowd, bulk.scan(SAMPLE, crowd, TODAY), strict=True):
        found = evaluate(SAMPLE, from_row(row), TODAY)
        assert outcome == bulk.Outcome(permit_class=found.permit_class, services=tuple(sorted(found.grants)))


def test_effect_counts_and_examples() -> None:
    crowd = list(rows(400, seed=3))
    new = stricter()
    found = effect.effect(SAMPLE, new, bulk.batches(crowd), TODAY)
    old_one = {number: evaluate(SAMPLE, from_row(row), TODAY) for number, row in crowd}
    new_one = {number: evaluate(new, from_row(row), TODAY) for number, row in crowd}
    lost = {number for number in old_one if "E06" in old_one[number].grants.keys() - new_one[number].grants.keys()}
    assert lost
    assert found.whole.services["E06"].lost.count == len(lost)
    assert set(found.whole.services["E06"].lost.examples) <= lost
    assert len(found.whole.services["E06"].lost.examples) == min(len(lost), effect.MAX_EXAMPLES)
    assert found.kept["C03"] == 0  # the new version has no rule for it
    assert found.whole.services["C03"].lost.count == sum("C03" in item.grants for item in old_one.values())
    moved = {n for n in old_one if old_one[n].permit_class != new_one[n].permit_class}
    assert sum(change.count for change in found.whole.classes.values()) == len(moved)
    assert set(found.whole.classes) == {(3, 2)}
    changed = moved | lost | {n for n in old_one if old_one[n].grants.keys() != new_one[n].grants.keys()}
    assert found.whole.affected.count == len(changed)
    assert found.whole.holders == 400


def test_the_same_version_changes_nothing() -> None:
    found = effect.effect(SAMPLE, SAMPLE, bulk.batches(rows(100)), TODAY)
    assert found.whole.affected.count == 0
    assert not found.whole.classes
    assert effect.record(found)["holders"] == 100


def test_nobody_is_nothing() -> None:
    assert effect.effect(SAMPLE, stricter(), [], TODAY).whole.holders == 0


def test_progress_is_told_while_holders_stream() -> None:
    pulled: list[int] = []

    def stream() -> Iterator[tuple[int, Row]]:
        for number, row in rows(bulk.CHUNK * 2 + 1):
            pulled.append(number)
            yield number, row

    told: list[tuple[int, int]] = []
    effect.effect(SAMPLE, stricter(), bulk.batches(stream()), TODAY, lambda done: told.append((done, len(pulled))))
    assert [done for done, _ in told] == [bulk.CHUNK, 2 * bulk.CHUNK, 2 * bulk.CHUNK + 1, 2 * bulk.CHUNK + 1]
    assert told[0] == (bulk.CHUNK, bulk.CHUNK)


def test_memory_does_not_grow_with_the_holders() -> None:
    def peak(count: int) -> int:
        gc.collect()
        tracemalloc.start()
        effect.effect(SAMPLE, stricter(), bulk.batches(forever(count)), TODAY)
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    crowd = list(rows(2_000))

    def forever(count: int) -> Iterator[tuple[int, Row]]:
        for number in range(count):
            yield number, crowd[number % len(crowd)][1]

    assert peak(60_000) < peak(20_000) * 1.3


def counts(found: effect.Effect) -> object:
    services = {
        code: (item.gained.count, item.lost.count, found.kept[code]) for code, item in found.whole.services.items()
    }
    return services, {move: item.count for move, item in found.whole.classes.items()}, found.whole.affected.count


def test_tables_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    crowd = list(rows(600, seed=5))
    wanted = effect.effect(SAMPLE, stricter(), bulk.batches(crowd), TODAY)
    for module in (columns, bulk, effect):
        monkeypatch.setattr(module, "MAX_ENTRIES", 3)
    monkeypatch.setattr(bulk, "CHUNK", 50)
    found = effect.effect(SAMPLE, stricter(), bulk.batches(crowd), TODAY)
    assert counts(found) == counts(wanted)


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("residence", "2026-05-01"),
        ("residence", "2026-05-01 2026-06-01"),
        ("residence", "2026-06-01/2026-05-01"),
        ("residence", "2026-13-01/.."),
        ("residence", 5),
        ("birth", "1991"),
        ("birth", 1991),
        ("children", "2020-03-01,2019-01-01"),
        ("children", "2020-03-01,x"),
        ("children", 3),
        ("points", "60"),
        ("points", -1),
        ("education", "genius"),
        ("district", "a b"),
    ],
)
def test_a_wrong_cell_names_its_holder(name: str, cell: str | int) -> None:
    at = [fact.name for fact in FACTS].index(name)
    good = worker().row()
    bad = (*good[:at], cell, *good[at + 1 :])
    with pytest.raises(RulesRefused) as caught:
        effect.effect(SAMPLE, SAMPLE, bulk.batches([("A", good), ("B", bad), ("C", good), ("D", bad)]), TODAY)
    assert [mistake.path for mistake in caught.value.mistakes] == ["B", "D"]


@pytest.mark.parametrize("cells", [len(FACTS) - 1, len(FACTS) + 1, 0])
def test_a_fact_left_out_does_not_count_as_met(cells: int) -> None:
    row = (*worker().row(), None)[:cells]
    with pytest.raises(RulesRefused):
        list(bulk.scan(SAMPLE, [("A", row)], TODAY))
    with pytest.raises(RulesRefused):
        list(bulk.scan(SAMPLE, [("A", worker().row()), ("B", row)], TODAY))


def test_an_empty_stream_of_facts_is_never_evaluated_eagerly() -> None:
    first = next(iter(bulk.scan(SAMPLE, islice(rows(5), 5), TODAY)))
    assert first[0] == 0
