"""How far a run has come: steps, bytes, and the seconds that are left at the rate so far."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .plan import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One report. `seconds_left` is None until there is a rate to count with."""

    step: Step
    position: int
    steps: int
    bytes_done: int
    bytes_total: int
    seconds_left: float | None


Told = Callable[[Progress], None]


class Meter:
    """Counts a plan down. `monotonic` gives seconds."""

    def __init__(self, steps: tuple[Step, ...], told: Told, monotonic: Callable[[], float]) -> None:
        self._steps = len(steps)
        self._total = sum(step.length for step in steps)
        self._told = told
        self._monotonic = monotonic
        self._begun: float | None = None
        self._position = 0
        self._done = 0
        self._within = 0
        self._step: Step | None = None

    def begin(self, step: Step) -> None:
        """`step` is being done now."""
        self._position += 1
        self._step = step
        self._within = 0
        if step.length and self._begun is None:
            self._begun = self._monotonic()
        self._report()

    def add(self, count: int) -> None:
        """`count` bytes of the step at hand have gone through."""
        assert self._step is not None
        self._within = min(self._within + max(count, 0), self._step.length)
        self._report()

    def end(self) -> None:
        """The step at hand is done, all of it."""
        assert self._step is not None
        self._done += self._step.length
        self._within = 0

    def _report(self) -> None:
        assert self._step is not None
        done = min(self._done + self._within, self._total)
        left = None
        if self._begun is not None and done and (elapsed := self._monotonic() - self._begun) > 0:
            left = (self._total - done) * elapsed / done
        self._told(
            Progress(
                step=self._step,
                position=min(self._position, self._steps),
                steps=self._steps,
                bytes_done=done,
                bytes_total=self._total,
                seconds_left=left,
            )
        )
