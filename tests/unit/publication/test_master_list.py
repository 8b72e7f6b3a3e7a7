"""Master lists: what we build, OpenSSL takes and reads; what was changed, nobody takes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from keys import der
from keys.algorithms import OID_CSCA_MASTER_LIST, Purpose
from keys.envelopes import cms
from keys.envelopes.errors import SignatureError
from keys.errors import DecodeError
from keys.publication import master_list
from tests.distribution import CITY
from tests.factory import DAY, NOW, authority
from tests.factory import der as der_of

ROOT = der_of(CITY.csca.certificate)
OTHER = der_of(authority("elsewhere").csca.certificate)
SIGNER = CITY.signer(Purpose.MASTER_LIST_SIGNER, "master list", begin=NOW - DAY)


def build(*certificates: bytes) -> bytes:
    return master_list.build(
        certificates, signer=SIGNER.certificate, issuer=ROOT, private_key=SIGNER.private_key, signing_time=NOW
    )


def signed(content: bytes, content_type: str = OID_CSCA_MASTER_LIST) -> bytes:
    return cms.build(
        content,
        content_type=content_type,
        certificate=SIGNER.certificate,
        private_key=SIGNER.private_key,
        signing_time=NOW,
    )


def test_round_trip() -> None:
    listed, verified = master_list.verify(build(ROOT, OTHER, ROOT))
    assert listed == tuple(sorted((ROOT, OTHER)))
    assert (verified.certificate, verified.signing_time) == (SIGNER.certificate, NOW)
    CITY.trust().validate(verified.certificate, purpose=Purpose.MASTER_LIST_SIGNER, at=NOW, now=NOW)


def test_openssl_verifies_it_and_finds_the_certificates(tmp_path: Path) -> None:
    (tmp_path / "list").write_bytes(build(ROOT, OTHER))
    (tmp_path / "root.der").write_bytes(ROOT)
    subprocess.run(
        ["openssl", "x509", "-inform", "DER", "-in", "root.der", "-out", "root.pem"], cwd=tmp_path, check=True
    )
    command = ["openssl", "cms", "-verify", "-inform", "DER", "-in", "list", "-CAfile", "root.pem", "-purpose", "any"]
    done = subprocess.run(
        [*command, "-attime", str(int(NOW.timestamp())), "-out", "content"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    content = (tmp_path / "content").read_bytes()
    subprocess.run(["openssl", "asn1parse", "-inform", "DER", "-in", "content"], cwd=tmp_path, check=True)
    assert content.count(ROOT) == content.count(OTHER) == 1


def test_a_list_of_nothing() -> None:
    with pytest.raises(ValueError, match="one"):
        build()


def test_every_flipped_bit_is_noticed() -> None:
    raw = build(ROOT)
    good = master_list.verify(raw)
    for at in range(0, len(raw), 3):
        changed = raw[:at] + bytes((raw[at] ^ 1,)) + raw[at + 1 :]
        try:
            seen = master_list.verify(changed)
        except (DecodeError, SignatureError):
            continue
        # Nothing signs the certificates beside the signer's: what is listed must be what was listed.
        assert seen[0] == good[0], at


@pytest.mark.parametrize(
    "content",
    [
        b"",
        der.encode(der.SEQUENCE, der.integer(1), der.encode(der.SET, ROOT)),
        der.encode(der.SEQUENCE, der.integer(0), der.encode(der.SET, *sorted((ROOT, OTHER), reverse=True))),
        der.encode(der.SEQUENCE, der.integer(0), der.encode(der.SET, ROOT, ROOT)),
        der.encode(der.SEQUENCE, der.integer(0), der.encode(der.SET, ROOT)) + b"\0",
        der.encode(der.SEQUENCE, der.integer(0), der.encode(der.SET, der.integer(5))),
    ],
)
def test_signed_lists_of_another_form(content: bytes) -> None:
    with pytest.raises(DecodeError):
        master_list.verify(signed(content))


def test_signed_content_of_another_type() -> None:
    content = der.encode(der.SEQUENCE, der.integer(0), der.encode(der.SET, ROOT))
    with pytest.raises(DecodeError):
        master_list.verify(signed(content, "2.23.136.1.1.1"))
