"""An authority whose keys live on a token: founded, rotated and destroyed there, with no key file anywhere."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from keys.algorithms import Purpose
from keys.authority import file as authority_file
from keys.authority.authority import Authority
from keys.custody import CustodyReason
from keys.envelopes import cose
from keys.registry.lifecycle import KeyState
from keys.rotation.rotation import Rotation
from keys.status_list import Status
from keys.trust import TrustStore
from tests.key_home import DAY, MEMBERS, NOW, TWO, reason_of
from tests.softhsm import SoftHsm, hsm_fixture

__all__ = ["hsm_fixture"]


@pytest.fixture
def on_token(hsm: SoftHsm, monkeypatch: pytest.MonkeyPatch) -> SoftHsm:
    for name, value in hsm.environment.items():
        if name.startswith("PERMIT_"):
            monkeypatch.setenv(name, value)
    return hsm


def test_its_whole_life(on_token: SoftHsm, tmp_path: Path) -> None:
    now = NOW
    settings = authority_file.from_members({**MEMBERS, "custody": "pkcs11:token=permit"})
    Authority.create(tmp_path / "home", settings, b"", clock=lambda: NOW)
    assert os.listdir(tmp_path / "home" / "keys") == []
    authority = Authority.open(tmp_path / "home", b"", clock=lambda: now)
    assert {key.uri.partition(";object=")[0] for key in authority.registry.keys} == {"pkcs11:token=permit"}
    signer = authority.entitlement_signer
    signed = cose.parse(cose.sign1(b"MSO", sign=signer.raw_signer(), kid=signer.kid))
    trusted = TrustStore.load(authority.trust_dir).signer(
        signer.kid, purpose=Purpose.ENTITLEMENT_SIGNER, at=NOW, now=NOW
    )
    signed.verify(trusted.public_key)
    before = authority.card_master_key.diversify(bytes(10))
    for days in (70, 14):
        now += days * DAY
        for purpose in (Purpose.DOCUMENT_SIGNER, Purpose.ENTITLEMENT_SIGNER, Purpose.STATUS_SIGNER):
            Rotation(authority, TWO).rotate(purpose)
    authority.publish_status(5, Status.INVALID)
    assert authority.registry.active(Purpose.STATUS_SIGNER).name == "SS-2"
    uri = authority.registry.by_name("DS-1").uri
    Rotation(authority, TWO).destroy("DS-1")
    assert authority.registry.by_name("DS-1").state is KeyState.DESTROYED
    assert reason_of(lambda: authority.custody.private_key(uri)) is CustodyReason.NOT_FOUND
    Rotation(authority, TWO).replace("CMK-1")
    assert authority.card_keys(bytes(10), 0x30) == before
    assert authority.card_master_key.diversify(bytes(10)) != before
