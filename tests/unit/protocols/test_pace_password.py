"""Passwords of PACE: what they accept, what they derive, and that they never show themselves."""

from __future__ import annotations

import pytest

from card_profiles.protocols.pace import Password, PasswordKind


def test_can_is_its_ascii_digits() -> None:
    password = Password.from_can("012345")
    assert (password.kind, password.secret) == (PasswordKind.CAN, b"012345")


def test_mrz_is_all_of_its_sha1() -> None:
    password = Password.from_mrz("T22000129364081251010318")
    assert password.kind is PasswordKind.MRZ
    assert password.secret.hex() == "7e2d2a41c74ea0b38cd36f863939bfa8e9032aad"


@pytest.mark.parametrize("can", ["", "12345", "12345a", "12345 ", " 123456", "１２３４５６", "123456\n", "1" * 17])
def test_not_a_can(can: str) -> None:
    with pytest.raises(ValueError) as caught:
        Password.from_can(can)
    assert not can or can not in str(caught.value)


@pytest.mark.parametrize("mrz", ["", "T2200012936408125101031", "t22000129364081251010318", "T22000129 64081251010318"])
def test_not_mrz_information(mrz: str) -> None:
    with pytest.raises(ValueError) as caught:
        Password.from_mrz(mrz)
    assert not mrz or mrz not in str(caught.value)


@pytest.mark.parametrize("password", [Password.from_can("123456"), Password.from_mrz("T22000129364081251010318")])
def test_repr_shows_no_secret(password: Password) -> None:
    for text in (repr(password), str(password), f"{password}"):
        assert password.secret.hex() not in text
        assert repr(password.secret)[2:-1] not in text
