"""ISO/IEC 18013-5 Annex D against our envelope and digests, and our card against PyPI isomdoc."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import cbor2
import pytest
from cryptography import x509
from isomdoc.verify.verify_mdoc import IssuerSigned

from card_profiles.entitlements.catalogue import Sector
from card_profiles.entitlements.issuer_signed import issuer_signed
from card_profiles.entitlements.mso import DOC_TYPE, NAMESPACE, decode_mso
from card_profiles.entitlements.sector_files import digest
from keys import cbor
from keys.envelopes import cose
from keys.errors import DecodeError
from tests.permit_material import SIGNED, material
from tests.permit_signer import SIGNER_CERTIFICATE

ANNEX_D = json.loads(Path(__file__).with_name("iso_18013_5_annex_d.json").read_bytes())


class TestAnnexD:
    raw = bytes.fromhex(ANNEX_D["issuer_auth"])

    def test_issuer_auth_verifies(self) -> None:
        envelope = cose.parse(self.raw, tagged=False)
        certificate = x509.load_der_x509_certificate(envelope.unprotected[cose.X5CHAIN])
        envelope.verify(certificate.public_key())  # type: ignore[arg-type]

    def test_digests_are_over_the_items_with_their_tag(self) -> None:
        payload = cbor.decode(cose.parse(self.raw).payload, max_size=1024, tags=frozenset({24}))
        mso = cbor.decode(payload.value, max_size=1024, tags=frozenset({0}))
        for digest_id, item in ANNEX_D["items"].items():
            assert digest(bytes.fromhex(item)) == mso["valueDigests"]["org.iso.18013.5.1"][int(digest_id)]

    def test_a_driving_licence_is_no_residence_permit(self) -> None:
        with pytest.raises(DecodeError):
            decode_mso(cose.parse(self.raw).payload)


def _read_by_isomdoc(sectors: Sequence[Sector]) -> IssuerSigned:
    made = material()
    raw = issuer_signed([made.items[sector] for sector in sectors], made.issuer_auth, x5chain=[SIGNER_CERTIFICATE])
    return IssuerSigned(_loads(raw), DOC_TYPE)


def _loads(raw: bytes) -> object:
    return cbor2.loads(raw)


@pytest.mark.parametrize("sectors", [list(Sector), [Sector.PERMIT, Sector.HEALTH], [Sector.CULTURE]])
def test_isomdoc_verifies_what_a_counter_read(sectors: list[Sector]) -> None:
    read = _read_by_isomdoc(sectors)
    assert [item.element_identifier for item in read.namespaces[NAMESPACE]] == [sector.value for sector in sectors]
    assert read.validity_info.signed == SIGNED


def test_isomdoc_reads_the_values() -> None:
    read = _read_by_isomdoc([Sector.PERMIT, Sector.HOUSING])
    permit = read.get_element_value(NAMESPACE, "permit")
    assert permit["name_native"] == "阿依古丽·买买提艾力"
    assert permit["birth_date"].isoformat() == "1988-03-09"
    assert {
        code: day.isoformat() for code, day in read.get_element_value(NAMESPACE, "housing").items()
    } == dict.fromkeys(["R01", "R03", "R04"], "2027-06-30")


def test_isomdoc_refuses_an_item_that_was_altered() -> None:
    made = material()
    altered = made.items[Sector.HEALTH].replace(b"H01", b"H09")
    raw = issuer_signed([altered], made.issuer_auth, x5chain=[SIGNER_CERTIFICATE])
    with pytest.raises(RuntimeError):
        IssuerSigned(_loads(raw), DOC_TYPE)
