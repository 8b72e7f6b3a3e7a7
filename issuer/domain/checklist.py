"""What an applicant brings: three documents, and a photo that is taken at the desk.

Decree 663 art. 9: whoever hands in too little is told one time, in full, what is missing. What was not asked for then
cannot be asked for later.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Item(StrEnum):
    """One thing to have."""

    IDENTITY_DOCUMENT = "identity-document"
    PROOF_OF_ADDRESS = "proof-of-address"
    PROOF_OF_GROUND = "proof-of-ground"  # of employment, of a home or of study
    PHOTO = "photo"


class Ground(StrEnum):
    """On what ground somebody lives here (Decree 663 art. 2)."""

    EMPLOYMENT = "employment"
    HOUSING = "housing"
    STUDY = "study"


REQUIRED = frozenset(Item)


def missing(present: Iterable[Item], told: frozenset[Item] | None) -> frozenset[Item]:
    """What is still to be brought: of all that is required, or of what was `told` when it was told."""
    return (REQUIRED if told is None else told) - frozenset(present)
