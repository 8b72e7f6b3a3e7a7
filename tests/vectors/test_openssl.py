"""OpenSSL as the second implementation: it reads what we sign, and we read what it signs.

Source of each answer: the `openssl` command line (verify, cms, asn1parse, x509, crl), 3.0 or later.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from keys import der, spki
from keys.algorithms import OID_LDS_SECURITY_OBJECT, Purpose
from keys.authority.authority import Authority
from keys.authority.file import parse
from keys.custody.software import ScryptCost
from keys.envelopes import cms
from keys.envelopes.errors import SignatureError, SignatureReason
from keys.errors import DecodeError
from tests import pki
from tests.pki import NOW, openssl

CONTENT = b"\x30\x03\x02\x01\x00"
AUTHORITY = b"""{"country": "UT", "mrz_country": "UTO", "name_zh": "\xe6\x9c\xba\xe5\x85\xb3", "name_en": "Office",
 "status_uri": "https://permits.utopia.example/status/1"}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    authority: Authority
    folder: Path


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A new authority, with its public files in PEM as OpenSSL likes them."""
    folder = tmp_path_factory.mktemp("openssl")
    authority = Authority.create(
        folder / "home", parse(AUTHORITY), b"correct horse", clock=lambda: NOW, cost=ScryptCost(log2_n=4, r=1, p=1)
    )
    trust = Path(authority.trust_dir)
    (folder / "csca.pem").write_bytes(pki.pem("CERTIFICATE", [(trust / "csca/CSCA-1.der").read_bytes()]))
    (folder / "crl.pem").write_bytes(pki.pem("X509 CRL", [(trust / "crl/UTO.crl").read_bytes()]))
    return Home(authority=authority, folder=folder)


def sod(home: Home) -> bytes:
    signer = home.authority.document_signer
    return cms.build(
        CONTENT,
        content_type=OID_LDS_SECURITY_OBJECT,
        certificate=signer.certificate,
        private_key=signer.private_key,
        signing_time=NOW,
    )


def verify_cms(home: Home, raw: bytes, *more: str) -> bytes:
    arguments = ["cms", "-verify", "-inform", "DER", "-CAfile", str(home.folder / "csca.pem"), "-purpose", "any"]
    return openssl(*arguments, "-attime", str(int(NOW.timestamp())), "-binary", *more, stdin=raw).stdout


@pytest.mark.parametrize("name", ["DS-1", "ES-1", "SS-1"])
def test_openssl_verifies_the_chain_strictly(home: Home, name: str) -> None:
    leaf = Path(home.authority.trust_dir) / "signers" / f"{name}.der"
    arguments = ["verify", "-x509_strict", "-check_ss_sig", "-attime", str(int(NOW.timestamp())), "-crl_check"]
    openssl(*arguments, "-CAfile", home.folder / "csca.pem", "-CRLfile", home.folder / "crl.pem", leaf)


def test_openssl_sees_named_curves_and_no_empty_crl_list(home: Home) -> None:
    text = openssl("x509", "-in", home.folder / "csca.pem", "-noout", "-text").stdout
    assert b"ASN1 OID: secp384r1" in text
    assert b"CA:TRUE, pathlen:0" in text
    assert b"Private Key Usage Period" in text
    crl = openssl("crl", "-in", home.folder / "crl.pem", "-noout", "-text", "-CAfile", home.folder / "csca.pem")
    assert b"verify OK" in crl.stderr
    assert b"No Revoked Certificates" in crl.stdout


def test_openssl_verifies_our_sod(home: Home) -> None:
    assert verify_cms(home, sod(home)) == CONTENT


def test_openssl_refuses_our_sod_with_a_bit_flipped(home: Home) -> None:
    raw = sod(home)
    at = raw.index(CONTENT)
    changed = raw[: at + 4] + b"\x01" + raw[at + 5 :]
    with pytest.raises(AssertionError):
        verify_cms(home, changed)


def test_the_shape_of_our_sod(home: Home) -> None:
    """SignedData v3, SignerInfo v1, digest identifiers without NULL, eContent wrapped once."""
    lines = openssl("asn1parse", "-inform", "DER", stdin=sod(home)).stdout.decode().splitlines()
    versions = {depth: [line[-2:] for line in lines if f"d={depth} " in line and "INTEGER" in line] for depth in (3, 5)}
    assert versions == {3: ["03"], 5: ["01"]}
    (wrapped,) = [line for line in lines if "d=5 " in line and "OCTET STRING" in line and line.endswith("3003020100")]
    assert wrapped
    digests = [position for position, line in enumerate(lines) if ":sha256" in line]
    assert len(digests) == 2
    assert not any("NULL" in lines[position + 1] for position in digests)
    dump = openssl("cms", "-cmsout", "-print", "-inform", "DER", "-noout", stdin=sod(home)).stdout.decode()
    assert "eContentType: undefined (2.23.136.1.1.1)" in dump
    assert "d.issuerAndSerialNumber" in dump
    order = [dump.index(name) for name in ("object: contentType", "object: signingTime", "object: messageDigest")]
    assert order == sorted(order)


def test_the_attributes_are_in_der_order(home: Home) -> None:
    reader = der.Reader(cms.parse(sod(home)).signed_attributes).enter(der.SET)
    members = []
    while not reader.at_end:
        members.append(reader.element(der.SEQUENCE))
    assert members == sorted(members)
    assert len(members) == 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Theirs:
    folder: Path
    certificate: bytes

    def sign(self, *options: str) -> bytes:
        arguments = ["cms", "-sign", "-signer", self.folder / "ds.pem", "-inkey", self.folder / "ds.key", "-nodetach"]
        arguments += ["-binary", "-outform", "DER", "-econtent_type", OID_LDS_SECURITY_OBJECT, *options]
        return openssl(*arguments, stdin=CONTENT).stdout


def theirs(folder: Path, key: pki.PrivateKey) -> Theirs:
    certificate = pki.signer(Purpose.DOCUMENT_SIGNER, pki.issuer(), public_key=key.public_key(), ski=_ski(key))
    (folder / "ds.pem").write_bytes(pki.pem("CERTIFICATE", [certificate]))
    (folder / "ds.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return Theirs(folder=folder, certificate=certificate)


def _ski(key: pki.PrivateKey) -> tuple[object, bool]:
    return pki.Issuer(subject=pki.name("x"), private_key=key).ski, False


KEYS: dict[str, pki.PrivateKey] = {
    "P-256": pki.key("ds"),
    "P-384": pki.key("ds", "secp384r1"),
    "brainpool": pki.key("ds", "brainpoolP256r1"),
    "RSA": pki.rsa_key("ds"),
}
OPTIONS = {
    "plain": (),
    "by key identifier": ("-keyid",),
    "streamed, indefinite lengths": ("-stream",),
    "SHA-512": ("-md", "sha512"),
}


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("option", OPTIONS)
def test_we_verify_what_openssl_signs(tmp_path: Path, kind: str, option: str) -> None:
    source = theirs(tmp_path, KEYS[kind])
    options = OPTIONS[option]
    raw = source.sign(*options, *(() if "-md" in options else ("-md", "sha256")))
    assert (b"\x30\x80" in raw[:4]) == (option.startswith("streamed"))
    verified = cms.parse(raw).verify()
    assert (verified.content, verified.certificate) == (CONTENT, source.certificate)
    assert verified.signing_time is not None


@pytest.mark.parametrize("salt", ["digest", "max", "20"])
def test_we_verify_pss_of_openssl(tmp_path: Path, salt: str) -> None:
    """Parameters are read, never assumed; a salt beyond the largest digest is none that anybody needs."""
    source = theirs(tmp_path, KEYS["RSA"])
    raw = source.sign("-md", "sha256", "-keyopt", "rsa_padding_mode:pss", "-keyopt", f"rsa_pss_saltlen:{salt}")
    if salt == "max":
        with pytest.raises(SignatureError) as caught:
            cms.parse(raw).verify()
        assert caught.value.reason is SignatureReason.ALGORITHM
    else:
        assert cms.parse(raw).verify().content == CONTENT


def test_we_find_the_signer_that_openssl_left_out(tmp_path: Path) -> None:
    source = theirs(tmp_path, KEYS["P-256"])
    raw = source.sign("-nocerts", "-md", "sha256")
    assert cms.parse(raw).certificates == ()
    assert cms.parse(raw).verify([source.certificate]).content == CONTENT


def test_sha1_of_openssl_is_refused(tmp_path: Path) -> None:
    raw = theirs(tmp_path, KEYS["P-256"]).sign("-md", "sha1")
    with pytest.raises(SignatureError) as caught:
        cms.parse(raw).verify()
    assert caught.value.reason is SignatureReason.ALGORITHM


def test_without_signed_attributes_it_is_no_sod(tmp_path: Path) -> None:
    raw = theirs(tmp_path, KEYS["P-256"]).sign("-noattr", "-md", "sha256")
    with pytest.raises(DecodeError):
        cms.parse(raw)


CURVES = ["prime256v1", "secp384r1", "secp521r1", "brainpoolP256r1", "brainpoolP384r1", "brainpoolP512r1"]


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize("form", ["uncompressed", "compressed"])
def test_explicit_parameters_become_the_named_curve(curve: str, form: str) -> None:
    """The table of known parameters is a table of digests; OpenSSL's own parameters must be found in it."""
    key = openssl("ecparam", "-name", curve, "-genkey", "-noout", "-outform", "DER").stdout
    arguments = ["ec", "-inform", "DER", "-pubout", "-outform", "DER"]
    named = openssl(*arguments, stdin=key).stdout
    explicit = openssl(*arguments, "-param_enc", "explicit", "-conv_form", form, stdin=key).stdout
    assert len(explicit) > len(named)
    rewritten = spki.named(explicit)
    if form == "uncompressed":
        assert rewritten == named
    assert spki.load_public_key(explicit).public_numbers() == spki.load_public_key(named).public_numbers()
    assert spki.named(named) == named
    assert spki.key_id(named) == hashlib.sha256(named).digest()[:8]


@pytest.mark.parametrize("curve", ["secp224r1", "brainpoolP224r1", "secp256k1"])
def test_explicit_parameters_of_other_curves_are_refused(curve: str) -> None:
    key = openssl("ecparam", "-name", curve, "-genkey", "-noout", "-outform", "DER").stdout
    explicit = openssl("ec", "-inform", "DER", "-pubout", "-outform", "DER", "-param_enc", "explicit", stdin=key).stdout
    with pytest.raises(DecodeError):
        spki.load_public_key(explicit)
