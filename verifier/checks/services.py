"""Step 10: which services of the counter's sector the holder may have, until when, and why not."""

from __future__ import annotations

from datetime import date

from card_profiles.entitlements.catalogue import Catalogue, Sector
from card_profiles.entitlements.sector_files import SectorEntitlements

from ..reason import Reason
from ..verdict import Facet, Outcome, ServiceEntitlement, Step

NUMBER = "10"


def check(
    entitlements: SectorEntitlements, catalogue: Catalogue, sector: Sector, today: date
) -> tuple[Facet, tuple[ServiceEntitlement, ...], Step]:
    """A service counts until the end of its last day. One that the catalogue does not know is never granted."""
    services = tuple(
        _service(code, until, catalogue, sector, today) for code, until in sorted(entitlements.services.items())
    )
    granted = sum(service.entitled for service in services)
    reasons = tuple(dict.fromkeys(service.reason for service in services if service.reason is not None))
    detail = f"{granted} of {len(services)}"
    if granted:
        # What was not granted is told with each service; it takes nothing away from the others.
        return Facet(outcome=Outcome.PASSED), services, Step.passed(NUMBER, detail)
    facet = Facet(outcome=Outcome.FAILED, reasons=(Reason.NO_SERVICES, *reasons))
    return facet, services, Step(number=NUMBER, outcome=facet.outcome, reasons=facet.reasons, detail=detail)


def _service(code: str, until: date, catalogue: Catalogue, sector: Sector, today: date) -> ServiceEntitlement:
    known = catalogue.services.get(code)
    reason: Reason | None = None
    if known is None:
        reason = Reason.SERVICE_NOT_IN_CATALOGUE
    elif known.sector is not sector:
        reason = Reason.SERVICE_OF_OTHER_SECTOR
    elif until < today:
        reason = Reason.SERVICE_EXPIRED
    return ServiceEntitlement(
        code=code, zh=known.zh if known else "", en=known.en if known else "", until=until, reason=reason
    )
