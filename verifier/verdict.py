"""What a check comes to: four facets that are never merged, the steps behind them, and the services."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import IntEnum, StrEnum

from card_profiles.entitlements.catalogue import Sector

from .reason import Blame, Reason, blame


class Outcome(StrEnum):
    """How a check ended."""

    PASSED = "passed"
    WARNING = "warning"  # passed, but somebody should act
    FAILED = "failed"
    NOT_CHECKED = "not-checked"


class Assurance(StrEnum):
    """What the verdict rests on. Never merged: a caller who does not say that print is enough gets no print."""

    CHIP = "chip"  # the chip proved to be the one that was signed for
    PRINTED = "printed"  # the code on the back: signed and current, but a copy looks the same


class ExitCode(IntEnum):
    """Exit codes of the command line."""

    ACCEPTED = 0
    REFUSED = 1
    NOT_READ = 2
    OWN_DATA = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One numbered step of docs/VERIFICATION.md. `detail` is for the log; `milliseconds` comes from the caller."""

    number: str
    outcome: Outcome
    reasons: tuple[Reason, ...] = ()
    detail: str = ""
    milliseconds: float | None = None

    @classmethod
    def passed(cls, number: str, detail: str = "") -> Step:
        """The step ran and found nothing wrong."""
        return cls(number=number, outcome=Outcome.PASSED, detail=detail)

    @classmethod
    def failed(cls, number: str, reason: Reason, detail: str = "") -> Step:
        """The step speaks against the card; or, when `reason` is about our own data, it could not be decided."""
        outcome = Outcome.NOT_CHECKED if blame(reason) is Blame.DATA else Outcome.FAILED
        return cls(number=number, outcome=outcome, reasons=(reason,), detail=detail)

    @classmethod
    def not_checked(cls, number: str, detail: str = "") -> Step:
        """The step did not run."""
        return cls(number=number, outcome=Outcome.NOT_CHECKED, reasons=(Reason.NOT_CHECKED,), detail=detail)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facet:
    """One question and its answer. An answer is good only as PASSED or WARNING."""

    outcome: Outcome
    reasons: tuple[Reason, ...] = ()
    details: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        """Whether nothing stands in the way."""
        return self.outcome in (Outcome.PASSED, Outcome.WARNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceEntitlement:
    """One service on the card. `until` is the last day on which it counts; `reason` says why it does not."""

    code: str
    zh: str
    en: str
    until: date
    reason: Reason | None = None

    @property
    def entitled(self) -> bool:
        """Whether the holder may have the service now."""
        return self.reason is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """What every counter sees of the holder: the signed permit element. Shown only when it is genuine."""

    number: str
    name_native: str
    name_latin: str
    birth_date: date
    sex: str
    permit_class: int
    authority: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DataAge:
    """Signing times of the data that the verdict rests on; None where there is none."""

    trust_signed: datetime | None
    status_signed: datetime | None


class CheckFailed(Exception):
    """A verdict that is not good enough for what the caller wants; `reasons` say why."""

    def __init__(self, reasons: tuple[Reason, ...], verdict: Verdict) -> None:
        super().__init__(", ".join(reasons) or "not accepted")
        self.reasons = reasons
        self.verdict = verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The whole report. Look at it, or call `require`, which raises: a failed check cannot be overlooked."""

    sector: Sector
    at: datetime
    genuine: Facet
    current: Facet
    entitled: Facet
    data_age: Facet
    services: tuple[ServiceEntitlement, ...] = ()
    address: str = ""  # residence, on a household office's counter only
    holder: Holder | None = None
    valid_until: datetime | None = None
    ages: DataAge = DataAge(trust_signed=None, status_signed=None)
    steps: tuple[Step, ...] = ()
    assurance: Assurance = Assurance.CHIP

    @property
    def accepted(self) -> bool:
        """Genuine and current, by data that is not too old. Says nothing about any service."""
        return self.genuine.good and self.current.good and self.data_age.good

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Why the card is not accepted, each reason once; empty when it is accepted."""
        against = (facet for facet in (self.genuine, self.current, self.data_age) if not facet.good)
        return tuple(dict.fromkeys(reason for facet in against for reason in facet.reasons))

    def service(self, code: str) -> ServiceEntitlement | None:
        """The service `code`, entitled or not; None when the sector's file does not name it."""
        return next((service for service in self.services if service.code == code), None)

    def require(self, service: str | None = None, *, assurance: Assurance = Assurance.CHIP) -> Verdict:
        """Itself, when the card is accepted and (if named) entitled to `service`; raises `CheckFailed` otherwise.

        A printed code is never enough unless the caller says so, with `assurance` PRINTED.
        """
        if not self.accepted:
            raise CheckFailed(self.reasons, self)
        if self.assurance is Assurance.PRINTED and assurance is not Assurance.PRINTED:
            raise CheckFailed((Reason.COPY_NOT_EXCLUDED,), self)
        if service is not None:
            found = self.service(service)
            if found is None or not self.entitled.good:
                raise CheckFailed(self.entitled.reasons or (Reason.NO_SERVICES,), self)
            if found.reason is not None:
                raise CheckFailed((found.reason,), self)
        return self

    @property
    def exit_code(self) -> ExitCode:
        """0 accepted; 1 when anything speaks against the card; 3 when only our own data stands in the way.

        Also 3 when the card is accepted and only the age of our data keeps its services back: no script may take that
        for a card that simply has none.
        """
        if self.accepted:
            withheld = any(blame(reason) is Blame.DATA for reason in self.entitled.reasons)
            return ExitCode.OWN_DATA if withheld else ExitCode.ACCEPTED
        # NOT_CHECKED beside a failure of our own data is its consequence, and alone it is a refusal.
        causes = [reason for reason in self.reasons if reason is not Reason.NOT_CHECKED]
        if causes and all(blame(reason) is Blame.DATA for reason in causes):
            return ExitCode.OWN_DATA
        return ExitCode.REFUSED
