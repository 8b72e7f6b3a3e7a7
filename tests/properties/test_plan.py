"""Plans: what they write is the contents, whatever the size of a command, and again from any step on."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from card_profiles.model import Content, LifeCycle
from card_profiles.residence_permit_v1 import RESIDENCE_PERMIT_V1 as PROFILE
from issuer import plan
from issuer.errors import Refusal, Refused
from issuer.plan import CardContents, Step, StepKind
from issuer.progress import Meter, Progress
from issuer.resume import CardView

PERMIT, IDENTITY = PROFILE.permit, PROFILE.identity
FILES = [(application, file) for application in (PERMIT, IDENTITY) for file in application.files]


@st.composite
def contents(draw: st.DrawFn) -> CardContents:
    parts: dict[str, dict[str, bytes]] = {PERMIT.name: {}, IDENTITY.name: {}}
    for application, file in draw(st.lists(st.sampled_from(FILES), unique=True, max_size=8)):
        size = draw(st.integers(0, min(file.size, 700)))
        parts[application.name][file.name] = draw(st.binary(min_size=size, max_size=size))
    return CardContents(identity=parts[IDENTITY.name], permit=parts[PERMIT.name])


def view(life_cycle: LifeCycle = LifeCycle.BLANK) -> CardView:
    return CardView(serial=bytes(10), key_version=1, life_cycle=life_cycle)


CHUNKS = st.integers(1, 400)


class Memory:
    """The files of a card, as UPDATE BINARY by SFI and by offset fills them."""

    def __init__(self) -> None:
        self.files: dict[tuple[str, int], bytearray] = {}
        self._current: tuple[str, int] | None = None

    def run(self, steps: tuple[Step, ...]) -> None:
        for step in steps:
            if step.kind is not StepKind.WRITE:
                self._current = None
                continue
            if step.sfi >= 0:
                assert step.offset <= 0xFF
                self._current = (step.application, step.sfi)
            assert self._current is not None
            file = self.files.setdefault(self._current, bytearray())
            assert step.offset <= len(file)
            assert step.offset <= 0x7FFF
            file[step.offset : step.offset + len(step.data)] = step.data

    def holds(self, application: str, files: Mapping[str, bytes]) -> bool:
        declared = PERMIT if application == PERMIT.name else IDENTITY
        return all(
            bytes(self.files.get((application, declared.file(name).sfi), b""))[: len(raw)] == raw
            for name, raw in files.items()
        )


@given(contents(), CHUNKS)
def test_a_plan_writes_the_contents(wanted: CardContents, chunk: int) -> None:
    steps = plan.issue(view(), wanted, PROFILE, chunk=chunk)
    memory = Memory()
    memory.run(steps)
    assert memory.holds(PERMIT.name, wanted.permit)
    assert memory.holds(IDENTITY.name, wanted.identity)
    assert all(0 < len(step.data) <= chunk for step in steps if step.kind is StepKind.WRITE)
    assert all(step.length == len(step.data) for step in steps if step.kind is StepKind.WRITE)


@given(contents(), contents(), CHUNKS, st.data())
def test_steps_may_be_repeated_after_a_cut(
    first: CardContents, second: CardContents, chunk: int, data: st.DataObject
) -> None:
    """A run that stops anywhere, then another one with other bytes and other lengths."""
    memory = Memory()
    steps = plan.write(first, PROFILE, chunk=chunk)
    memory.run(steps[: data.draw(st.integers(0, len(steps)))])
    memory.run(plan.write(second, PROFILE, chunk=chunk))
    assert memory.holds(PERMIT.name, second.permit)
    assert memory.holds(IDENTITY.name, second.identity)


@given(contents(), CHUNKS, st.sampled_from((LifeCycle.BLANK, LifeCycle.PERSONALISING)))
def test_the_order_that_makes_it_safe(wanted: CardContents, chunk: int, life_cycle: LifeCycle) -> None:
    steps = plan.issue(view(life_cycle), wanted, PROFILE, chunk=chunk)
    kinds = [step.kind for step in steps]
    assert kinds[-1] is StepKind.ACTIVATE
    assert kinds.count(StepKind.ACTIVATE) == kinds.count(StepKind.READ_BACK) == 1
    assert kinds.index(StepKind.CHIP_KEY) < kinds.index(StepKind.ASSEMBLE) < kinds.index(StepKind.PASSWORD_CAN)
    writes = [at for at, kind in enumerate(kinds) if kind is StepKind.WRITE]
    assert all(kinds.index(StepKind.ASSEMBLE) < at < kinds.index(StepKind.READ_BACK) for at in writes)
    assert (StepKind.PUT_KEYS in kinds) == (life_cycle is LifeCycle.BLANK)
    active = PERMIT.by_content(Content.ACTIVE).name
    permit = [step.file for step in steps if step.kind is StepKind.WRITE and step.application == PERMIT.name]
    if active in permit:  # after every file that it speaks of
        assert permit.index(active) == len(permit) - permit.count(active)


@given(contents(), CHUNKS)
def test_the_summary_leaves_nothing_out(wanted: CardContents, chunk: int) -> None:
    steps = plan.issue(view(), wanted, PROFILE, chunk=chunk)
    lines = plan.summary(steps)
    assert sum(line.commands for line in lines) == len(steps)
    assert sum(line.length for line in lines) == sum(step.length for step in steps)


@pytest.mark.parametrize(("application", "file"), FILES, ids=lambda value: getattr(value, "name", ""))
def test_content_longer_than_its_file(application: object, file: object) -> None:
    raw = {file.name: bytes(file.size + 1)}  # type: ignore[attr-defined]
    with pytest.raises(Refused) as refused:
        plan.write_files(application, raw, chunk=100)  # type: ignore[arg-type]
    assert refused.value.reason is Refusal.CONTENT_TOO_LARGE


def test_a_file_that_the_profile_does_not_have() -> None:
    with pytest.raises(KeyError):
        plan.write_files(PERMIT, {"EF.Other": b"x"}, chunk=100)


def test_the_switch_is_one_command() -> None:
    step = plan.switch(PERMIT, bytes(29))
    assert (step.offset, step.length, step.file) == (0, 29, "EF.Active")


@given(contents(), CHUNKS, st.lists(st.integers(-5, 5000), max_size=6))
def test_the_meter_never_runs_back_nor_over(wanted: CardContents, chunk: int, portions: list[int]) -> None:
    steps = plan.issue(view(), wanted, PROFILE, chunk=chunk)
    seen: list[Progress] = []
    ticks = iter(range(10**9))
    meter = Meter(steps, seen.append, lambda: float(next(ticks)))
    for step in steps:
        meter.begin(step)
        if step.kind is StepKind.READ_BACK:
            for portion in portions:
                meter.add(portion)
        meter.end()
    done = [progress.bytes_done for progress in seen]
    assert done == sorted(done)
    assert all(progress.bytes_done <= progress.bytes_total for progress in seen)
    assert all(progress.seconds_left is None or progress.seconds_left >= 0 for progress in seen)
    assert seen[-1].position == seen[-1].steps == len(steps)
    assert seen[-1].bytes_done == seen[-1].bytes_total
