"""Chains good and bad, judged by our validator and by two that know nothing of it: OpenSSL and pyhanko-certvalidator.

`oracles` says what the others must answer; None where they do not look (private-key usage periods, document types).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import crl as asn1_crl
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.errors import PathBuildingError, PathValidationError, ValidationError

from keys import der
from keys.algorithms import EKU_ENTITLEMENT_SIGNER, EKU_STATUS_SIGNER, EXTENDED_KEY_USAGE, OID_NAME_CHANGE, Purpose
from keys.certificates import Revocation, document_type_list
from keys.chain import ChainError, ChainReason, ChainValidator, validate
from tests import pki
from tests.pki import BEGIN, DAY, END, KEY_USE_UNTIL, NOW

CSCA = pki.issuer()
NEW = pki.issuer(key_name="csca-2")
NEWER = pki.issuer(key_name="csca-3")
RENAMED = pki.issuer("CSCA UTO 2", "csca-2")
OTHER = pki.issuer("CSCA OTHER", "other")
IMPOSTOR = pki.issuer(key_name="impostor")
SECOND = timedelta(seconds=1)
SERIAL = 0x4711471147114711

ES, DS, SS, AUDIT = (
    Purpose.ENTITLEMENT_SIGNER,
    Purpose.DOCUMENT_SIGNER,
    Purpose.STATUS_SIGNER,
    Purpose.AUDIT_SIGNER,
)
NAME_CHANGE = (x509.UnrecognizedExtension(x509.ObjectIdentifier(OID_NAME_CHANGE), der.encode(der.NULL)), False)
UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5"), b"\x05\x00")


def eku(*oids: str) -> tuple[x509.ExtensionType, bool]:
    return x509.ExtendedKeyUsage([x509.ObjectIdentifier(oid) for oid in oids]), True


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    leaf: bytes
    reason: ChainReason | None = None
    purpose: Purpose = ES
    roots: tuple[bytes, ...] = field(default_factory=lambda: (pki.root(CSCA),))
    links: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = field(default_factory=lambda: (pki.crl(CSCA),))
    at: datetime = NOW - DAY
    now: datetime = NOW
    document_type: str | None = None
    oracles: bool | None = None
    but_not: str = ""
    """The oracle that answers otherwise; the table says why."""

    @property
    def expected(self) -> bool:
        return self.reason is None


def by(purpose: Purpose = ES, issuer: pki.Issuer = CSCA, **changes: Any) -> bytes:
    return pki.signer(purpose, issuer, **changes)


def flipped(certificate: bytes, place: int) -> bytes:
    changed = bytearray(certificate)
    changed[place] ^= 1
    return bytes(changed)


def explicit(curve_name: str, spoil: bool) -> bytes:
    """A certificate whose key has explicit parameters; spoilt, with another generator (CVE-2020-0601)."""
    parameters = pki.openssl("ecparam", "-name", curve_name, "-param_enc", "explicit", "-outform", "DER").stdout
    public = pki.key("signer").public_key()
    if spoil:
        generator = pki.key("generator").public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        at = parameters.index(b"\x04\x41\x04") + 2
        parameters = parameters[:at] + generator + parameters[at + 65 :]
    named = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    body = der.Reader(named).enter(der.SEQUENCE)
    body.element(der.SEQUENCE)
    oid = der.object_identifier("1.2.840.10045.2.1")
    spki = der.encode(der.SEQUENCE, der.encode(der.SEQUENCE, oid, parameters), body.element(der.BIT_STRING))
    return pki.resigned(by(), CSCA, (named, spki))


def with_duplicate_extension() -> bytes:
    # 2.5.29.14 (SKI) becomes a second 2.5.29.35 (AKI).
    made = by(ski=(x509.SubjectKeyIdentifier(b"\x01" * 20), False))
    return pki.resigned(made, CSCA, (b"\x55\x1d\x0e", b"\x55\x1d\x23"))


def with_sha1() -> bytes:
    # ecdsa-with-SHA384 becomes ecdsa-with-SHA1.
    names = [
        der.encode(der.SEQUENCE, der.object_identifier(oid)) for oid in ("1.2.840.10045.4.3.3", "1.2.840.10045.4.1")
    ]
    return pki.resigned(by(), CSCA, (names[0], names[1]), digest=hashes.SHA1())


def rsa_issuer(size: int = 2048) -> pki.Issuer:
    return pki.Issuer(subject=pki.name("CSCA UTO"), private_key=pki.rsa_key("csca", size))


def sub_ca(**changes: Any) -> bytes:
    return pki.link(CSCA, RENAMED, **changes)


REVOKED = Revocation(serial=SERIAL, revoked_at=NOW - 10 * DAY)

CASES: dict[str, Case] = {
    # Good.
    "entitlement signer": Case(leaf=by(), oracles=True),
    "document signer": Case(leaf=by(DS), purpose=DS, document_type="IR", oracles=True),
    "document signer, type not asked": Case(leaf=by(DS), purpose=DS, oracles=True),
    "status signer": Case(leaf=by(SS), purpose=SS, oracles=True),
    "audit signer": Case(leaf=by(AUDIT), purpose=AUDIT, oracles=True),
    "signed in the first second": Case(leaf=by(), at=BEGIN, oracles=True),
    "signed in the last second of key use": Case(leaf=by(), at=KEY_USE_UNTIL, oracles=True),
    # RFC 5280 §4.1.2.5: validity includes notAfter; OpenSSL ends a second early.
    "looked at in the last second": Case(
        leaf=by(),
        now=END,
        crls=(pki.crl(CSCA, this_update=END - DAY, next_update=END + DAY),),
        oracles=True,
        but_not="openssl",
    ),
    "old root and link": Case(
        leaf=by(issuer=NEW), links=(pki.link(CSCA, NEW),), crls=(pki.crl(CSCA), pki.crl(NEW)), oracles=True
    ),
    "new root, link beside it": Case(
        leaf=by(issuer=NEW),
        roots=(pki.root(NEW), pki.root(CSCA)),
        links=(pki.link(CSCA, NEW),),
        crls=(pki.crl(NEW),),
        oracles=True,
    ),
    "two links up": Case(
        leaf=by(issuer=NEWER),
        links=(pki.link(NEW, NEWER), pki.link(CSCA, NEW)),
        crls=(pki.crl(CSCA), pki.crl(NEW), pki.crl(NEWER)),
        oracles=True,
    ),
    # RFC 5280 has no word for a CSCA that changes its name; Doc 9303 does.
    "link under a new name": Case(
        leaf=by(issuer=RENAMED), links=(sub_ca(name_change=NAME_CHANGE),), crls=(pki.crl(CSCA), pki.crl(RENAMED))
    ),
    "CRL signed by the next generation": Case(leaf=by(), roots=(pki.root(CSCA), pki.root(NEW)), crls=(pki.crl(NEW),)),
    "brainpool CSCA": Case(
        leaf=by(issuer=pki.issuer(key_name="bp", curve="brainpoolP384r1")),
        roots=(pki.root(pki.issuer(key_name="bp", curve="brainpoolP384r1")),),
        crls=(pki.crl(pki.issuer(key_name="bp", curve="brainpoolP384r1")),),
        oracles=True,
    ),
    "P-521 CSCA": Case(
        leaf=by(issuer=pki.issuer(key_name="p521", curve="secp521r1")),
        roots=(pki.root(pki.issuer(key_name="p521", curve="secp521r1")),),
        crls=(pki.crl(pki.issuer(key_name="p521", curve="secp521r1")),),
        oracles=True,
    ),
    "RSA CSCA": Case(
        leaf=by(issuer=rsa_issuer()),
        roots=(pki.root(rsa_issuer()),),
        crls=(pki.crl(rsa_issuer()),),
        oracles=True,
    ),
    "RSA-PSS CSCA": Case(
        leaf=by(issuer=rsa_issuer(), pss=True),
        roots=(pki.root(rsa_issuer(), pss=True),),
        crls=(pki.crl(rsa_issuer()),),
        oracles=True,
    ),
    "P-384 signer": Case(leaf=by(public_key=pki.key("signer", "secp384r1").public_key()), oracles=True),
    "explicit parameters of a known curve": Case(leaf=explicit("prime256v1", spoil=False)),
    "another certificate is revoked": Case(
        leaf=by(), crls=(pki.crl(CSCA, replace(REVOKED, serial=SERIAL + 1)),), oracles=True
    ),
    "stale CRL beside a fresh one": Case(
        leaf=by(), crls=(pki.crl(CSCA, next_update=NOW - SECOND), pki.crl(CSCA, number=2)), oracles=True
    ),
    "non-critical extension nobody knows": Case(leaf=by(unknown=(UNKNOWN, False)), oracles=True),
    "several document types": Case(
        leaf=by(DS, types=(document_type_list(["IR", "AR"]), False)), purpose=DS, document_type="AR", oracles=True
    ),
    # Who issued it.
    "issuer of another name": Case(leaf=by(issuer=OTHER), reason=ChainReason.UNKNOWN_ISSUER, oracles=False),
    "impostor under the same name": Case(
        leaf=by(issuer=IMPOSTOR, aki=None), reason=ChainReason.SIGNATURE, oracles=False
    ),
    "impostor with its own key identifier": Case(
        leaf=by(issuer=IMPOSTOR), reason=ChainReason.UNKNOWN_ISSUER, oracles=False
    ),
    "self-signed": Case(
        leaf=pki.signer(ES, pki.Issuer(subject=pki.name("signer 1"), private_key=pki.key("signer"))),
        reason=ChainReason.UNKNOWN_ISSUER,
        oracles=False,
    ),
    "self-signed under the CSCA's name": Case(
        leaf=pki.signer(ES, pki.issuer(key_name="signer", curve="secp256r1"), subject=CSCA.subject, aki=None),
        reason=ChainReason.SIGNATURE,
        oracles=False,
    ),
    "a bit of the signature flipped": Case(leaf=flipped(by(), -1), reason=ChainReason.SIGNATURE, oracles=False),
    "a bit of the serial flipped": Case(leaf=flipped(by(), 20), reason=ChainReason.SIGNATURE, oracles=False),
    "root only a link away, link missing": Case(
        leaf=by(issuer=NEW), crls=(pki.crl(CSCA), pki.crl(NEW)), reason=ChainReason.UNKNOWN_ISSUER, oracles=False
    ),
    "link by an impostor": Case(
        leaf=by(issuer=NEW),
        links=(pki.link(IMPOSTOR, NEW),),
        crls=(pki.crl(CSCA), pki.crl(NEW)),
        reason=ChainReason.UNKNOWN_ISSUER,
        oracles=False,
    ),
    "links in a ring without a root": Case(
        leaf=by(issuer=NEW),
        links=(pki.link(NEWER, NEW), pki.link(NEW, NEWER)),
        reason=ChainReason.UNKNOWN_ISSUER,
        oracles=False,
    ),
    "issued by a signer": Case(
        leaf=by(issuer=pki.Issuer(subject=pki.name("signer 1"), private_key=pki.key("signer"))),
        links=(by(),),
        crls=(pki.crl(CSCA), pki.crl(pki.Issuer(subject=pki.name("signer 1"), private_key=pki.key("signer")))),
        reason=ChainReason.BASIC_CONSTRAINTS,
        oracles=False,
    ),
    "country differs": Case(leaf=by(subject=pki.name("signer 1", "XX")), reason=ChainReason.NAMES),
    "no country": Case(
        leaf=by(subject=x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "signer")])), reason=ChainReason.NAMES
    ),
    # What the issuer may do.
    "issuer is no CA": Case(
        leaf=by(),
        roots=(pki.root(CSCA, constraints=(x509.BasicConstraints(ca=False, path_length=None), True)),),
        reason=ChainReason.BASIC_CONSTRAINTS,
    ),
    "issuer without basic constraints": Case(
        leaf=by(), roots=(pki.root(CSCA, constraints=None),), reason=ChainReason.BASIC_CONSTRAINTS
    ),
    "issuer may not sign certificates": Case(
        leaf=by(), roots=(pki.root(CSCA, usage=(pki.usage("crl_sign"), True)),), reason=ChainReason.KEY_USAGE
    ),
    "issuer without key usage": Case(leaf=by(), roots=(pki.root(CSCA, usage=None),), reason=ChainReason.KEY_USAGE),
    "issuer without path length": Case(
        leaf=by(),
        roots=(pki.root(CSCA, constraints=(x509.BasicConstraints(ca=True, path_length=None), True)),),
        reason=ChainReason.PATH_LENGTH,
    ),
    "issuer with path length 1": Case(
        leaf=by(),
        roots=(pki.root(CSCA, constraints=(x509.BasicConstraints(ca=True, path_length=1), True)),),
        reason=ChainReason.PATH_LENGTH,
    ),
    # RFC 5280 §6.1.1 takes only name and key from a trust anchor, so pyhanko reads no path length there.
    "a sub-CA": Case(
        leaf=by(issuer=RENAMED),
        links=(sub_ca(),),
        crls=(pki.crl(CSCA), pki.crl(RENAMED)),
        reason=ChainReason.PATH_LENGTH,
        oracles=False,
        but_not="pyhanko",
    ),
    "issuer with an unknown critical extension": Case(
        leaf=by(), roots=(pki.root(CSCA, unknown=(UNKNOWN, True)),), reason=ChainReason.CRITICAL_EXTENSION
    ),
    "issuer has expired": Case(leaf=by(), roots=(pki.root(CSCA, end=NOW - SECOND),), reason=ChainReason.EXPIRED),
    "issuer began after the signature": Case(
        leaf=by(), roots=(pki.root(CSCA, begin=NOW - SECOND),), reason=ChainReason.NOT_YET_VALID
    ),
    "issuer's key had retired": Case(
        leaf=by(),
        roots=(pki.root(CSCA, period=(pki.key_use(BEGIN - 9 * DAY, BEGIN - DAY), False)),),
        reason=ChainReason.KEY_USAGE_PERIOD,
    ),
    "issuer without key-usage period": Case(
        leaf=by(), roots=(pki.root(CSCA, period=None),), reason=ChainReason.KEY_USAGE_PERIOD
    ),
    # What the signer may do, and when.
    "signer is a CA": Case(
        leaf=by(constraints=(x509.BasicConstraints(ca=True, path_length=None), True)),
        reason=ChainReason.BASIC_CONSTRAINTS,
    ),
    "signer without key usage": Case(leaf=by(usage=None), reason=ChainReason.KEY_USAGE),
    "signer for key agreement": Case(leaf=by(usage=(pki.usage("key_agreement"), True)), reason=ChainReason.KEY_USAGE),
    "signer with one usage more": Case(
        leaf=by(usage=(pki.usage("digital_signature", "key_cert_sign"), True)), reason=ChainReason.KEY_USAGE
    ),
    "no extended key usage": Case(leaf=by(eku=None), reason=ChainReason.EXTENDED_KEY_USAGE),
    "another purpose": Case(leaf=by(SS), purpose=ES, reason=ChainReason.EXTENDED_KEY_USAGE, oracles=False),
    "any purpose": Case(leaf=by(eku=eku("2.5.29.37.0")), reason=ChainReason.EXTENDED_KEY_USAGE),
    "two purposes": Case(
        leaf=by(eku=eku(EKU_ENTITLEMENT_SIGNER, EKU_STATUS_SIGNER)), reason=ChainReason.EXTENDED_KEY_USAGE
    ),
    "entitlement signer for documents": Case(leaf=by(), purpose=DS, reason=ChainReason.EXTENDED_KEY_USAGE),
    "document signer for entitlements": Case(leaf=by(DS), purpose=ES, reason=ChainReason.EXTENDED_KEY_USAGE),
    "document signer without types": Case(leaf=by(DS, types=None), purpose=DS, reason=ChainReason.DOCUMENT_TYPE),
    "document of another type": Case(leaf=by(DS), purpose=DS, document_type="P", reason=ChainReason.DOCUMENT_TYPE),
    "signer with an unknown critical extension": Case(
        leaf=by(unknown=(UNKNOWN, True)), reason=ChainReason.CRITICAL_EXTENSION, oracles=False
    ),
    "signer has expired": Case(leaf=by(end=NOW - SECOND), reason=ChainReason.EXPIRED, oracles=False),
    "signer not yet valid": Case(leaf=by(begin=NOW + SECOND), reason=ChainReason.NOT_YET_VALID, oracles=False),
    "signed before the certificate": Case(leaf=by(), at=BEGIN - SECOND, reason=ChainReason.NOT_YET_VALID),
    "signed after key use": Case(leaf=by(), at=KEY_USE_UNTIL + SECOND, reason=ChainReason.KEY_USAGE_PERIOD),
    "signed before key use": Case(
        leaf=by(period=(pki.key_use(NOW, KEY_USE_UNTIL), False)), reason=ChainReason.KEY_USAGE_PERIOD
    ),
    "no key-usage period": Case(leaf=by(period=None), reason=ChainReason.KEY_USAGE_PERIOD),
    # Revocation.
    "revoked": Case(leaf=by(), crls=(pki.crl(CSCA, REVOKED),), reason=ChainReason.REVOKED, oracles=False),
    "revoked after it signed": Case(
        leaf=by(),
        crls=(pki.crl(CSCA, replace(REVOKED, revoked_at=NOW - timedelta(hours=1))),),
        reason=ChainReason.REVOKED,
        oracles=False,
    ),
    "revoked, then gone from the next CRL": Case(
        leaf=by(), crls=(pki.crl(CSCA, REVOKED), pki.crl(CSCA, number=2)), reason=ChainReason.REVOKED
    ),
    "revoked in a stale CRL": Case(
        leaf=by(), crls=(pki.crl(CSCA, REVOKED, next_update=NOW - SECOND),), reason=ChainReason.REVOKED, oracles=False
    ),
    "link revoked": Case(
        leaf=by(issuer=NEW),
        links=(pki.link(CSCA, NEW),),
        crls=(pki.crl(CSCA, replace(REVOKED, serial=pki.link_serial(NEW))), pki.crl(NEW)),
        reason=ChainReason.REVOKED,
        oracles=False,
    ),
    "no CRL": Case(leaf=by(), crls=(), reason=ChainReason.CRL_MISSING, oracles=False),
    "CRL of another": Case(leaf=by(), crls=(pki.crl(OTHER),), reason=ChainReason.CRL_MISSING, oracles=False),
    "CRL by an impostor": Case(
        leaf=by(), crls=(pki.crl(CSCA, signed_by=IMPOSTOR),), reason=ChainReason.CRL_SIGNATURE, oracles=False
    ),
    "CRL with an unknown critical extension": Case(
        leaf=by(), crls=(pki.crl(CSCA, extra=(UNKNOWN, True)),), reason=ChainReason.CRL_SIGNATURE, oracles=False
    ),
    "CRL is stale": Case(
        leaf=by(), crls=(pki.crl(CSCA, next_update=NOW - SECOND),), reason=ChainReason.CRL_STALE, oracles=False
    ),
    "CRL from the future": Case(
        leaf=by(),
        crls=(pki.crl(CSCA, this_update=NOW + SECOND),),
        reason=ChainReason.CRL_NOT_YET_VALID,
        oracles=False,
    ),
    "CRL without number": Case(leaf=by(), crls=(pki.crl(CSCA, number=None),), reason=ChainReason.MALFORMED),
    "CRL with a byte more": Case(leaf=by(), crls=(pki.crl(CSCA) + b"\0",), reason=ChainReason.MALFORMED),
    # Form.
    "nothing": Case(leaf=b"", reason=ChainReason.MALFORMED),
    "a byte more": Case(leaf=by() + b"\0", reason=ChainReason.MALFORMED),
    "a byte less": Case(leaf=by()[:-1], reason=ChainReason.MALFORMED),
    "too long": Case(
        leaf=by(unknown=(x509.UnrecognizedExtension(UNKNOWN.oid, b"\x04\x82\x10\x00" + bytes(4096)), False)),
        reason=ChainReason.MALFORMED,
    ),
    "an extension twice": Case(leaf=with_duplicate_extension(), reason=ChainReason.MALFORMED),
    "version 1": Case(
        leaf=pki.resigned(by(), CSCA, (b"\xa0\3\2\1\2", b"")),
        reason=ChainReason.MALFORMED,
    ),
    "explicit parameters, chosen generator": Case(
        leaf=explicit("prime256v1", spoil=True), reason=ChainReason.MALFORMED
    ),
    "a curve that we do not use": Case(
        leaf=by(public_key=pki.key("k1", "secp256k1").public_key()), reason=ChainReason.MALFORMED
    ),
    "a curve too small": Case(
        leaf=by(public_key=pki.key("p224", "secp224r1").public_key()), reason=ChainReason.MALFORMED
    ),
    "signed with SHA-1": Case(leaf=with_sha1(), reason=ChainReason.ALGORITHM),
    "root is no certificate": Case(leaf=by(), roots=(b"root",), reason=ChainReason.MALFORMED),
}


@pytest.mark.parametrize("name", CASES)
def test_ours(name: str) -> None:
    case = CASES[name]
    assert _ours(case) is case.reason


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.oracles is not None])
def test_pyhanko(name: str) -> None:
    case = CASES[name]
    assert case.oracles is case.expected
    assert _pyhanko(case) is (case.oracles if case.but_not != "pyhanko" else not case.oracles)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.oracles is not None])
def test_openssl(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    if case.reason is ChainReason.EXTENDED_KEY_USAGE:
        # `openssl verify` knows no purpose of ours: there it must accept, so the refusal is for the purpose alone.
        assert _openssl(case, tmp_path)
    else:
        assert _openssl(case, tmp_path) is (case.oracles if case.but_not != "openssl" else not case.oracles)


def test_the_date_of_revocation_is_told() -> None:
    with pytest.raises(ChainError) as caught:
        validate(by(), purpose=ES, roots=[pki.root(CSCA)], crls=[pki.crl(CSCA, REVOKED)], at=NOW - 20 * DAY, now=NOW)
    assert caught.value.revoked_at == REVOKED.revoked_at


def test_a_stale_crl_serves_within_its_grace() -> None:
    validator = ChainValidator(roots=[pki.root(CSCA)], crls=[pki.crl(CSCA, next_update=NOW)])
    later = NOW + 7 * DAY
    validator.validate(by(), purpose=ES, at=NOW - DAY, now=later, crl_grace=7 * DAY)
    with pytest.raises(ChainError) as caught:
        validator.validate(by(), purpose=ES, at=NOW - DAY, now=later + SECOND, crl_grace=7 * DAY)
    assert caught.value.reason is ChainReason.CRL_STALE


def test_remembered_signatures_do_not_remember_time() -> None:
    validator = ChainValidator(roots=[pki.root(CSCA)], crls=[pki.crl(CSCA)])
    leaf = by()
    validator.validate(leaf, purpose=ES, at=NOW, now=NOW)
    with pytest.raises(ChainError) as caught:
        validator.validate(leaf, purpose=ES, at=KEY_USE_UNTIL + SECOND, now=NOW)
    assert caught.value.reason is ChainReason.KEY_USAGE_PERIOD
    validator.validate(leaf, purpose=ES, at=NOW, now=NOW)


def test_newest_crl_counts_only_what_is_signed() -> None:
    forged = pki.crl(CSCA, this_update=NOW, signed_by=IMPOSTOR)
    validator = ChainValidator(roots=[pki.root(CSCA)], crls=[pki.crl(CSCA, this_update=NOW - 3 * DAY), forged])
    assert validator.newest_crl() == NOW - 3 * DAY
    assert ChainValidator(roots=[pki.root(CSCA)], crls=[forged]).newest_crl() is None


def test_a_ca_is_not_asked_for_by_purpose() -> None:
    with pytest.raises(ValueError):
        ChainValidator(roots=[pki.root(CSCA)]).validate(by(), purpose=Purpose.CSCA, at=NOW, now=NOW)


def _ours(case: Case) -> ChainReason | None:
    try:
        validate(
            case.leaf,
            purpose=case.purpose,
            roots=case.roots,
            links=case.links,
            crls=case.crls,
            at=case.at,
            now=case.now,
            document_type=case.document_type,
        )
    except ChainError as error:
        return error.reason
    return None


def _pyhanko(case: Case) -> bool:
    demanded = EXTENDED_KEY_USAGE.get(case.purpose)
    try:
        certificate = asn1_x509.Certificate.load(case.leaf)
        context = ValidationContext(
            trust_roots=[asn1_x509.Certificate.load(raw) for raw in case.roots],
            other_certs=[asn1_x509.Certificate.load(raw) for raw in case.links],
            crls=[asn1_crl.CertificateList.load(raw) for raw in case.crls],
            moment=case.now,
            best_signature_time=case.now,
            allow_fetching=False,
            revocation_mode="require",
            time_tolerance=timedelta(0),
        )
        validator = CertificateValidator(certificate, validation_context=context)
        purposes = {asn1_x509.KeyPurposeId(demanded).native} if demanded else set()
        asyncio.run(validator.async_validate_usage({"digital_signature"}, extended_key_usage=purposes))
    except (ValidationError, PathBuildingError, PathValidationError):
        return False
    return True


def _openssl(case: Case, folder: Path) -> bool:
    (folder / "roots.pem").write_bytes(pki.pem("CERTIFICATE", case.roots))
    (folder / "links.pem").write_bytes(pki.pem("CERTIFICATE", case.links))
    (folder / "crls.pem").write_bytes(pki.pem("X509 CRL", case.crls))
    (folder / "leaf.der").write_bytes(case.leaf)
    arguments: list[str | Path] = ["verify", "-attime", str(int(case.now.timestamp())), "-CAfile", folder / "roots.pem"]
    if case.links:
        arguments += ["-untrusted", folder / "links.pem"]
    if case.crls:
        arguments += ["-CRLfile", folder / "crls.pem"]
    arguments += ["-crl_check_all" if case.links else "-crl_check", folder / "leaf.der"]
    return pki.openssl(*arguments, check=False).returncode == 0


def test_the_table_covers_every_reason() -> None:
    assert {case.reason for case in CASES.values()} >= set(ChainReason)
    assert sum(case.oracles is not None for case in CASES.values()) >= 36
