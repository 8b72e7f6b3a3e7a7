"""The library call for programs: three lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from card_profiles.softcard.image import encode_state
from tests.factory import CAN, DAY, NOW, authority, issue, write_files
from tests.printed_codes import text
from verifier.library import check, check_code
from verifier.read_failed import ReadFailed
from verifier.reason import Reason
from verifier.verdict import Assurance, CheckFailed

PERMIT = issue()


@pytest.fixture
def where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    write_files(tmp_path / "trust", authority().trust_files())
    monkeypatch.setenv("PERMIT_TRUST", str(tmp_path / "trust"))
    monkeypatch.setenv("PERMIT_STATE", str(tmp_path / "state"))
    (tmp_path / "card").write_bytes(encode_state(PERMIT.card_state()))
    return str(tmp_path / "card")


def test_check(where: str) -> None:
    verdict = check("health", can=CAN, image=where, now=lambda: NOW)
    assert verdict.require("H01").accepted
    with pytest.raises(CheckFailed) as refused:
        verdict.require("H03")
    assert refused.value.reasons == (Reason.SERVICE_EXPIRED,)
    with pytest.raises(CheckFailed) as refused:
        check("health", can=CAN, image=where, now=lambda: NOW - DAY).require()
    assert Reason.CLOCK_SET_BACK in refused.value.reasons


def test_what_cannot_be_read(where: str) -> None:
    for arguments, reason in (({"can": "111111"}, Reason.WRONG_PASSWORD), ({}, Reason.PASSWORD_MISSING)):
        with pytest.raises(ReadFailed) as failed:
            check("health", image=where, now=lambda: NOW, **arguments)
        assert failed.value.reason is reason


def test_check_code(where: str) -> None:
    verdict = check_code("culture", text(), now=lambda: NOW)
    assert verdict.require("C03", assurance=Assurance.PRINTED).accepted
    with pytest.raises(CheckFailed) as refused:
        verdict.require("C03")
    assert refused.value.reasons == (Reason.COPY_NOT_EXCLUDED,)
