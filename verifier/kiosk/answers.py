"""What a check comes to, as programs and the page are told: in the form that `permit-verifier check --json` prints."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from typing import Any

from card_profiles.entitlements.catalogue import Catalogue

from .. import report
from ..read_failed import ReadFailed
from ..reason import Blame, Reason, blame
from ..report import Effort
from ..verdict import Assurance, ExitCode, Verdict
from .portrait import Picture

SCHEMA_FILE = "answer-1.schema.json"
_CODES = {Blame.CARD: ExitCode.REFUSED, Blame.DATA: ExitCode.OWN_DATA, Blame.READING: ExitCode.NOT_READ}


def verdict(
    decided: Verdict, effort: Effort | None, *, reader: str = "", picture: Picture | None = None
) -> dict[str, Any]:
    """A verdict; `reader` empty for a printed code."""
    tree = report.json_tree(decided, effort) | {"reader": reader}
    if picture is not None:
        from base64 import b64encode

        tree["portrait"] = {"media_type": picture.media_type, "base64": b64encode(picture.image).decode()}
    return tree


def failure(failed: ReadFailed, *, reader: str = "") -> dict[str, Any]:
    """A reading that came to no verdict."""
    return report.failure_tree(failed, _CODES[blame(failed.reason)]) | {"reader": reader}


def failed(reason: Reason, number: str = "1", *, reader: str = "") -> dict[str, Any]:
    """The same for a reason that no reading raised."""
    return failure(ReadFailed(reason, number), reader=reader)


def not_on_the_card(decided: Verdict, catalogue: Catalogue) -> list[Mapping[str, str]]:
    """Services of the own sector that the card does not name. None for print, which says nothing about them."""
    if decided.assurance is Assurance.PRINTED or not decided.genuine.good:
        return []
    named = {service.code for service in decided.services}
    return [
        {"code": service.code, "zh": service.zh, "en": service.en}
        for service in catalogue.of(decided.sector)
        if service.code not in named
    ]


def schema() -> bytes:
    """The published JSON Schema of an answer."""
    return resources.files("verifier.kiosk").joinpath(SCHEMA_FILE).read_bytes()
