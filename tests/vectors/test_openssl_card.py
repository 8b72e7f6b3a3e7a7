"""OpenSSL reads EF.SOD of an issued card: signature, chain, revocation list and the digest of every data group.

The issuer writes the card, the verifier's reader reads it; from there on `openssl` alone judges (cms, verify,
asn1parse, dgst; 3.0 or later), with the certificates and the list that the authority publishes. The first group
is what a passport officer would type; the second shows that it refuses what was changed.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from card_profiles.entitlements.catalogue import Sector
from card_profiles.protocols.pace import Password
from card_profiles.residence_permit_v1 import RESIDENCE_PERMIT_V1
from keys.trust import TrustStore
from tests import factory, pki
from tests.pki import openssl
from tests.simulator.issuing import CAN, NOW, World, authority_home, blank, power_up
from verifier.reader import Request, read

# 9303-10 §4.7: what the first octet of a data group says it is.
DATA_GROUPS = {"DG1": 0x61, "DG2": 0x75, "DG11": 0x6B, "DG12": 0x6C, "DG14": 0x6E}
AT = ("-attime", str(int(NOW.timestamp())))


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """Files as a counter read them, and the authority's public files in PEM, where OpenSSL looks for them."""

    files: dict[str, bytes]
    signer: bytes
    folder: Path

    def verify_sod(self, raw: bytes, *more: str | Path, trusted: str = "csca-and-crl.pem") -> bytes:
        """The content that `openssl cms -verify` vouches for: signature, chain and revocation list."""
        arguments = ["cms", "-verify", "-inform", "DER", "-binary", "-purpose", "any", *AT]
        content: bytes = openssl(*arguments, "-CAfile", self.folder / trusted, *more, stdin=signed_data(raw)).stdout
        return content


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> Card:
    folder = tmp_path_factory.mktemp("card")
    image, world = blank(), World(authority_home(folder))
    world.issue(power_up(image))
    trust = world.home / "trust"
    csca = pki.pem("CERTIFICATE", [(trust / "csca/CSCA-1.der").read_bytes()])
    crl = pki.pem("X509 CRL", [(trust / "crl/UTO.crl").read_bytes()])
    (folder / "csca.pem").write_bytes(csca)
    (folder / "crl.pem").write_bytes(crl)
    (folder / "csca-and-crl.pem").write_bytes(csca + crl)
    for name in ("DS-1", "ES-1"):
        certificate = (trust / "signers" / f"{name}.der").read_bytes()
        (folder / f"{name}.pem").write_bytes(pki.pem("CERTIFICATE", [certificate]))
    request = Request(
        profile=RESIDENCE_PERMIT_V1,
        sector=Sector.HEALTH,
        password=Password.from_can(CAN),
        captured=NOW,
        knows_signer=TrustStore.load(trust).knows,
        random=os.urandom,
        portrait=True,
        identity=True,
    )
    connection = power_up(image)
    try:
        reading = read(connection, request, clock=lambda: 0.0)
    finally:
        connection.close()
    signer = (trust / "signers/DS-1.der").read_bytes()
    return Card(files=dict(reading.evidence.identity), signer=signer, folder=folder)


def signed_data(raw: bytes) -> bytes:
    """The CMS structure inside tag 77 of EF.SOD, cut out by OpenSSL."""
    outer, inner = openssl("asn1parse", "-inform", "DER", stdin=raw).stdout.decode().splitlines()[:2]
    assert "appl [ 23 ]" in outer
    assert "cons: SEQUENCE" in inner
    offset = inner.split(":")[0].strip()
    raw_inner: bytes = openssl(
        "asn1parse", "-inform", "DER", "-strparse", offset, "-noout", "-out", "-", stdin=raw
    ).stdout
    return raw_inner


def listed_digests(content: bytes) -> dict[str, str]:
    """SHA-256 by data group, from the text that `openssl asn1parse` prints of an LDSSecurityObject."""
    text = openssl("asn1parse", "-inform", "DER", stdin=content).stdout.decode()
    assert re.search(r"d=2 .*OBJECT +:sha256$", text, re.MULTILINE)
    found = re.findall(r"d=3 .*INTEGER +:(\w+)\n.*d=3 .*\[HEX DUMP\]:(\w{64})$", text, re.MULTILINE)
    return {f"DG{int(number, 16)}": digest.lower() for number, digest in found}


def digest(raw: bytes) -> str:
    """SHA-256 by `openssl dgst`, in hexadecimal."""
    return openssl("dgst", "-sha256", "-r", stdin=raw).stdout.decode().split()[0]


# --- accepted --------------------------------------------------------------------------------------------------


def test_cms_verify_accepts_the_sod_and_its_chain(card: Card) -> None:
    assert card.verify_sod(card.files["EF.SOD"], "-crl_check", "-x509_strict")


def test_cms_verify_with_the_published_signer_in_place_of_the_enclosed(card: Card) -> None:
    published = card.folder / "DS-1.pem"
    assert card.verify_sod(card.files["EF.SOD"], "-nointern", "-certfile", published, "-crl_check")


def test_verify_accepts_the_certificate_that_signed(card: Card, tmp_path: Path) -> None:
    signer = tmp_path / "signer.pem"
    card.verify_sod(card.files["EF.SOD"], "-signer", signer)
    assert openssl("x509", "-in", signer, "-outform", "DER").stdout == card.signer
    arguments: list[str | Path] = [
        "verify",
        "-x509_strict",
        "-check_ss_sig",
        "-crl_check",
        "-CRLfile",
        card.folder / "crl.pem",
        *AT,
    ]
    assert b"OK" in openssl(*arguments, "-CAfile", card.folder / "csca.pem", signer).stdout


def test_the_content_is_an_lds_security_object(card: Card) -> None:
    raw = signed_data(card.files["EF.SOD"])
    dump = openssl("cms", "-cmsout", "-print", "-noout", "-inform", "DER", stdin=raw).stdout.decode()
    assert "eContentType: undefined (2.23.136.1.1.1)" in dump
    versions = re.findall(
        r"PRINTABLESTRING +:(\d+)$",
        openssl("asn1parse", "-inform", "DER", stdin=card.verify_sod(card.files["EF.SOD"])).stdout.decode(),
        re.MULTILINE,
    )
    assert versions == ["0108", "040000"]


def test_every_data_group_has_its_digest_and_nothing_else_is_listed(card: Card) -> None:
    groups = {name: raw for name, raw in card.files.items() if name in DATA_GROUPS}
    assert {name: raw[0] for name, raw in groups.items()} == DATA_GROUPS
    listed = listed_digests(card.verify_sod(card.files["EF.SOD"]))
    assert listed == {name: digest(raw) for name, raw in groups.items()}


# --- refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DATA_GROUPS)
def test_a_changed_data_group_has_another_digest(card: Card, name: str) -> None:
    raw = card.files[name]
    listed = listed_digests(card.verify_sod(card.files["EF.SOD"]))
    assert digest(raw[:-1] + bytes([raw[-1] ^ 1])) != listed[name] == digest(raw)


def _places(card: Card) -> dict[str, int]:
    """Offsets in EF.SOD inside what the two signatures cover, and in the signatures."""
    sod, content = card.files["EF.SOD"], card.verify_sod(card.files["EF.SOD"])
    dg1 = bytes.fromhex(listed_digests(content)["DG1"])
    over = bytes.fromhex(digest(content))
    return {
        "digest of DG1": sod.index(dg1),
        "digest of the content": sod.index(over),
        "signature": len(sod) - 1,
        "body of the certificate": sod.index(card.signer) + 60,
        "signature of the certificate": sod.index(card.signer) + len(card.signer) - 1,
    }


@pytest.mark.parametrize(
    "place",
    ["digest of DG1", "digest of the content", "signature", "body of the certificate", "signature of the certificate"],
)
def test_a_changed_sod_is_refused(card: Card, place: str) -> None:
    sod, at = card.files["EF.SOD"], _places(card)[place]
    changed = sod[:at] + bytes([sod[at] ^ 1]) + sod[at + 1 :]
    with pytest.raises(AssertionError):
        card.verify_sod(changed)


def test_another_signer_is_not_the_one(card: Card) -> None:
    with pytest.raises(AssertionError):
        card.verify_sod(card.files["EF.SOD"], "-nointern", "-certfile", card.folder / "ES-1.pem")


def test_the_revocation_list_is_asked_for(card: Card) -> None:
    with pytest.raises(AssertionError, match="unable to get certificate CRL"):
        card.verify_sod(card.files["EF.SOD"], "-crl_check", trusted="csca.pem")


def test_a_stranger_is_no_root(card: Card) -> None:
    stranger = factory.der(factory.authority("stranger").csca.certificate)
    (card.folder / "stranger.pem").write_bytes(pki.pem("CERTIFICATE", [stranger]))
    with pytest.raises(AssertionError):
        card.verify_sod(card.files["EF.SOD"], trusted="stranger.pem")


def test_a_revoked_signer_is_refused(tmp_path: Path) -> None:
    by = factory.authority()
    permit, csca = factory.issue(by), pki.pem("CERTIFICATE", [factory.der(by.csca.certificate)])
    (tmp_path / "good.pem").write_bytes(csca + pki.pem("X509 CRL", [by.crl()]))
    (tmp_path / "revoked.pem").write_bytes(csca + pki.pem("X509 CRL", [by.crl(by.document_signer)]))
    raw = signed_data(permit.identity["EF.SOD"])
    arguments = ["cms", "-verify", "-inform", "DER", "-binary", "-purpose", "any", "-crl_check"]
    arguments += ["-attime", str(int(factory.NOW.timestamp()))]
    assert openssl(*arguments, "-CAfile", tmp_path / "good.pem", stdin=raw).stdout
    with pytest.raises(AssertionError, match="certificate revoked"):
        openssl(*arguments, "-CAfile", tmp_path / "revoked.pem", stdin=raw)
