"""Nothing is written that either implementation refuses: each forgery, and which of the two sees it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from issuing import NOW, PROFILE, World, applicant, authority_home, blank, power_up, small_photo

from card_profiles.lds import sod
from card_profiles.model import Content, LifeCycle, Slot
from issuer import application, assemble, crosscheck, photo
from issuer.assemble import StatusReference, Validity
from issuer.crosscheck import Candidate, der_signature, sig_structure, split_sign1
from issuer.desk import Desk
from issuer.errors import Refusal, Refused
from keys.envelopes import cms, cose
from keys.errors import DecodeError
from keys.spki import certificate_spki, key_id


@dataclass
class Case:
    desk: Desk
    candidate: Candidate
    validity: Validity

    def verifier(self, candidate: Candidate) -> bool:
        try:
            crosscheck.by_verifier(candidate, self.desk.trust(), PROFILE, now=NOW)
        except Refused as refused:
            return (refused.reason, refused.details["checker"]) != (Refusal.CROSS_CHECK, crosscheck.VERIFIER)
        return True

    def openssl(self, candidate: Candidate, *, at: datetime = NOW) -> bool:
        program = crosscheck.require_openssl()
        try:
            crosscheck.by_openssl(program, candidate, self.desk.trust(), PROFILE, signed=at)
        except Refused as refused:
            return (refused.reason, refused.details["checker"]) != (Refusal.CROSS_CHECK, crosscheck.OPENSSL)
        return True


def candidate_of(desk: Desk, *, signers: tuple[assemble.Signer, assemble.Signer]) -> tuple[Candidate, Validity]:
    import json

    record = application.parse(json.dumps(applicant()).encode(), today=date(2026, 11, 21))
    chip = ec.generate_private_key(ec.SECP256R1()).public_key()
    validity = Validity.over(record.valid_from, record.endorsed_until, now=NOW)
    card = assemble.whole_card(
        record,
        photo.accept(small_photo(), limit=15_360),
        chip_key=chip.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint),
        validity=validity,
        status=StatusReference(uri=desk.status_uri, index=5),
        office=desk.office,
        signers=signers,
        profile=PROFILE,
        random=desk.random,
    )
    active = PROFILE.permit.by_content(Content.ACTIVE).name
    return (
        Candidate(
            slot=Slot.A,
            permit={name: raw for name, raw in card.permit.items() if name != active},
            active=card.active,
            identity=card.identity,
            card_access=assemble.card_access(PROFILE),
        ),
        validity,
    )


@pytest.fixture
def case(tmp_path: Path) -> Case:
    world = World(home=authority_home(tmp_path))
    with world.desk() as desk:
        candidate, validity = candidate_of(desk, signers=(desk.document_signer(), desk.entitlement_signer()))
        return Case(desk=desk, candidate=candidate, validity=validity)


def flipped(raw: bytes, at: int) -> bytes:
    at %= len(raw)
    return raw[:at] + bytes((raw[at] ^ 1,)) + raw[at + 1 :]


def test_what_is_right_passes_both(case: Case) -> None:
    assert case.verifier(case.candidate)
    assert case.openssl(case.candidate)


Forge = Callable[[Candidate], Candidate]


def permit_file(name: str, change: Callable[[bytes], bytes]) -> Forge:
    return lambda c: replace(c, permit={**c.permit, name: change(c.permit[name])})


def identity_file(name: str, change: Callable[[bytes], bytes]) -> Forge:
    return lambda c: replace(c, identity={**c.identity, name: change(c.identity[name])})


BOTH: Mapping[str, Forge] = {
    "signature of the MSO": permit_file("EF.MSO/A", lambda raw: flipped(raw, -1)),
    "payload of the MSO": permit_file("EF.MSO/A", lambda raw: flipped(raw, len(raw) // 2)),
    "permit item": permit_file("EF.NS.permit/A", lambda raw: flipped(raw, -1)),
    "sector item": permit_file("EF.NS.culture/A", lambda raw: flipped(raw, -1)),
    "DG1": identity_file("DG1", lambda raw: flipped(raw, -1)),
    "DG2": identity_file("DG2", lambda raw: flipped(raw, -3)),
    "DG14": identity_file("DG14", lambda raw: flipped(raw, -1)),
    "signature of EF.SOD": identity_file("EF.SOD", lambda raw: flipped(raw, -1)),
    "EF.SOD cut off": identity_file("EF.SOD", lambda raw: raw[:-1]),
}


@pytest.mark.parametrize("name", BOTH)
def test_forgeries_that_both_refuse(case: Case, name: str) -> None:
    forged = BOTH[name](case.candidate)
    assert not case.openssl(forged)
    assert not case.verifier(forged)


def test_a_double_wrapped_content(case: Case) -> None:
    """The trap of a first build with asn1crypto: its own verifier passed it."""
    desk = case.desk
    signer = desk.document_signer()
    raw = case.candidate.identity["EF.SOD"]
    content = cms.parse(sod.unwrap(raw)).content
    wrapped = b"\x04\x82" + len(content).to_bytes(2) + content
    envelope = cms.build(
        wrapped,
        content_type=sod.LDS_SECURITY_OBJECT_OID,
        certificate=signer.certificate,
        private_key=signer.private_key,
        signing_time=NOW,
    )
    forged = identity_file("EF.SOD", lambda _: sod.wrap(envelope))(case.candidate)
    assert not case.verifier(forged)
    assert not case.openssl(forged)


@dataclass(frozen=True)
class Impostor:
    """A signer with a certificate of its own making."""

    kid: bytes
    certificate: bytes
    private_key: ec.EllipticCurvePrivateKey

    @classmethod
    def make(cls) -> Impostor:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COUNTRY_NAME, "UT")])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(7)
            .not_valid_before(NOW.replace(tzinfo=None) - timedelta(days=1))
            .not_valid_after(NOW.replace(tzinfo=None) + timedelta(days=9))
            .sign(key, hashes.SHA256())
            .public_bytes(Encoding.DER)
        )
        return cls(kid=key_id(certificate_spki(certificate)), certificate=certificate, private_key=key)


@pytest.mark.parametrize("which", [0, 1])
def test_a_signer_that_no_root_vouches_for(case: Case, which: int) -> None:
    good = (case.desk.document_signer(), case.desk.entitlement_signer())
    signers = (Impostor.make(), good[1]) if which == 0 else (good[0], Impostor.make())
    forged, _ = candidate_of(case.desk, signers=signers)
    assert not case.openssl(forged)
    assert not case.verifier(forged)


@pytest.mark.parametrize("which", [0, 1])
def test_a_signer_that_only_this_machine_trusts(case: Case, tmp_path: Path, which: int) -> None:
    """A root in the store of certificates that OpenSSL falls back to: one for web sites, or one slipped in."""
    good, impostor = (case.desk.document_signer(), case.desk.entitlement_signer()), Impostor.make()
    forged, _ = candidate_of(case.desk, signers=(impostor, good[1]) if which == 0 else (good[0], impostor))
    store, program, openssl = tmp_path / "certs", tmp_path / "openssl", crosscheck.require_openssl()
    store.mkdir()
    (store / "impostor.pem").write_bytes(
        x509.load_der_x509_certificate(impostor.certificate).public_bytes(Encoding.PEM)
    )
    subprocess.run([openssl, "rehash", store], check=True)
    program.write_text(f"#!/bin/sh\nSSL_CERT_DIR='{store}' exec '{openssl}' \"$@\"\n")
    program.chmod(0o755)
    with pytest.raises(Refused) as refused:
        crosscheck.by_openssl(str(program), forged, case.desk.trust(), PROFILE, signed=NOW)
    assert refused.value.details["checker"] == crosscheck.OPENSSL
    crosscheck.by_openssl(str(program), case.candidate, case.desk.trust(), PROFILE, signed=NOW)


def test_each_signer_for_its_own_purpose_only(case: Case) -> None:
    """Signed by the right authority with the wrong key: what OpenSSL cannot know."""
    document, entitlement = case.desk.document_signer(), case.desk.entitlement_signer()
    for signers in ((entitlement, entitlement), (document, document)):
        forged, _ = candidate_of(case.desk, signers=signers)
        assert not case.verifier(forged)


def test_outside_of_the_certificates(case: Case) -> None:
    assert not case.openssl(case.candidate, at=NOW + timedelta(days=9000))


def test_openssl_hangs(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "openssl"
    program.write_text("#!/bin/sh\nexec sleep 30\n")
    program.chmod(0o755)
    monkeypatch.setattr(crosscheck, "TIMEOUT", 0.05)
    with pytest.raises(Refused) as refused:
        crosscheck.by_openssl(str(program), case.candidate, case.desk.trust(), PROFILE, signed=NOW)
    assert refused.value.reason is Refusal.CROSS_CHECK


def test_openssl_that_cannot_run(case: Case, tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        crosscheck.by_openssl(str(tmp_path / "none"), case.candidate, case.desk.trust(), PROFILE, signed=NOW)
    assert refused.value.reason is Refusal.CROSS_CHECK


def test_no_file_of_the_content_is_written_when_the_check_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The card got the authority's keys and a chip key, and nothing about anybody."""
    world = World(home=authority_home(tmp_path))
    image = blank()
    before = set(image.state.files)

    def refuse(*_: object, **__: object) -> None:
        raise Refused(Refusal.CROSS_CHECK, checker="test", error="no")

    with monkeypatch.context() as patch:
        patch.setattr(crosscheck, "by_openssl", refuse)
        with pytest.raises(Refused):
            world.issue(power_up(image))
    assert set(image.state.files) == before
    assert image.state.passwords == {}
    assert image.state.life_cycle is LifeCycle.PERSONALISING
    assert not world.handed
    world.issue(power_up(image))
    assert world.check(image).accepted


# --- COSE by hand


@given(st.binary(max_size=400), st.binary(min_size=1, max_size=30))
def test_the_second_coder_agrees_with_the_first(payload: bytes, kid: bytes) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    raw = cose.sign1(payload, sign=cose.raw_signer(key), kid=kid)
    protected, found, signature = split_sign1(raw)
    assert found == payload
    assert sig_structure(protected, found) == cose.sig_structure(protected, payload)
    assert der_signature(signature) == cose.der_signature(signature)


@given(st.binary(min_size=64, max_size=64), st.integers(0, 40), st.integers(0, 40))
def test_signatures_with_leading_zeros(raw: bytes, first: int, second: int) -> None:
    first, second = min(first, 31), min(second, 31)
    raw = bytes(first) + b"\x81" + raw[first + 1 : 32] + bytes(second) + b"\x01" + raw[32 + second + 1 :]
    assert der_signature(raw) == cose.der_signature(raw)


@given(st.binary(max_size=120))
def test_any_bytes_are_refused_in_one_way(raw: bytes) -> None:
    try:
        split_sign1(raw)
    except DecodeError:
        return
    assert raw.startswith(b"\x84\x43\xa1\x01\x26\xa1\x04")


def test_the_openssl_here_is_a_real_one() -> None:
    done = subprocess.run([crosscheck.require_openssl(), "version"], capture_output=True, check=True)
    assert done.stdout.startswith(b"OpenSSL")
