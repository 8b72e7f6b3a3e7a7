"""Nothing is written that two implementations do not accept: the verifier's own core, and OpenSSL.

OpenSSL checks EF.SOD (`openssl cms -verify`), the chain of the entitlement signer (`openssl verify`) and the signature
of the MSO (`openssl pkeyutl -verify`). What it is given is cut from the raw bytes here, by code that shares nothing
with the encoders; so it also finds what an encoder and its decoder agree on wrongly.
"""

from __future__ import annotations

import shutil
import subprocess
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from card_profiles.entitlements import catalogue
from card_profiles.entitlements.catalogue import SERVICE_SECTORS, Sector
from card_profiles.iso7816 import tlv
from card_profiles.model import CardProfile, Content, Slot
from keys.errors import DecodeError
from keys.trust import TrustStore
from verifier.evidence import Evidence
from verifier.policy import BEFORE_WRITING, Check, Policy
from verifier.verdict import CheckFailed
from verifier.verify import verify

from .errors import Refusal, Refused

TIMEOUT = 15.0  # seconds for one call of openssl
VERIFIER, OPENSSL = "verifier", "openssl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What is about to be written: files by name of `slot` and (empty at an endorsement) of the identity application.

    `card_access` is EF.CardAccess, `active` EF.Active as they are or will be.
    """

    slot: Slot
    permit: Mapping[str, bytes]
    active: bytes
    identity: Mapping[str, bytes]
    card_access: bytes


def require_openssl() -> str:
    """Path of the program. Raises Refused(OPENSSL_MISSING)."""
    path = shutil.which("openssl")
    if path is None:
        raise Refused(Refusal.OPENSSL_MISSING)
    return path


def check(candidate: Candidate, trust: TrustStore, profile: CardProfile, *, signed: datetime, begins: datetime) -> None:
    """Both; `begins` is when the permit starts to count. Raises Refused(CROSS_CHECK, OPENSSL_MISSING)."""
    program = require_openssl()
    by_verifier(candidate, trust, profile, now=max(signed, begins))
    by_openssl(program, candidate, trust, profile, signed=signed)


def by_verifier(candidate: Candidate, trust: TrustStore, profile: CardProfile, *, now: datetime) -> None:
    """The public call of the verifier, once for each sector. Raises Refused(CROSS_CHECK)."""
    for at, sector in enumerate(SERVICE_SECTORS):
        whole = at == 0 and bool(candidate.identity)  # the identity application does not depend on the sector
        evidence = Evidence(
            profile=profile.name,
            captured=now.replace(microsecond=0),
            sector=sector,
            card_access=candidate.card_access,
            active=candidate.active,
            mso=candidate.permit[_name(profile, candidate.slot, Content.MSO)],
            permit=candidate.permit[_name(profile, candidate.slot, Content.PERMIT, "permit")],
            signer_certificate=candidate.permit[_name(profile, candidate.slot, Content.SIGNER_CERTIFICATE)],
            sector_item=candidate.permit[_name(profile, candidate.slot, Content.SECTOR, sector)],
            identity=candidate.identity if whole else {},
        )
        required = BEFORE_WRITING | {Check.PORTRAIT, Check.IDENTITY} if whole else BEFORE_WRITING
        policy = Policy(sector=sector, catalogue=catalogue.load(), required=required)
        try:
            verify(evidence, trust, policy, now=now).require()
        except CheckFailed as failed:
            raise Refused(Refusal.CROSS_CHECK, checker=VERIFIER, error=", ".join(failed.reasons)) from failed


def by_openssl(
    program: str, candidate: Candidate, trust: TrustStore, profile: CardProfile, *, signed: datetime
) -> None:
    """OpenSSL over the raw bytes. Raises Refused(CROSS_CHECK)."""
    with TemporaryDirectory(prefix="crosscheck-") as folder:
        openssl = _OpenSsl(program, Path(folder), trust, at=signed)
        try:
            _check_mso(openssl, candidate, profile)
            if candidate.identity:
                _check_sod(openssl, candidate, profile)
        except DecodeError as error:
            raise _refused(str(error)) from error


def _check_mso(openssl: _OpenSsl, candidate: Candidate, profile: CardProfile) -> None:
    certificate = candidate.permit[_name(profile, candidate.slot, Content.SIGNER_CERTIFICATE)]
    protected, payload, signature = split_sign1(candidate.permit[_name(profile, candidate.slot, Content.MSO)])
    openssl.verify_chain(certificate)
    openssl.verify_signature(certificate, sig_structure(protected, payload), der_signature(signature))
    for file in profile.permit.slot_files(candidate.slot):
        if file.element:
            # valueDigests: {digestID: bstr .size 32}; a digestID below 24 is one byte
            digest_id = Sector(file.element).digest_id
            entry = bytes((digest_id, 0x58, 0x20)) + sha256(candidate.permit[file.name]).digest()
            if payload.count(entry) != 1:
                raise _refused(f"digest of {file.name}")


def _check_sod(openssl: _OpenSsl, candidate: Candidate, profile: CardProfile) -> None:
    raw = candidate.identity[profile.identity.by_content(Content.SOD).name]
    tag, length, header = tlv.header(raw)
    if tag != 0x77 or header + length != len(raw):
        raise _refused("EF.SOD is not one template 77")
    content = openssl.verify_cms(raw[header:])
    tag, length, header = tlv.header(content)
    if tag != 0x30 or header + length != len(content):
        raise _refused("the content of EF.SOD is not one SEQUENCE")
    for file in profile.identity.files:
        if file.content in (Content.SOD, Content.COM):
            continue
        # DataGroupHash ::= SEQUENCE { INTEGER, OCTET STRING }: 30 25 02 01 nn 04 20 digest
        number = file.fid & 0xFF
        entry = bytes((0x30, 0x25, 0x02, 0x01, number, 0x04, 0x20)) + sha256(candidate.identity[file.name]).digest()
        if content.count(entry) != 1:
            raise _refused(f"digest of {file.name}")


class _OpenSsl:
    """The command line, each call bounded in time, with files in a private folder."""

    def __init__(self, program: str, folder: Path, trust: TrustStore, *, at: datetime) -> None:
        self._program = program
        self._folder = folder
        roots = self._write("roots.pem", b"".join(map(_pem, trust.csca)))
        # These roots alone: without the two -no-, what the machine trusts for web sites would do as well.
        alone = ("-CAfile", roots, "-no-CApath", "-no-CAstore")
        self._chain = (*alone, "-attime", str(int(at.timestamp())), "-purpose", "any")

    def verify_chain(self, certificate: bytes) -> None:
        """The certificate leads to a CSCA of the trust store."""
        path = self._write("signer.pem", _pem(certificate))
        self._run("verify", *self._chain, path)

    def verify_signature(self, certificate: bytes, message: bytes, signature: bytes) -> None:
        """ECDSA with SHA-256 over `message`, by the key in `certificate`."""
        key = self._write("signer.pem", _pem(certificate))
        data, mark = self._write("message", message), self._write("signature", signature)
        # Not `dgst` with a key from `openssl x509`, which alone takes OpenSSL 3.0 a tenth of a second.
        self._run(
            *("pkeyutl", "-verify", "-certin", "-inkey", key, "-rawin", "-digest", "sha256"),
            *("-in", data, "-sigfile", mark),
        )

    def verify_cms(self, envelope: bytes) -> bytes:
        """Signature and chain of a ContentInfo; its content."""
        source, target = self._write("cms.der", envelope), self._folder / "content"
        self._run("cms", "-verify", "-binary", "-inform", "DER", "-in", source, "-out", target, *self._chain)
        return target.read_bytes()

    def _write(self, name: str, content: bytes) -> Path:
        path = self._folder / name
        path.write_bytes(content)
        return path

    def _run(self, *arguments: str | Path) -> None:
        command = [self._program, *map(str, arguments)]
        try:
            # No configuration of this machine may change what is checked.
            done = subprocess.run(  # noqa: S603 - a fixed program, and arguments made here
                command,
                capture_output=True,
                check=False,
                timeout=TIMEOUT,
                stdin=subprocess.DEVNULL,
                env={"OPENSSL_CONF": "/dev/null", "PATH": "/usr/bin:/bin"},
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise _refused(f"{arguments[0]}: {type(error).__name__}") from error
        if done.returncode:
            detail = done.stderr.decode(errors="replace").strip().splitlines()
            raise _refused(f"{arguments[0]}: {detail[-1] if detail else done.returncode}")


def _pem(certificate: bytes) -> bytes:
    """DER in PEM (RFC 7468), 64 characters a line."""
    text = b64encode(certificate)
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return b"\n".join((b"-----BEGIN CERTIFICATE-----", *lines, b"-----END CERTIFICATE-----", b""))


def _refused(error: str) -> Refused:
    return Refused(Refusal.CROSS_CHECK, checker=OPENSSL, error=error)


def _name(profile: CardProfile, slot: Slot, content: Content, element: str = "") -> str:
    return profile.permit.by_content(content, slot=slot, element=element).name


# --- COSE_Sign1 by hand, apart from keys.envelopes.cose and from cbor2 ------------------------------------------


def split_sign1(raw: bytes) -> tuple[bytes, bytes, bytes]:
    """Protected header, payload and signature of an untagged COSE_Sign1 with {4: kid} unprotected. DecodeError."""
    if raw[:1] != b"\x84":
        raise DecodeError("not an array of four", path="EF.MSO")
    protected, at = _byte_string(raw, 1)
    if raw[at : at + 2] != b"\xa1\x04":
        raise DecodeError("the unprotected header is not the kid alone", offset=at, path="EF.MSO")
    _, at = _byte_string(raw, at + 2)
    payload, at = _byte_string(raw, at)
    signature, at = _byte_string(raw, at)
    if at != len(raw) or len(signature) != 64 or protected != b"\xa1\x01\x26":  # {1: -7}, ES256
        raise DecodeError("not an ES256 signature at the end", offset=at, path="EF.MSO")
    return protected, payload, signature


def sig_structure(protected: bytes, payload: bytes) -> bytes:
    """["Signature1", protected, h'', payload] (RFC 9052 §4.4)."""
    return b"\x84\x6aSignature1" + _head(len(protected)) + protected + b"\x40" + _head(len(payload)) + payload


def der_signature(signature: bytes) -> bytes:
    """r ‖ s of 32 bytes each as ECDSA-Sig-Value."""
    integers = b""
    for part in (signature[:32], signature[32:]):
        digits = part.lstrip(b"\0") or b"\0"
        digits = b"\0" + digits if digits[0] & 0x80 else digits
        integers += bytes((0x02, len(digits))) + digits
    return bytes((0x30, len(integers))) + integers


def _head(length: int) -> bytes:
    """Head of a byte string (RFC 8949 §3.1), shortest form."""
    if length < 24:
        return bytes((0x40 | length,))
    return bytes((0x58, length)) if length < 256 else b"\x59" + length.to_bytes(2, "big")


def _byte_string(raw: bytes, at: int) -> tuple[bytes, int]:
    first = raw[at] if at < len(raw) else -1
    width = {0x58: 1, 0x59: 2}.get(first, 0)
    if not width and not 0x40 <= first < 0x58:
        raise DecodeError("no byte string", offset=at, path="EF.MSO")
    length = int.from_bytes(raw[at + 1 : at + 1 + width], "big") if width else first & 0x1F
    start = at + 1 + width
    if start + length > len(raw):
        raise DecodeError("byte string cut off", offset=at, path="EF.MSO")
    return raw[start : start + length], start + length
