"""Certificate profiles: each extension there, or not, as the table of Doc 9303-12 says."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta, timezone

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from keys import der
from keys.algorithms import EXTENDED_KEY_USAGE, OID_DOCUMENT_TYPE_LIST, OID_NAME_CHANGE, Purpose
from keys.certificates import (
    AuthorityNames,
    CertificationAuthority,
    Periods,
    Revocation,
    crl,
    csca,
    document_signer,
    document_type_list,
    link,
    purpose_signer,
    serial_number,
)
from tests import pki
from tests.pki import NAMES, NOW

PERIODS = Periods(not_before=NOW, key_use_until=NOW + timedelta(days=90), not_after=datetime(2051, 1, 1, tzinfo=UTC))
KEY = pki.key("signer").public_key()


def authority(common_name: str = "CSCA UTO", key_name: str = "csca") -> CertificationAuthority:
    key = pki.key(key_name, "secp384r1")
    made = csca(NAMES, common_name=common_name, private_key=key, periods=PERIODS, serial=serial_number(os.urandom, 20))
    return CertificationAuthority(certificate=made, private_key=key)


CSCA = authority()


def signer(purpose: Purpose) -> x509.Certificate:
    return purpose_signer(
        NAMES, purpose=purpose, issuer=CSCA, common_name="ES 1", public_key=KEY, periods=PERIODS, serial=77
    )


def ds() -> x509.Certificate:
    return document_signer(
        NAMES, issuer=CSCA, common_name="DS 1", public_key=KEY, periods=PERIODS, serial=78, document_types=["IR"]
    )


SKI, AKI, USAGE, CONSTRAINTS = "2.5.29.14", "2.5.29.35", "2.5.29.15", "2.5.29.19"
PERIOD, SAN, IAN, CDP, EKU = "2.5.29.16", "2.5.29.17", "2.5.29.18", "2.5.29.31", "2.5.29.37"

TABLE: dict[str, tuple[x509.Certificate, dict[str, bool]]] = {
    "csca": (
        CSCA.certificate,
        {SKI: False, USAGE: True, CONSTRAINTS: True, PERIOD: False, SAN: False, IAN: False, CDP: False},
    ),
    "link": (
        link(NAMES, issuer=CSCA, subject=authority(key_name="new").certificate, periods=PERIODS, serial=79),
        {SKI: False, AKI: False, USAGE: True, CONSTRAINTS: True, PERIOD: False, SAN: False, IAN: False, CDP: False},
    ),
    "link under a new name": (
        link(NAMES, issuer=CSCA, subject=authority("CSCA 2", "new").certificate, periods=PERIODS, serial=79),
        {
            SKI: False,
            AKI: False,
            USAGE: True,
            CONSTRAINTS: True,
            PERIOD: False,
            SAN: False,
            IAN: False,
            CDP: False,
            OID_NAME_CHANGE: False,
        },
    ),
    "document signer": (
        ds(),
        {AKI: False, USAGE: True, PERIOD: False, SAN: False, IAN: False, CDP: False, OID_DOCUMENT_TYPE_LIST: False},
    ),
    "entitlement signer": (
        signer(Purpose.ENTITLEMENT_SIGNER),
        {AKI: False, USAGE: True, PERIOD: False, EKU: True},
    ),
    "status signer": (signer(Purpose.STATUS_SIGNER), {AKI: False, USAGE: True, PERIOD: False, EKU: True}),
    "audit signer": (signer(Purpose.AUDIT_SIGNER), {AKI: False, USAGE: True, PERIOD: False, EKU: True}),
}


@pytest.mark.parametrize("name", TABLE)
def test_extensions_and_their_critical_flags(name: str) -> None:
    certificate, expected = TABLE[name]
    assert {extension.oid.dotted_string: extension.critical for extension in certificate.extensions} == expected


@pytest.mark.parametrize("name", TABLE)
def test_names_and_serials(name: str) -> None:
    certificate = TABLE[name][0]
    assert 0 < certificate.serial_number < 1 << 159
    for part in (certificate.subject, certificate.issuer):
        (country,) = part.get_attributes_for_oid(x509.NameOID.COUNTRY_NAME)
        assert country.value == "UT"
        assert len(part.get_attributes_for_oid(x509.NameOID.COMMON_NAME)) == 1
        # C is a PrintableString (13), two capitals.
        assert der.object_identifier("2.5.4.6") + b"\x13\x02UT" in part.public_bytes()


def test_alternative_names_tell_the_mrz_country() -> None:
    for kind in (x509.SubjectAlternativeName, x509.IssuerAlternativeName):
        value = ds().extensions.get_extension_for_class(kind).value
        (directory,) = value.get_values_for_type(x509.DirectoryName)
        assert directory.rfc4514_string() == "L=UTO"
        assert value.get_values_for_type(x509.UniformResourceIdentifier) == [NAMES.contact_uri]


def test_keys_and_constraints() -> None:
    constraints = CSCA.certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert (constraints.ca, constraints.path_length) == (True, 0)
    usage = CSCA.certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage == pki.usage("key_cert_sign", "crl_sign")
    assert ds().extensions.get_extension_for_class(x509.KeyUsage).value == pki.usage("digital_signature")


@pytest.mark.parametrize("purpose", EXTENDED_KEY_USAGE)
def test_one_purpose(purpose: Purpose) -> None:
    value = signer(purpose).extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert [oid.dotted_string for oid in value] == [EXTENDED_KEY_USAGE[purpose]]


def test_a_document_signer_is_made_by_its_own_profile() -> None:
    with pytest.raises(ValueError):
        signer(Purpose.DOCUMENT_SIGNER)


def test_periods() -> None:
    value = ds().extensions.get_extension_for_class(x509.PrivateKeyUsagePeriod).value
    assert (value.not_before, value.not_after) == (
        PERIODS.not_before.replace(tzinfo=None),
        PERIODS.key_use_until.replace(tzinfo=None),
    )
    assert ds().not_valid_after_utc == PERIODS.not_after


def test_periods_in_another_zone_are_the_same_moments() -> None:
    china = timezone(timedelta(hours=8))
    moved = Periods(
        **{name: getattr(PERIODS, name).astimezone(china) for name in ("not_before", "key_use_until", "not_after")}
    )
    made = purpose_signer(
        NAMES,
        purpose=Purpose.ENTITLEMENT_SIGNER,
        issuer=CSCA,
        common_name="ES 1",
        public_key=KEY,
        periods=moved,
        serial=77,
    )
    assert made.tbs_certificate_bytes == signer(Purpose.ENTITLEMENT_SIGNER).tbs_certificate_bytes


def test_document_type_list_by_bytes() -> None:
    """DocumentTypeListSyntax: version 0, SET OF PrintableString in DER order."""
    assert document_type_list(["P", "IR", "AR"]).value == bytes.fromhex("3010020100310b1301501302415213024952")


@pytest.mark.parametrize("types", [[], ["ir"], ["ABC"], [""], ["1"]])
def test_document_types_that_are_none(types: list[str]) -> None:
    with pytest.raises(ValueError):
        document_type_list(types)


@pytest.mark.parametrize(("country", "mrz"), [("ut", "UTO"), ("UTO", "UTO"), ("UT", "uto"), ("UT", ""), ("UT", "UTOP")])
def test_country_codes_are_capitals(country: str, mrz: str) -> None:
    with pytest.raises(ValueError):
        AuthorityNames(
            country=country, mrz_country=mrz, contact_uri="https://a.example/", crl_uri="https://a.example/c"
        )


@pytest.mark.parametrize(
    "moments",
    [
        (NOW, NOW, NOW + timedelta(1)),
        (NOW, NOW + timedelta(2), NOW + timedelta(1)),
        (NOW.replace(tzinfo=None), NOW + timedelta(1), NOW + timedelta(2)),
        (NOW.replace(microsecond=1), NOW + timedelta(1), NOW + timedelta(2)),
    ],
)
def test_periods_that_are_none(moments: tuple[datetime, datetime, datetime]) -> None:
    with pytest.raises(ValueError):
        Periods(not_before=moments[0], key_use_until=moments[1], not_after=moments[2])


@pytest.mark.parametrize("octets", [8, 16, 20])
@pytest.mark.parametrize("fill", [b"\0", b"\xff", b"\x80"])
def test_serial_numbers_are_positive_and_of_full_length(octets: int, fill: bytes) -> None:
    number = serial_number(lambda count: fill * count, octets)
    assert len(der.integer(number)) == octets + 2


@pytest.mark.parametrize("octets", [7, 21])
def test_serial_number_lengths(octets: int) -> None:
    with pytest.raises(ValueError):
        serial_number(os.urandom, octets)


def test_the_entitlement_signer_is_small() -> None:
    """It may lie on the card; the P-384 signature of the CSCA alone takes 104 bytes."""
    assert len(signer(Purpose.ENTITLEMENT_SIGNER).public_bytes(Encoding.DER)) <= 470


def test_crl() -> None:
    revoked = [Revocation(serial=9, revoked_at=NOW), Revocation(serial=5, revoked_at=NOW)]
    made = crl(issuer=CSCA, number=7, this_update=NOW, next_update=NOW + timedelta(days=90), revocations=revoked)
    assert {extension.oid.dotted_string: extension.critical for extension in made.extensions} == {
        AKI: False,
        "2.5.29.20": False,
    }
    assert [entry.serial_number for entry in made] == [5, 9]
    assert not any(list(entry.extensions) for entry in made)
    assert made.is_signature_valid(CSCA.certificate.public_key())


def test_an_empty_crl_has_no_empty_list() -> None:
    """RFC 5280 §5.1.2.6: revokedCertificates is absent when there are none. Then the tbs ends its times with [0]."""
    made = crl(issuer=CSCA, number=1, this_update=NOW, next_update=NOW + timedelta(days=1))
    tbs = der.Reader(made.tbs_certlist_bytes).enter(der.SEQUENCE)
    tags = []
    while not tbs.at_end:
        tags.append(tbs.peek())
        tbs.element(tbs.peek())
    assert tags == [0x02, 0x30, 0x30, 0x17, 0x17, 0xA0]
