"""Certificates for tests, good and bad of every kind, and OpenSSL to look at them. Keys are made fresh, not stored."""

from __future__ import annotations

import functools
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from keys import der
from keys.algorithms import CURVES, EXTENDED_KEY_USAGE, Purpose
from keys.certificates import AuthorityNames, Revocation, document_type_list
from keys.spki import key_id

NOW = datetime(2026, 6, 1, 2, 0, tzinfo=UTC)
DAY = timedelta(days=1)
BEGIN, KEY_USE_UNTIL, END = NOW - 30 * DAY, NOW + 60 * DAY, NOW + 2000 * DAY

NAMES = AuthorityNames(
    country="UT",
    mrz_country="UTO",
    contact_uri="https://permits.utopia.example/",
    crl_uri="https://permits.utopia.example/crl/UTO.crl",
)

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@functools.cache
def key(name: str, curve: str = "secp256r1") -> ec.EllipticCurvePrivateKey:
    """A key that is the same for the same name within one run."""
    curves = {
        "secp224r1": ec.SECP224R1,
        "secp256k1": ec.SECP256K1,
        "secp256r1": ec.SECP256R1,
        "secp384r1": ec.SECP384R1,
    }
    curves |= {"secp521r1": ec.SECP521R1, "brainpoolP256r1": ec.BrainpoolP256R1, "brainpoolP384r1": ec.BrainpoolP384R1}
    return ec.generate_private_key(curves[curve]())


@functools.cache
def rsa_key(name: str, size: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=size)


def name(common_name: str, country: str = "UT") -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, country),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def usage(*names: str) -> x509.KeyUsage:
    """KeyUsage with these bits."""
    bits = (
        "digital_signature content_commitment key_encipherment data_encipherment key_agreement key_cert_sign crl_sign "
        "encipher_only decipher_only"
    )
    return x509.KeyUsage(**{bit: bit in names for bit in bits.split()})


def key_use(begin: datetime, end: datetime) -> x509.PrivateKeyUsagePeriod:
    return x509.PrivateKeyUsagePeriod(begin.replace(tzinfo=None), end.replace(tzinfo=None))


Extensions = dict[str, tuple[x509.ExtensionType, bool] | None]
"""Extensions by a name of the test's own, with their critical flag; None leaves one out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """A CA for tests: its subject, key and key identifier."""

    subject: x509.Name
    private_key: PrivateKey

    @property
    def ski(self) -> x509.SubjectKeyIdentifier:
        return x509.SubjectKeyIdentifier.from_public_key(self.private_key.public_key())


def issuer(common_name: str = "CSCA UTO", key_name: str = "csca", curve: str = "secp384r1") -> Issuer:
    return Issuer(subject=name(common_name), private_key=key(key_name, curve))


def sign(builder: Any, private_key: PrivateKey, pss: bool = False) -> Any:
    if isinstance(private_key, rsa.RSAPrivateKey):
        scheme = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32) if pss else None
        return builder.sign(private_key, hashes.SHA256(), rsa_padding=scheme)
    curve = CURVES.get(private_key.curve.name)
    return builder.sign(private_key, curve.hash if curve else hashes.SHA256())


def authority_extensions(public_key: Any, **changes: tuple[x509.ExtensionType, bool] | None) -> Extensions:
    """What a CSCA carries, with `changes`."""
    return {
        "ski": (x509.SubjectKeyIdentifier.from_public_key(public_key), False),
        "usage": (usage("key_cert_sign", "crl_sign"), True),
        "constraints": (x509.BasicConstraints(ca=True, path_length=0), True),
        "period": (key_use(BEGIN, KEY_USE_UNTIL), False),
        **changes,
    }


def signer_extensions(purpose: Purpose, by: Issuer, **changes: tuple[x509.ExtensionType, bool] | None) -> Extensions:
    """What a signer of `purpose` carries, with `changes`."""
    extensions: Extensions = {
        "aki": (x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(by.ski), False),
        "usage": (usage("digital_signature"), True),
        "period": (key_use(BEGIN, KEY_USE_UNTIL), False),
    }
    if purpose is Purpose.DOCUMENT_SIGNER:
        extensions["types"] = (document_type_list(["IR"]), False)
    else:
        extensions["eku"] = (x509.ExtendedKeyUsage([x509.ObjectIdentifier(EXTENDED_KEY_USAGE[purpose])]), True)
    return {**extensions, **changes}


def certify(
    subject: x509.Name,
    public_key: Any,
    by: Issuer,
    extensions: Extensions,
    *,
    begin: datetime = BEGIN,
    end: datetime = END,
    serial: int = 0x4711471147114711,
    pss: bool = False,
) -> bytes:
    """Sign whatever is asked; DER."""
    builder = x509.CertificateBuilder(by.subject, subject, public_key, serial, begin, end)
    for extension in extensions.values():
        if extension is not None:
            builder = builder.add_extension(*extension)
    made: x509.Certificate = sign(builder, by.private_key, pss)
    return made.public_bytes(Encoding.DER)


def root(by: Issuer, *, pss: bool = False, begin: datetime = BEGIN, end: datetime = END, **changes: Any) -> bytes:
    public_key = by.private_key.public_key()
    extensions = authority_extensions(public_key, **changes)
    return certify(by.subject, public_key, by, extensions, begin=begin, end=end, pss=pss)


def signer(
    purpose: Purpose,
    by: Issuer,
    *,
    public_key: Any = None,
    subject: x509.Name | None = None,
    begin: datetime = BEGIN,
    end: datetime = END,
    pss: bool = False,
    **changes: Any,
) -> bytes:
    """A signer of `purpose`, certified by `by`, with extensions changed."""
    return certify(
        subject or name("signer 1"),
        public_key or key("signer").public_key(),
        by,
        signer_extensions(purpose, by, **changes),
        begin=begin,
        end=end,
        pss=pss,
    )


def link_serial(new: Issuer) -> int:
    """The serial number of the link certificate to `new`: one issuer never gives a number twice."""
    return 1 + int.from_bytes(new.ski.digest[:7], "big")


def link(old: Issuer, new: Issuer, **changes: Any) -> bytes:
    """The link certificate by which the old CSCA vouches for the new one."""
    public_key = new.private_key.public_key()
    aki = (x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(old.ski), False)
    extensions = authority_extensions(public_key, aki=aki, **changes)
    return certify(new.subject, public_key, old, extensions, serial=link_serial(new))


def crl(
    by: Issuer,
    *revoked: Revocation,
    number: int | None = 1,
    this_update: datetime = NOW - DAY,
    next_update: datetime = NOW + 30 * DAY,
    signed_by: Issuer | None = None,
    extra: tuple[x509.ExtensionType, bool] | None = None,
) -> bytes:
    """A CRL of `by`; `signed_by` forges it. DER."""
    actual = signed_by or by
    builder = x509.CertificateRevocationListBuilder(by.subject, this_update, next_update)
    aki = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(by.ski)
    builder = builder.add_extension(aki, critical=False)
    if number is not None:
        builder = builder.add_extension(x509.CRLNumber(number), critical=False)
    if extra:
        builder = builder.add_extension(*extra)
    for entry in revoked:
        one = x509.RevokedCertificateBuilder().serial_number(entry.serial).revocation_date(entry.revoked_at).build()
        builder = builder.add_revoked_certificate(one)
    made: x509.CertificateRevocationList = sign(builder, actual.private_key)
    return made.public_bytes(Encoding.DER)


def resigned(
    certificate: bytes, by: Issuer, *changes: tuple[bytes, bytes], digest: hashes.HashAlgorithm | None = None
) -> bytes:
    """The certificate with bytes replaced everywhere, and signed again: what no builder would make."""
    body = der.Reader(certificate).enter(der.SEQUENCE)
    tbs, algorithm = body.content(der.SEQUENCE), body.element(der.SEQUENCE)
    for old, new in changes:
        assert old in tbs
        tbs, algorithm = tbs.replace(old, new), algorithm.replace(old, new)
    tbs = der.encode(der.SEQUENCE, tbs)
    assert isinstance(by.private_key, ec.EllipticCurvePrivateKey)
    signature = by.private_key.sign(tbs, ec.ECDSA(digest or CURVES[by.private_key.curve.name].hash))
    return der.encode(der.SEQUENCE, tbs, algorithm, der.encode(der.BIT_STRING, b"\x00", signature))


def kid(public_key: ec.EllipticCurvePublicKey) -> bytes:
    return key_id(public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def pem(label: str, items: Iterable[bytes]) -> bytes:
    """PEM of DER items."""
    import base64

    return b"".join(
        b"-----BEGIN %s-----\n%s-----END %s-----\n" % (label.encode(), base64.encodebytes(item), label.encode())
        for item in items
    )


def openssl(*arguments: str | Path, stdin: bytes = b"", check: bool = True) -> subprocess.CompletedProcess[bytes]:
    """Run the OpenSSL command line."""
    done = subprocess.run(["openssl", *map(str, arguments)], input=stdin, capture_output=True, timeout=60, check=False)
    assert not check or done.returncode == 0, done.stderr.decode()
    return done
