"""The plan: from the state of a card and the files that it shall hold to the steps, each of which may be repeated.

Pure. The same tuple is shown to the person at the desk, run by the writer and counted by the progress display. A step
that was executed and whose answer was lost is executed again: keys and passwords are replaced, a file is written from
its start, and a chip key that is there already is read instead of generated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import groupby

from card_profiles.model import Application, CardProfile, Content, ElementaryFile, LifeCycle

from .errors import Refusal, Refused
from .resume import CardView


class StepKind(StrEnum):
    """What is done in a step."""

    OPEN = "open"  # SELECT the application, SCP03 with the keys that the card has
    PUT_KEYS = "put-keys"  # the authority's diversified keys, of the version in use, in place of those that it has
    CHIP_KEY = "chip-key"  # generate the key pair, or read the public key of the one there is
    ASSEMBLE = "assemble"  # sign and cross-check; no command to the card
    PASSWORD_CAN = "password-can"  # noqa: S105 - the name of a step
    PASSWORD_MRZ = "password-mrz"  # noqa: S105
    WRITE = "write"
    READ_BACK = "read-back"  # PACE, every file compared byte for byte, Chip Authentication, the verifier's verdict
    ACTIVATE = "activate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step: what, where, and for WRITE the bytes of one UPDATE BINARY.

    `length` is what counts for the progress: bytes to the card, or from it for READ_BACK. `sfi` is used for the first
    part of a file, and -1 means the file that is current after that.
    """

    kind: StepKind
    application: str = ""
    file: str = ""
    sfi: int = -1
    offset: int = 0
    data: bytes = field(default=b"", repr=False)
    length: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CardContents:
    """What a card shall hold: files by their names in the profile, for each application."""

    identity: Mapping[str, bytes]
    permit: Mapping[str, bytes]

    def of(self, application: str, profile: CardProfile) -> Mapping[str, bytes]:
        """The files of the application with that name."""
        return self.identity if application == profile.identity.name else self.permit

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(len(content) for files in (self.identity, self.permit) for content in files.values())


def prepare(card: CardView) -> tuple[Step, ...]:
    """From a blank, or a card torn before, to the public chip key: what must be done before anything can be signed."""
    keys = (Step(kind=StepKind.OPEN, application="permit"), Step(kind=StepKind.PUT_KEYS))
    blank = card.life_cycle is LifeCycle.BLANK
    return (*(keys if blank else ()), Step(kind=StepKind.OPEN, application="permit"), Step(kind=StepKind.CHIP_KEY))


def renew_keys() -> tuple[Step, ...]:
    """New keys for a card in force, in a session that its old ones opened; the session after it proves the new ones."""
    return (Step(kind=StepKind.PUT_KEYS), Step(kind=StepKind.OPEN, application="permit"))


def write(contents: CardContents, profile: CardProfile, *, chunk: int) -> tuple[Step, ...]:
    """Passwords and files. EF.Active comes after the files of its slot, the permit application before identity.

    `chunk` is the largest number of bytes in one UPDATE BINARY. Raises Refused(CONTENT_TOO_LARGE).
    """
    return (
        Step(kind=StepKind.PASSWORD_CAN),
        Step(kind=StepKind.PASSWORD_MRZ),
        *write_files(profile.permit, contents.permit, chunk=chunk),
        Step(kind=StepKind.OPEN, application=profile.identity.name),
        *write_files(profile.identity, contents.identity, chunk=chunk),
    )


def finish(contents: CardContents) -> tuple[Step, ...]:
    """Read back as a counter would, then activate: in force only when it is right."""
    return (
        Step(kind=StepKind.READ_BACK, length=contents.size),
        Step(kind=StepKind.OPEN, application="permit"),
        Step(kind=StepKind.ACTIVATE),
    )


def issue(card: CardView, contents: CardContents, profile: CardProfile, *, chunk: int) -> tuple[Step, ...]:
    """The whole of it, in order."""
    return (
        *prepare(card),
        Step(kind=StepKind.ASSEMBLE),
        *write(contents, profile, chunk=chunk),
        *finish(contents),
    )


def write_files(application: Application, files: Mapping[str, bytes], *, chunk: int) -> tuple[Step, ...]:
    """UPDATE BINARY commands for `files`, in the order of the profile but for EF.Active, which comes last.

    Raises Refused(CONTENT_TOO_LARGE) for content longer than its file, KeyError for a file that is not there.
    """
    if chunk < 1:
        raise ValueError("a chunk has at least one byte")
    declared = [application.file(name) for name in files]
    order = sorted(declared, key=lambda file: (file.content is Content.ACTIVE, application.files.index(file)))
    return tuple(step for file in order for step in _write_file(application.name, file, files[file.name], chunk))


def switch(application: Application, active: bytes) -> Step:
    """The one UPDATE BINARY that makes the other slot count."""
    file = application.by_content(Content.ACTIVE)
    (step,) = _write_file(application.name, file, active, len(active))
    return step


def _write_file(application: str, file: ElementaryFile, content: bytes, chunk: int) -> list[Step]:
    if len(content) > file.size:
        raise Refused(Refusal.CONTENT_TOO_LARGE, file=file.name, size=len(content), limit=file.size)
    return [
        Step(
            kind=StepKind.WRITE,
            application=application,
            file=file.name,
            sfi=file.sfi if offset == 0 else -1,
            offset=offset,
            data=content[offset : offset + chunk],
            length=len(content[offset : offset + chunk]),
        )
        for offset in range(0, len(content), chunk)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanLine:
    """Steps of one kind on one file, for showing: `commands` UPDATE BINARY of `length` bytes together."""

    kind: StepKind
    application: str
    file: str
    commands: int
    length: int


def summary(steps: tuple[Step, ...]) -> tuple[PlanLine, ...]:
    """The plan as a person reads it, a file a line."""
    lines = []
    for (kind, application, file), group in groupby(steps, key=lambda step: (step.kind, step.application, step.file)):
        together = tuple(group)
        lines.append(
            PlanLine(
                kind=kind,
                application=application,
                file=file,
                commands=len(together),
                length=sum(step.length for step in together),
            )
        )
    return tuple(lines)
