"""Keys on a real SoftHSM token: OpenSSL reads what they sign, OpenSC tells what they are, and none comes out."""

from __future__ import annotations

import copy
import hashlib
import pickle
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pkcs11
import pytest
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from pkcs11 import Attribute, ObjectClass

from card_profiles.lds import sod
from keys import certificates, der, status_list
from keys.algorithms import OID_LDS_SECURITY_OBJECT, P256, Purpose, ecdsa
from keys.certificates import CertificationAuthority, Periods, Revocation
from keys.custody import CardKeys, Custody, CustodyError, CustodyReason, KeyKind
from keys.custody.pkcs11 import Pkcs11Custody
from keys.custody.token_key import Pkcs11PrivateKey
from keys.custody.token_session import TokenSession
from keys.envelopes import cms, cose
from keys.envelopes.errors import SignatureError
from tests import pki
from tests.pki import NAMES, NOW, openssl
from tests.softhsm import PIN, SoftHsm, hsm_fixture

__all__ = ["hsm_fixture"]

CURVES: list[ec.EllipticCurve] = [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()]
CURVES += [ec.BrainpoolP256R1(), ec.BrainpoolP384R1(), ec.BrainpoolP512R1()]
PERIODS = Periods(not_before=NOW, key_use_until=NOW + timedelta(days=90), not_after=datetime(2051, 1, 1, tzinfo=UTC))
AT = ["-attime", str(int(NOW.timestamp()))]


class Authority:
    """A CSCA and a document signer, both on the token."""

    def __init__(self, hsm: SoftHsm, folder: Path) -> None:
        self.folder = folder
        custody: Custody = hsm.custody()
        root = custody.generate(hsm.uri("csca-1"), ec.SECP384R1(), purpose=Purpose.CSCA)
        self.signer = custody.generate(hsm.uri("ds-1"), ec.SECP256R1(), purpose=Purpose.DOCUMENT_SIGNER)
        made = certificates.csca(NAMES, common_name="CSCA", private_key=root, periods=PERIODS, serial=1 << 64)
        self.csca = CertificationAuthority(certificate=made, private_key=root)
        self.ds = certificates.document_signer(
            NAMES,
            issuer=self.csca,
            common_name="DS 1",
            public_key=self.signer.public_key(),
            periods=PERIODS,
            serial=(1 << 64) + 1,
            document_types=["IR"],
        )
        self.root_pem, self.ds_der = folder / "csca.pem", folder / "ds.der"
        self.root_pem.write_bytes(made.public_bytes(Encoding.PEM))
        self.ds_der.write_bytes(self.ds.public_bytes(Encoding.DER))

    def crl(self, *revoked: Revocation) -> Path:
        made = certificates.crl(
            issuer=self.csca,
            number=1,
            this_update=NOW,
            next_update=NOW + timedelta(days=30),
            revocations=revoked,
        )
        path = self.folder / "list.crl"
        path.write_bytes(made.public_bytes(Encoding.PEM))
        return path


@pytest.fixture
def authority(hsm: SoftHsm, tmp_path: Path) -> Authority:
    return Authority(hsm, tmp_path)


def reason_of(call: Any, *arguments: Any, **named: Any) -> CustodyReason:
    with pytest.raises(CustodyError) as caught:
        call(*arguments, **named)
    assert PIN not in str(caught.value)
    assert PIN not in caught.value.uri
    return caught.value.reason


def test_openssl_verifies_certificates_of_a_token_key(authority: Authority) -> None:
    arguments: list[str | Path] = ["verify", "-x509_strict", "-check_ss_sig", *AT, "-CAfile", authority.root_pem]
    openssl(*arguments, authority.ds_der)


def test_openssl_verifies_a_crl_of_a_token_key_and_obeys_it(authority: Authority) -> None:
    arguments: list[str | Path] = ["verify", *AT, "-crl_check", "-CAfile", authority.root_pem]
    openssl(*arguments, "-CRLfile", authority.crl(), authority.ds_der)
    revoked = authority.crl(Revocation(serial=authority.ds.serial_number, revoked_at=NOW))
    refused = openssl(*arguments, "-CRLfile", revoked, authority.ds_der, check=False)
    assert refused.returncode != 0
    assert b"certificate revoked" in refused.stderr


def test_openssl_verifies_an_ef_sod_of_a_token_key(authority: Authority) -> None:
    content = sod.encode(sod.LdsSecurityObject.over({1: b"dg1", 2: b"dg2"}))
    signed = cms.build(
        content,
        content_type=OID_LDS_SECURITY_OBJECT,
        certificate=authority.ds_der.read_bytes(),
        private_key=authority.signer,
        signing_time=NOW,
    )
    assert cms.parse(sod.unwrap(sod.wrap(signed))).verify().content == content
    arguments: list[str | Path] = [
        "cms",
        "-verify",
        "-inform",
        "DER",
        "-binary",
        "-purpose",
        "any",
        *AT,
        "-CAfile",
        authority.root_pem,
    ]
    assert openssl(*arguments, stdin=signed).stdout == content
    changed = signed.replace(hashlib.sha256(b"dg2").digest(), hashlib.sha256(b"dg3").digest())
    assert openssl(*arguments, stdin=changed, check=False).returncode != 0


def test_cose_by_a_token_key(hsm: SoftHsm) -> None:
    key = hsm.custody().generate(hsm.uri("es-1"), ec.SECP256R1())
    raw = cose.sign1(b"payload", sign=cose.raw_signer(key), kid=pki.kid(key.public_key()))
    cose.parse(raw).verify(key.public_key())
    with pytest.raises(SignatureError):
        cose.parse(raw.replace(b"payload", b"payloaf")).verify(key.public_key())


def test_a_status_list_by_a_token_key(hsm: SoftHsm) -> None:
    key = hsm.custody().generate(hsm.uri("ss-1"), ec.SECP256R1())
    raw = status_list.build(
        {7: status_list.Status.INVALID},
        uri="https://u.example/1",
        iat=NOW,
        exp=NOW + timedelta(days=1),
        ttl=60,
        aggregation_uri="https://u.example",
        kid=pki.kid(key.public_key()),
        sign=cose.raw_signer(key),
        size=64,
    )
    assert status_list.verify(raw, key.public_key(), "https://u.example/1").lookup(7) is status_list.Status.INVALID


@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: curve.name)
def test_every_curve_and_every_hash(hsm: SoftHsm, curve: ec.EllipticCurve) -> None:
    """Also a hash longer and one shorter than the curve: the token's cut must be that of FIPS 186-5."""
    key = hsm.custody().generate(hsm.uri("k"), curve)
    assert (key.curve.name, key.key_size) == (curve.name, curve.key_size)
    for algorithm in (hashes.SHA256(), hashes.SHA384(), hashes.SHA512()):
        key.public_key().verify(key.sign(b"message", ec.ECDSA(algorithm)), b"message", ec.ECDSA(algorithm))
        digest = hashlib.new(algorithm.name, b"message").digest()
        signature = key.sign(digest, ec.ECDSA(Prehashed(algorithm)))
        key.public_key().verify(signature, b"message", ec.ECDSA(algorithm))
        with pytest.raises(InvalidSignature):
            key.public_key().verify(signature, b"massage", ec.ECDSA(algorithm))
    with pytest.raises(ValueError):
        key.sign(b"short", ec.ECDSA(Prehashed(hashes.SHA256())))


def test_what_a_token_key_does_not_do(hsm: SoftHsm) -> None:
    key = hsm.custody().generate(hsm.uri("k"), ec.SECP256R1())
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert reason_of(key.private_numbers) is CustodyReason.NOT_EXTRACTABLE
    plain = (Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    assert reason_of(key.private_bytes, *plain) is CustodyReason.NOT_EXTRACTABLE
    with pytest.raises(UnsupportedAlgorithm):
        key.exchange(ec.ECDH(), pki.key("peer").public_key())
    with pytest.raises(UnsupportedAlgorithm):
        key.sign(b"m", ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
    with pytest.raises(TypeError):
        pickle.dumps(key)
    assert copy.copy(key) is key
    assert copy.deepcopy(key) is key


def test_opensc_sees_what_we_say(hsm: SoftHsm) -> None:
    custody = hsm.custody()
    custody.generate(hsm.uri("pair"), ec.SECP256R1(), purpose=Purpose.CSCA)
    custody.generate_card_master_key(hsm.uri("master"))
    private = hsm.tool("--list-objects", "--type", "privkey")
    master = hsm.tool("--list-objects", "--type", "secrkey")
    for listing, label in ((private, "pair"), (master, "master")):
        assert f"label:      {label}" in listing
        assert "Access:     sensitive, always sensitive, never extractable, local" in listing
    usage = [line.split(":")[1].split() for line in private.splitlines() if "Usage:" in line]
    assert usage == [["sign"]]


def test_without_the_pin_there_is_no_private_key(hsm: SoftHsm) -> None:
    hsm.custody().generate(hsm.uri("pair"), ec.SECP256R1())
    listing = hsm.tool("--list-objects", login=False)
    assert "Public Key Object" in listing
    assert "Private Key Object" not in listing


@pytest.mark.parametrize("kind", [ObjectClass.PRIVATE_KEY, ObjectClass.SECRET_KEY])
def test_the_token_gives_no_key_away(hsm: SoftHsm, kind: ObjectClass) -> None:
    """Whoever has the PIN and speaks PKCS #11 directly gets no further, by reading, by wrapping or by a copy."""
    custody = hsm.custody()
    custody.generate(hsm.uri("key"), ec.SECP256R1())
    custody.generate_card_master_key(hsm.uri("master"))
    session = pkcs11_session(custody, hsm)
    with session.use("test") as token:
        [key] = list(token.get_objects({Attribute.CLASS: kind}))
        with pytest.raises(pkcs11.AttributeSensitive):
            key[Attribute.VALUE]
        for attribute in (Attribute.EXTRACTABLE, Attribute.SENSITIVE):
            with pytest.raises(pkcs11.PKCS11Error):
                key[attribute] = attribute is Attribute.EXTRACTABLE
        wrapper = token.generate_key(pkcs11.KeyType.AES, 256, capabilities=pkcs11.MechanismFlag.WRAP)
        with pytest.raises(pkcs11.PKCS11Error):
            wrapper.wrap_key(key, mechanism=pkcs11.Mechanism.AES_KEY_WRAP_PAD)
        with pytest.raises(pkcs11.PKCS11Error):
            key.copy({Attribute.EXTRACTABLE: True, Attribute.SENSITIVE: False, Attribute.TOKEN: False})


def test_the_files_of_the_token_hold_no_card_keys_in_clear(hsm: SoftHsm) -> None:
    hsm.custody().store_card_keys(hsm.uri("transport"), CardKeys(enc=b"E" * 16, mac=b"M" * 16, dek=b"D" * 16))
    files = [path for path in hsm.tokens.rglob("*") if path.is_file()]
    assert files
    assert not any(b"EEEEEEEE" in path.read_bytes() for path in files)


def test_a_key_that_was_outside_is_refused(hsm: SoftHsm, tmp_path: Path) -> None:
    """Somebody imports a key that he keeps a copy of, under the name of ours."""
    custody = hsm.custody()
    known = pki.key("known")
    private = known.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    public = known.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    for kind, content, usage in (("privkey", private, ["--usage-sign", "--sensitive"]), ("pubkey", public, [])):
        file = tmp_path / kind
        file.write_bytes(content)
        hsm.tool("--write-object", str(file), "--type", kind, "--label", "ds-1", "--id", "01", *usage)
    assert reason_of(custody.private_key, hsm.uri("ds-1")) is CustodyReason.UNPROTECTED
    assert reason_of(custody.sign_digest, hsm.uri("ds-1"), bytes(32)) is CustodyReason.UNPROTECTED
    [info] = custody.inventory()
    assert info.in_hardware is False


def test_a_foreign_public_key_under_our_name_fails_the_self_test(hsm: SoftHsm) -> None:
    custody = hsm.custody()
    custody.generate(hsm.uri("ds-1"), ec.SECP256R1())
    custody.generate(hsm.uri("other"), ec.SECP256R1())
    session = pkcs11_session(custody, hsm)
    with session.use("test") as token:
        by_label = {
            thing[Attribute.LABEL]: thing for thing in token.get_objects({Attribute.CLASS: ObjectClass.PUBLIC_KEY})
        }
        point, parameters = (by_label["other"][name] for name in (Attribute.EC_POINT, Attribute.EC_PARAMS))
        by_label["ds-1"].destroy()
        token.create_object(
            {
                Attribute.CLASS: ObjectClass.PUBLIC_KEY,
                Attribute.KEY_TYPE: pkcs11.KeyType.EC,
                Attribute.TOKEN: True,
                Attribute.LABEL: "ds-1",
                Attribute.EC_PARAMS: parameters,
                Attribute.EC_POINT: point,
            }
        )
    fresh = hsm.custody()
    assert reason_of(fresh.private_key, hsm.uri("ds-1")) is CustodyReason.SELF_TEST_FAILED
    assert reason_of(custody.self_test, hsm.uri("ds-1")) is CustodyReason.SELF_TEST_FAILED
    custody.self_test(hsm.uri("other"))


def test_an_existing_name_is_never_given_again(hsm: SoftHsm) -> None:
    custody = hsm.custody()
    first = custody.generate(hsm.uri("k"), ec.SECP256R1())
    for make in (custody.generate_card_master_key, lambda uri: custody.generate(uri, ec.SECP256R1())):
        assert reason_of(make, hsm.uri("k")) is CustodyReason.ALREADY_EXISTS
    transport = CardKeys(enc=bytes(16), mac=bytes(16), dek=bytes(16))
    assert reason_of(custody.store_card_keys, hsm.uri("k"), transport) is CustodyReason.ALREADY_EXISTS
    assert custody.private_key(hsm.uri("k")).public_key() == first.public_key()


def test_two_that_make_one_name_at_once_leave_no_pair_with_a_twin(
    hsm: SoftHsm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both looked before either had made its key: the one that finds the other takes its own back."""
    custody = hsm.custody()
    first = custody.generate(hsm.uri("k"), ec.SECP256R1())
    late = hsm.custody()
    monkeypatch.setattr(late, "_new", late._session)
    assert reason_of(late.generate, hsm.uri("k"), ec.SECP256R1()) is CustodyReason.ALREADY_EXISTS
    assert reason_of(late.generate_card_master_key, hsm.uri("k")) is CustodyReason.ALREADY_EXISTS
    assert hsm.custody().private_key(hsm.uri("k")).public_key() == first.public_key()


def test_listing(hsm: SoftHsm) -> None:
    custody = hsm.custody()
    custody.generate(hsm.uri("es-1"), ec.SECP256R1(), purpose=Purpose.ENTITLEMENT_SIGNER)
    custody.generate(hsm.uri("csca-1"), ec.SECP384R1(), purpose=Purpose.CSCA)
    custody.generate_card_master_key(hsm.uri("master-1"))
    custody.store_card_keys(hsm.uri("transport"), CardKeys(enc=bytes(16), mac=bytes(16), dek=bytes(16)))
    listed = [(info.uri, info.kind, info.purpose, info.curve, info.in_hardware) for info in custody.inventory()]
    assert listed == [
        (hsm.uri("csca-1"), KeyKind.KEY_PAIR, "csca", "secp384r1", True),
        (hsm.uri("es-1"), KeyKind.KEY_PAIR, "entitlement-signer", "secp256r1", True),
        (hsm.uri("master-1"), KeyKind.CARD_MASTER_KEY, "card-master-key", "", True),
        (hsm.uri("transport"), KeyKind.CARD_KEYS, "", "", False),
    ]
    assert hsm.custody().token_inventory("permit") == custody.inventory()
    for info in custody.inventory():
        custody.self_test(info.uri)


def test_public_key_is_what_signatures_verify_with(hsm: SoftHsm) -> None:
    custody = hsm.custody()
    key = custody.generate(hsm.uri("k"), ec.SECP384R1())
    public = hsm.custody().public_key(hsm.uri("k"))
    public.verify(key.sign(b"m", ecdsa(key)), b"m", ecdsa(public))


def test_destroyed_is_gone(hsm: SoftHsm) -> None:
    custody = hsm.custody()
    key = custody.generate(hsm.uri("k"), ec.SECP256R1())
    kept = custody.generate(hsm.uri("kept"), ec.SECP256R1())
    before = set(hsm.tokens.rglob("*.object"))
    custody.destroy(hsm.uri("k"))
    assert reason_of(custody.private_key, hsm.uri("k")) is CustodyReason.NOT_FOUND
    assert reason_of(custody.destroy, hsm.uri("k")) is CustodyReason.NOT_FOUND
    assert reason_of(key.sign, b"m", ec.ECDSA(hashes.SHA256())) is CustodyReason.NOT_FOUND
    assert len(before - set(hsm.tokens.rglob("*.object"))) == 2
    assert "label:      k\n" not in hsm.tool("--list-objects")
    kept.sign(b"m", ec.ECDSA(hashes.SHA256()))


def test_a_handle_to_a_destroyed_key_does_not_sign_with_its_successor(hsm: SoftHsm) -> None:
    custody = hsm.custody()
    old = custody.generate(hsm.uri("k"), ec.SECP256R1())
    custody.destroy(hsm.uri("k"))
    new = custody.generate(hsm.uri("k"), ec.SECP256R1())
    assert reason_of(old.sign, b"m", ec.ECDSA(hashes.SHA256())) is CustodyReason.NOT_FOUND
    new.sign(b"m", ec.ECDSA(hashes.SHA256()))


def test_destroyed_by_somebody_else(hsm: SoftHsm) -> None:
    custody = hsm.custody()
    key = custody.generate(hsm.uri("k"), ec.SECP256R1())
    for kind in ("privkey", "pubkey"):
        hsm.tool("--delete-object", "--type", kind, "--label", "k")
    assert reason_of(key.sign, b"m", ec.ECDSA(hashes.SHA256())) is CustodyReason.NOT_FOUND


def test_a_token_that_keeps_a_destroyed_key_is_told(hsm: SoftHsm, monkeypatch: pytest.MonkeyPatch) -> None:
    custody = hsm.custody()
    custody.generate(hsm.uri("k"), ec.SECP256R1())

    class Stubborn:
        def __getitem__(self, attribute: Attribute) -> object:
            return ObjectClass.PRIVATE_KEY

        def destroy(self) -> None:
            """Says yes, does nothing."""

    def find(session: TokenSession, key: object) -> list[Any]:
        return [Stubborn()]

    monkeypatch.setattr(custody, "_find", find)
    assert reason_of(custody.destroy, hsm.uri("k")) is CustodyReason.STILL_THERE


@pytest.mark.parametrize("lost", ["privkey", "pubkey"])
def test_half_a_pair_is_told_and_can_be_cleared_away(hsm: SoftHsm, lost: str) -> None:
    """As after a kill between the two objects of a pair."""
    custody = hsm.custody()
    custody.generate(hsm.uri("k"), ec.SECP256R1())
    hsm.tool("--delete-object", "--type", lost, "--label", "k")
    fresh = hsm.custody()
    assert reason_of(fresh.private_key, hsm.uri("k")) is CustodyReason.INCOMPLETE
    assert [info.kind for info in fresh.inventory()] == [None]
    assert reason_of(fresh.generate, hsm.uri("k"), ec.SECP256R1()) is CustodyReason.ALREADY_EXISTS
    fresh.destroy(hsm.uri("k"))
    fresh.generate(hsm.uri("k"), ec.SECP256R1())


def test_a_key_not_made_for_signing_is_refused(hsm: SoftHsm) -> None:
    custody = hsm.custody()
    custody.token_inventory("permit")
    with pkcs11_session(custody, hsm).use("test") as token:
        parameters = {Attribute.EC_PARAMS: der.object_identifier(P256.oid)}
        token.create_domain_parameters(pkcs11.KeyType.EC, parameters, local=True).generate_keypair(
            store=True,
            label="k",
            capabilities=pkcs11.MechanismFlag.DERIVE,
            private_template={Attribute.SIGN: False, Attribute.EXTRACTABLE: False},
        )
    assert reason_of(hsm.custody().private_key, hsm.uri("k")) is CustodyReason.MECHANISM_MISSING


def test_a_key_of_a_curve_not_in_use(hsm: SoftHsm) -> None:
    with pytest.raises(ValueError):
        hsm.custody().generate(hsm.uri("k"), ec.SECP256K1())
    hsm.tool("--keypairgen", "--key-type", "EC:secp256k1", "--label", "k", "--usage-sign", "--sensitive")
    assert reason_of(hsm.custody().private_key, hsm.uri("k")) is CustodyReason.DAMAGED


def test_a_signature_of_the_wrong_length_is_no_signature() -> None:
    key = Pkcs11PrivateKey("pkcs11:…", pki.key("k").public_key(), lambda digest: bytes(63))
    assert reason_of(key.sign, b"m", ec.ECDSA(hashes.SHA256())) is CustodyReason.SELF_TEST_FAILED


def test_nothing_prints_a_secret(hsm: SoftHsm) -> None:
    custody = hsm.custody()
    key = custody.generate(hsm.uri("k"), ec.SECP256R1())
    master = custody.generate_card_master_key(hsm.uri("m"))
    for thing in (custody, custody.pin, key, master, pkcs11_session(custody, hsm)):
        assert PIN not in repr(thing)


def pkcs11_session(custody: Pkcs11Custody, hsm: SoftHsm) -> TokenSession:
    """The session behind a custody, for what a custody does not do."""
    [session] = custody._opened.values()
    return session
