"""The reference page is the declaration, and nothing of the declaration is left out."""

from pathlib import Path

from card_profiles.model import Operation
from card_profiles.reference import render
from card_profiles.residence_permit_v1 import RESIDENCE_PERMIT_V1

PAGE = Path(__file__).parents[2] / "docs" / "CARD_PROFILE.md"


def test_the_committed_page_is_what_the_declaration_renders() -> None:
    assert PAGE.read_text() == render(RESIDENCE_PERMIT_V1)


def test_every_file_and_operation_is_on_the_page() -> None:
    page = render(RESIDENCE_PERMIT_V1)
    applications = (RESIDENCE_PERMIT_V1.master_file, *RESIDENCE_PERMIT_V1.applications)
    for file in (file for application in applications for file in application.files):
        assert f"{file.fid:04X}" in page
        assert file.name.split("/")[0] in page
    for operation in Operation:
        assert f"| {operation} |" in page


def test_short_identifiers_and_fids_are_unique_in_their_application() -> None:
    for application in (RESIDENCE_PERMIT_V1.master_file, *RESIDENCE_PERMIT_V1.applications):
        for attribute in ("fid", "sfi", "name"):
            values = [getattr(file, attribute) for file in application.files]
            assert len(set(values)) == len(values)
