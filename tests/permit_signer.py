"""A root and an entitlement signer's certificate over the key of `permit_material`, for software that wants x5chain."""

from __future__ import annotations

from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID, ObjectIdentifier

from tests.permit_material import SIGNER

MDL_DOCUMENT_SIGNER = ObjectIdentifier("1.0.18013.5.1.2")
ROOT = ec.derive_private_key(0x12007, ec.SECP384R1())


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"), x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _build(subject: str, key: ec.EllipticCurvePublicKey, *, root: bool) -> bytes:
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name("Permit root"))
        .public_key(key)
        .serial_number(1 if root else 2)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2070, 1, 1, tzinfo=UTC))
        .add_extension(_usage(signs_certificates=root), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )
    if root:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    else:
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ROOT.public_key()), critical=False
        ).add_extension(x509.ExtendedKeyUsage([MDL_DOCUMENT_SIGNER]), critical=True)
    return builder.sign(ROOT, hashes.SHA384()).public_bytes(Encoding.DER)


ROOT_CERTIFICATE = _build("Permit root", ROOT.public_key(), root=True)
SIGNER_CERTIFICATE = _build("Permit entitlement signer", SIGNER.public_key(), root=False)
