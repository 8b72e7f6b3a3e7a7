"""The CAN and the MRZ, from wherever a clerk gives them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from card_profiles.protocols.pace import Password, PasswordKind
from tests.factory import CAN, Person
from verifier.password import from_can, from_mrz, obtain
from verifier.read_failed import ReadFailed
from verifier.reason import Reason


def given(**changes: Any) -> Password:
    values: dict[str, Any] = {"can": None, "can_file": None, "mrz": None, "environment": {}, "ask": None}
    return obtain(**values | changes)


def test_the_first_that_is_given(tmp_path: Path) -> None:
    file = tmp_path / "can"
    file.write_text(f"{CAN}\nanything else\n")
    wanted = Password.from_can(CAN)
    assert given(can=CAN, environment={"PERMIT_CAN": "000000"}) == wanted
    assert given(can_file=str(file)) == wanted
    assert given(environment={"PERMIT_CAN": CAN}) == wanted
    assert given(ask=lambda: CAN) == wanted
    assert given(can=f" {CAN[:3]} {CAN[3:]} ") == wanted


def test_the_mrz() -> None:
    password = from_mrz("rp0402137, 910314, 310520")
    assert password == Password.from_mrz(Person().mrz.information)
    assert password.kind is PasswordKind.MRZ


@pytest.mark.parametrize("can", ["", "12345", "1234567", "12345a", "\u0661\u0662\u0663\u0664\u0665\u0666"])
def test_a_can_that_is_none(can: str) -> None:
    with pytest.raises(ReadFailed) as failed:
        from_can(can)
    assert failed.value.reason is Reason.PASSWORD_MALFORMED
    assert not can or can not in str(failed.value)


@pytest.mark.parametrize("mrz", ["", "RP0402137", "RP0402137,910314", "RP0402137,910332,310520", "RP!,910314,310520"])
def test_an_mrz_that_is_none(mrz: str) -> None:
    with pytest.raises(ReadFailed) as failed:
        from_mrz(mrz)
    assert failed.value.reason is Reason.PASSWORD_MALFORMED


def test_nobody_to_ask(tmp_path: Path) -> None:
    def nobody() -> str:
        raise EOFError

    for options in ({}, {"ask": nobody}, {"can_file": str(tmp_path / "none")}):
        with pytest.raises(ReadFailed) as failed:
            given(**options)
        assert failed.value.reason is Reason.PASSWORD_MISSING
