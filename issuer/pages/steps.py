"""The way from a person at the desk to a card in the hand: which step comes next, who does it, on which page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ..domain.application_life import ApplicationKind, ApplicationState
from ..domain.checklist import REQUIRED, Item
from ..domain.roles import Act
from ..store.models.permits import Application
from .site import PREFIX


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step; its texts are ``step.NAME`` and ``do.NAME``. `act` is what it does: who may do that, does the step."""

    name: str
    icon: str
    act: Act

    def path(self, application: int) -> str:
        """Its page."""
        return f"{PREFIX}/applications/{application}/{self.name}"


_STEPS = (
    Step(name="register", icon="person-add", act=Act.REGISTER),
    Step(name="documents", icon="list", act=Act.APPLY),
    Step(name="photo", icon="camera", act=Act.CAPTURE),
    Step(name="entitlements", icon="speak", act=Act.ACCEPT),
    Step(name="decide", icon="stamp", act=Act.APPROVE),
    Step(name="card", icon="write", act=Act.PERSONALISE),
    Step(name="handover", icon="hand", act=Act.HAND_OVER),
)
STEPS: Mapping[str, Step] = MappingProxyType({step.name: step for step in _STEPS})
_S = ApplicationState
_NEXT: Mapping[str, str] = MappingProxyType(
    {
        _S.REGISTERED: "documents",
        _S.ACCEPTED: "decide",
        _S.APPROVED: "card",
        _S.IN_PRODUCTION: "card",
        _S.READY: "handover",
    }
)


def next_step(found: Application) -> Step | None:
    """What is to be done with an application now; None when it is closed."""
    if found.state == _S.APPLIED:
        lack = missing(found)
        if lack - {Item.PHOTO}:
            return STEPS["documents"]
        return STEPS["photo" if lack else "entitlements"]
    if found.state == _S.APPROVED and found.kind == ApplicationKind.REPLACEMENT and not _has_photo(found):
        return STEPS["photo"]
    name = _NEXT.get(found.state)
    return None if name is None else STEPS[name]


def missing(found: Application) -> frozenset[Item]:
    """What is still to be brought."""
    asked = REQUIRED if found.told is None else items(found.told)
    return asked - items(found.present)


def items(text: str) -> frozenset[Item]:
    """The items that a column holds."""
    return frozenset(Item(name) for name in text.split(",") if name)


def _has_photo(found: Application) -> bool:
    return Item.PHOTO in items(found.present)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A step as the head of a page shows it."""

    step: Step
    over: bool
    current: bool


def way(found: Application | None, here: str) -> list[Stage]:
    """All steps; those that are over, and the one that this page is."""
    following = None if found is None else next_step(found)
    names = list(STEPS)
    reached = names.index(following.name) if following else (0 if found is None else len(names))
    stages = []
    for number, step in enumerate(_STEPS):
        over = number < reached
        if found is not None and step.name == "photo":
            over = _has_photo(found)
        if found is not None and found.state in (_S.REJECTED, _S.WITHDRAWN):
            over = number == 0
        stages.append(Stage(step=step, over=over, current=step.name == here))
    return stages
