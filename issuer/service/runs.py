"""Cards being written, and computations over all holders: work that takes longer than an answer may.

Each run has a thread of its own; a reader has one run at a time. What a run reports is for whoever waits: it dies with
the process, while what counts stands in the journal before the card hears of it.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeAlias

from ..errors import Refused
from ..progress import Progress
from . import logs
from .metrics import Metrics
from .problem_texts import Code
from .problems import Problem

Kind: TypeAlias = Literal["issue", "endorse"]
State: TypeAlias = Literal["running", "done", "failed"]
MAX_RUNS = 500
MAX_EVENTS = 400
CLOSE_SECONDS = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One step of a run."""

    number: int
    at: datetime
    what: str
    file: str


@dataclass(slots=True, kw_only=True)
class Run:
    """A card being written. `failure` is what went wrong: a refusal, or anything else that was raised."""

    id: str
    kind: Kind
    reader: str
    operator: int
    permit: str
    plan: tuple[Mapping[str, Any], ...]
    state: State = "running"
    progress: Progress | None = None
    can: str | None = field(default=None, repr=False)
    changes: tuple[Mapping[str, str], ...] = ()
    serial: str | None = None
    resumed: bool = False
    seconds: float | None = None
    failure: BaseException | None = field(default=None, repr=False)
    happenings: list[Happening] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event, repr=False)


Work: TypeAlias = Callable[[Run, Callable[[Progress], None]], None]


class Runs:
    """The runs of this process."""

    def __init__(self, metrics: Metrics, clock: Callable[[], datetime]) -> None:
        self._metrics = metrics
        self._clock = clock
        self._lock = threading.Lock()
        self._runs: dict[str, Run] = {}
        self._keys: dict[tuple[int, str], str] = {}
        self._busy: dict[str, str] = {}
        self._threads: dict[str, threading.Thread] = {}

    def repeated(self, operator: int, key: str) -> Run | None:
        """The run that the same operator began with the same Idempotency-Key."""
        with self._lock:
            found = self._keys.get((operator, key))
            return None if found is None else self._runs.get(found)

    def begin(
        self,
        kind: Kind,
        *,
        reader: str,
        operator: int,
        key: str,
        permit: str,
        plan: tuple[Mapping[str, Any], ...],
        work: Work,
    ) -> Run:
        """Start it. Raises Problem(READER_BUSY)."""
        run = Run(id=secrets.token_urlsafe(12), kind=kind, reader=reader, operator=operator, permit=permit, plan=plan)
        with self._lock:
            if reader in self._busy:
                raise Problem(Code.READER_BUSY, reader=reader)
            self._forget()
            self._runs[run.id] = run
            self._keys[operator, key] = run.id
            self._busy[reader] = run.id
            thread = threading.Thread(target=self._do, args=(run, work), name=f"run-{run.id}", daemon=True)
            self._threads[run.id] = thread
        thread.start()
        return run

    def find(self, run_id: str) -> Run:
        """Raises Problem(NO_RUN)."""
        with self._lock:
            found = self._runs.get(run_id)
        if found is None:
            raise Problem(Code.NO_RUN)
        return found

    def busy(self, reader: str) -> bool:
        """Whether a card is being written there."""
        with self._lock:
            return reader in self._busy

    def close(self) -> None:
        """Let what is being written come to its end."""
        with self._lock:
            threads = list(self._threads.values())
        for thread in threads:
            thread.join(CLOSE_SECONDS)

    def _do(self, run: Run, work: Work) -> None:
        started = time.monotonic()
        self._metrics.running.inc()

        def told(progress: Progress) -> None:
            run.progress = progress
            step = (progress.step.kind.value, progress.step.file)
            if run.happenings and (run.happenings[-1].what, run.happenings[-1].file) == step:
                return
            if len(run.happenings) < MAX_EVENTS:
                number = len(run.happenings) + 1
                run.happenings.append(Happening(number=number, at=self._clock(), what=step[0], file=step[1]))

        try:
            work(run, told)
            run.state = "done"
        except BaseException as error:
            run.failure, run.state = error, "failed"
            run.can = None
        finally:
            run.seconds = time.monotonic() - started
            with self._lock:
                self._busy.pop(run.reader, None)
                self._threads.pop(run.id, None)
            self._metrics.running.dec()
            self._metrics.runs.labels(run.kind, run.state).observe(run.seconds)
            problem = run.failure.reason.value if isinstance(run.failure, Refused) else None
            unforeseen = run.failure if problem is None else None
            logs.log("run", run=run.id, what=run.kind, operator=run.operator, problem=problem, error=unforeseen)
            run.ended.set()

    def _forget(self) -> None:
        """The oldest that have ended, when there are many."""
        for run_id in [run.id for run in self._runs.values() if run.state != "running"][: -MAX_RUNS or None]:
            del self._runs[run_id]
        self._keys = {key: run_id for key, run_id in self._keys.items() if run_id in self._runs}


class Stopped(Exception):
    """Somebody has ended a computation."""


@dataclass(slots=True, kw_only=True)
class Job:
    """A computation `about` something. `stop`: it is to end before its time."""

    id: str
    about: str
    total: int
    begun: datetime
    done: int = 0
    state: State | Literal["stopped"] = "running"
    result: Any = None
    stop: threading.Event = field(default_factory=threading.Event, repr=False)


class Jobs:
    """The computations of this process, one at a time."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}
        self._threads: list[threading.Thread] = []
        self._one = threading.Lock()

    def begin(self, about: str, total: int, work: Callable[[Callable[[int], None]], Any]) -> Job:
        """Start it; `work` is told how to report and gives the result. What it is told raises Stopped once it is to
        end."""
        job = Job(id=secrets.token_urlsafe(12), about=about, total=total, begun=self._clock())

        def progress(done: int) -> None:
            job.done = done
            if job.stop.is_set():
                raise Stopped

        def do() -> None:
            try:
                with self._one:
                    progress(0)
                    job.result = work(progress)
                job.state = "done"
            except Stopped:
                job.state = "stopped"
            except Exception as error:
                job.state = "failed"
                logs.log("job", run=job.id, error=error)

        thread = threading.Thread(target=do, name=f"job-{job.id}", daemon=True)
        with self._lock:
            for old in list(self._jobs)[:-20]:
                if self._jobs[old].state != "running":
                    del self._jobs[old]
            self._jobs[job.id] = job
            self._threads = [*(t for t in self._threads if t.is_alive()), thread]
        thread.start()
        return job

    def find(self, job_id: str) -> Job:
        """Raises Problem(NO_RUN)."""
        with self._lock:
            found = self._jobs.get(job_id)
        if found is None:
            raise Problem(Code.NO_RUN)
        return found

    def latest(self, about: str) -> Job | None:
        """The last one that was begun about it, of those that were not stopped."""
        with self._lock:
            of_it = [job for job in self._jobs.values() if job.about == about and not job.stop.is_set()]
        return of_it[-1] if of_it else None

    def close(self) -> None:
        """Let them end."""
        for thread in list(self._threads):
            thread.join(CLOSE_SECONDS)
