"""Laws of the codecs and signatures in `keys`: round trips, totality, and that no mutation passes."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from keys import cbor, der, spki
from keys.algorithms import OID_LDS_SECURITY_OBJECT, Purpose
from keys.authority.authority import Authority
from keys.authority.file import from_members, parse
from keys.certificates import serial_number
from keys.chain import ChainError, ChainValidator
from keys.custody.software import ScryptCost, SoftwareCardMasterKey
from keys.envelopes import cms, cose
from keys.envelopes.errors import SignatureError
from keys.errors import DecodeError
from keys.parsed_certificate import read_certificate, read_crl
from keys.registry.registry import AuthorityError, AuthorityReason
from keys.status_list import Status
from tests import pki
from tests.pki import NOW

SOAK = 20 if os.environ.get("SOAK") else 1
settings.register_profile("keys", deadline=None, suppress_health_check=[HealthCheck.too_slow])
LAWS = settings(settings.get_profile("keys"), max_examples=150 * SOAK)
SLOW = settings(settings.get_profile("keys"), max_examples=60 * SOAK)

KEY, OTHER = pki.key("es"), pki.key("other")
CSCA = pki.issuer()
DSC = pki.signer(Purpose.DOCUMENT_SIGNER, CSCA, public_key=KEY.public_key())
SIGN1 = cose.sign1(b"payload of the card", sign=cose.raw_signer(KEY), kid=b"12345678")
SOD = cms.build(
    b"\x30\x03\x02\x01\x00",
    content_type=OID_LDS_SECURITY_OBJECT,
    certificate=DSC,
    private_key=KEY,
    signing_time=NOW,
)
CRL = pki.crl(CSCA)
SPKI = KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
VALIDATOR = ChainValidator(roots=[pki.root(CSCA)], crls=[CRL])

WIDTHS = st.sampled_from([32, 48, 66])


@st.composite
def mutations(draw: st.DrawFn, raw: bytes) -> bytes:
    """The bytes with some flipped, cut, doubled or put in: never what they were."""
    data = bytearray(raw)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        match draw(st.sampled_from(["flip", "cut", "double", "insert", "delete"])):
            case "flip" if data:
                data[at] ^= draw(st.integers(1, 255))
            case "cut":
                del data[at:]
            case "double":
                data[at:at] = data[at : at + draw(st.integers(1, 40))]
            case "insert":
                data[at:at] = draw(st.binary(min_size=1, max_size=8))
            case _:
                del data[at : at + draw(st.integers(1, 8))]
    assume(bytes(data) != raw)
    return bytes(data)


@LAWS
@given(width=WIDTHS, data=st.data())
def test_raw_and_der_signatures_are_one(width: int, data: st.DataObject) -> None:
    """Also where r or s begin with zeros: the bug that rejects one signature in three hundred."""
    numbers = st.one_of(st.integers(0, 1 << 16), st.integers(0, (1 << (8 * width)) - 1))
    r, s = data.draw(numbers), data.draw(numbers)
    raw = r.to_bytes(width, "big") + s.to_bytes(width, "big")
    assert cose.der_signature(raw) == encode_dss_signature(r, s)
    assert cose.raw_signature(cose.der_signature(raw), width) == raw


def test_signatures_that_begin_with_zero_verify() -> None:
    """Signs until r, and s, begin with a zero byte: about 256 times each."""
    seen = set()
    for counter in range(20_000):
        raw = cose.sign1(counter.to_bytes(4, "big"), sign=cose.raw_signer(KEY), kid=b"k")
        short = {name for name, at in (("r", -64), ("s", -32)) if raw[at] == 0}
        if short - seen:
            cose.parse(raw).verify(KEY.public_key())
            seen |= short
        if seen == {"r", "s"}:
            return
    pytest.fail("no signature began with zero")


@LAWS
@given(payload=st.binary(max_size=300), kid=st.binary(min_size=1, max_size=64), tagged=st.booleans())
def test_cose_round_trip(payload: bytes, kid: bytes, tagged: bool) -> None:
    raw = cose.sign1(payload, sign=cose.raw_signer(KEY), kid=kid, tagged=tagged)
    envelope = cose.parse(raw, tagged=tagged)
    envelope.verify(KEY.public_key())
    assert (envelope.payload, envelope.kid) == (payload, kid)


@LAWS
@given(raw=mutations(SIGN1))
def test_no_mutated_cose_verifies(raw: bytes) -> None:
    """Unless only the unsigned kid changed: then payload and protected header are what was signed."""
    try:
        envelope = cose.parse(raw)
        envelope.verify(KEY.public_key())
    except (DecodeError, SignatureError):
        return
    honest = cose.parse(SIGN1)
    assert (envelope.payload, envelope.protected) == (honest.payload, honest.protected)
    assert (envelope.unprotected, envelope.tagged) != (honest.unprotected, honest.tagged)


@LAWS
@given(raw=st.one_of(st.binary(max_size=80), mutations(SIGN1)))
@example(b"\x84\x40\xa0\x40\x40")
def test_cose_parse_is_total(raw: bytes) -> None:
    _total(lambda: cose.parse(raw))


@SLOW
@given(raw=mutations(SOD))
def test_no_mutated_sod_verifies_as_another(raw: bytes) -> None:
    """A mutation may hit what is not signed, the embedded certificate above all; never what is believed."""
    try:
        verified = cms.parse(raw).verify()
    except (DecodeError, SignatureError):
        return
    honest = cms.parse(SOD).verify()
    assert (verified.content, verified.content_type) == (honest.content, honest.content_type)
    assert verified.signing_time == honest.signing_time


@SLOW
@given(content=st.binary(max_size=3000), moment=st.datetimes(datetime(2000, 1, 1), datetime(2200, 1, 1)))
def test_cms_round_trip(content: bytes, moment: datetime) -> None:
    moment = moment.replace(microsecond=0, tzinfo=UTC)
    raw = cms.build(
        content, content_type=OID_LDS_SECURITY_OBJECT, certificate=DSC, private_key=KEY, signing_time=moment
    )
    verified = cms.parse(raw).verify()
    assert (verified.content, verified.signing_time, verified.certificate) == (content, moment, DSC)


@SLOW
@given(raw=st.one_of(st.binary(max_size=120), mutations(SOD)))
@example(b"\x30\x80" * 4000)
@example(b"\x24\x80" * 4000)
def test_cms_parse_is_total(raw: bytes) -> None:
    _total(lambda: cms.parse(raw))


@SLOW
@given(raw=st.one_of(st.binary(max_size=120), mutations(DSC)))
def test_certificates_are_read_totally(raw: bytes) -> None:
    _total(lambda: read_certificate(raw))
    _total(lambda: spki.certificate_spki(raw))


@SLOW
@given(raw=st.one_of(st.binary(max_size=120), mutations(CRL)))
def test_crls_are_read_totally(raw: bytes) -> None:
    _total(lambda: read_crl(raw))


@SLOW
@given(raw=mutations(DSC))
def test_no_mutated_certificate_chains(raw: bytes) -> None:
    with pytest.raises(ChainError):
        VALIDATOR.validate(raw, purpose=Purpose.DOCUMENT_SIGNER, at=NOW, now=NOW)


@SLOW
@given(raw=st.one_of(st.binary(max_size=120), mutations(SPKI)))
def test_keys_are_read_totally(raw: bytes) -> None:
    _total(lambda: spki.load_public_key(raw))


@LAWS
@given(number=st.integers(0, 1 << 200))
def test_der_integers(number: int) -> None:
    reader = der.Reader(der.integer(number))
    assert reader.unsigned() == number
    reader.finish()


@LAWS
@given(
    arcs=st.lists(st.integers(0, 1 << 130), min_size=1, max_size=6), first=st.integers(0, 1), second=st.integers(0, 39)
)
def test_der_object_identifiers(arcs: list[int], first: int, second: int) -> None:
    from asn1crypto.core import ObjectIdentifier

    dotted = ".".join(map(str, (first, second, *arcs)))
    assert der.object_identifier(dotted) == ObjectIdentifier(dotted).dump()


@LAWS
@given(tag=st.sampled_from([0x02, 0x04, 0x30, 0xA0]), content=st.binary(max_size=70_000), rest=st.binary(max_size=3))
@example(0x04, bytes(127), b"")
@example(0x04, bytes(128), b"")
@example(0x04, bytes(65536), b"")
def test_der_elements(tag: int, content: bytes, rest: bytes) -> None:
    reader = der.Reader(der.encode(tag, content) + rest)
    assert reader.content(tag) == content
    assert reader.at_end == (not rest)


@LAWS
@given(data=st.binary(max_size=40), tag=st.integers(0, 255))
def test_der_reading_is_strict_and_total(data: bytes, tag: int) -> None:
    """What is read as an element is exactly what `encode` makes of its content: one form only."""
    try:
        content = der.Reader(data).content(tag)
    except DecodeError:
        return
    assert data.startswith(der.encode(tag, content))


@LAWS
@given(fill=st.binary(min_size=20, max_size=20), octets=st.integers(8, 20))
def test_serial_numbers(fill: bytes, octets: int) -> None:
    number = serial_number(lambda count: fill[:count], octets)
    assert 0 < number < 1 << (8 * octets - 1)
    assert (number.bit_length() + 7) // 8 == octets


@LAWS
@given(one=st.binary(min_size=10, max_size=10), other=st.binary(min_size=10, max_size=10))
def test_cards_do_not_share_keys(one: bytes, other: bytes) -> None:
    assume(one != other)
    master = SoftwareCardMasterKey(bytes(32))
    first, second = master.diversify(one), master.diversify(other)
    assert not {first.enc, first.mac, first.dek} & {second.enc, second.mac, second.dek}


@LAWS
@given(data=st.one_of(st.binary(max_size=60), st.text(max_size=60).map(str.encode)), toml=st.booleans())
def test_authority_files_are_read_totally(data: bytes, toml: bool) -> None:
    _total(lambda: parse(data, toml=toml))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
MEMBERS = {
    "country": "UT",
    "mrz_country": "UTO",
    "name_zh": "机关",
    "name_en": "Office",
    "status_uri": "https://permits.utopia.example/status/1",
}


@LAWS
@given(name=st.sampled_from([*MEMBERS, "validity", "document_types", "transport_keys", "crl_uri"]), value=JSON)
def test_settings_are_read_totally(name: str, value: object) -> None:
    _total(lambda: from_members({**MEMBERS, name: value}))


def _total(read: Callable[[], object]) -> None:
    """Whatever the input, it reads or says DecodeError: anything else fails the test by itself."""
    with contextlib.suppress(DecodeError):
        read()


class StatusLife(RuleBasedStateMachine):
    """Whatever is published, in whatever order and clock: the list is the model's, and INVALID is for good."""

    @initialize()
    def found(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.now = NOW
        self.authority = Authority.create(
            os.path.join(self.folder.name, "home"),
            from_members(MEMBERS),
            b"passphrase",
            clock=lambda: self.now,
            cost=ScryptCost(log2_n=2, r=1, p=1),
        )
        self.model: dict[int, Status] = {}

    @rule(changes=st.dictionaries(st.integers(0, 5) | st.just(262143), st.sampled_from(Status), max_size=3))
    def publish(self, changes: dict[int, Status]) -> None:
        final = any(
            self.model.get(index) is Status.INVALID and new is not Status.INVALID for index, new in changes.items()
        )
        try:
            self.authority.publish_statuses(changes)
            refused = None
        except AuthorityError as error:
            refused = error.reason
        assert refused is (AuthorityReason.STATUS_FINAL if final else None)
        if not final:
            self.model.update(changes)

    @rule(hours=st.integers(0, 100))
    def later(self, hours: int) -> None:
        if self.now < NOW + timedelta(days=60):
            self.now += timedelta(hours=hours)

    @rule()
    def refresh(self) -> None:
        self.authority.refresh()

    @rule(seconds=st.integers(1, 5))
    def clock_back(self, seconds: int) -> None:
        before, published = self.now, self.authority.published_statuses()
        self.now = published.iat - timedelta(seconds=seconds)
        with pytest.raises(AuthorityError):
            self.authority.publish_status(0, Status.INVALID)
        self.now = before

    @invariant()
    def the_list_is_the_model(self) -> None:
        if hasattr(self, "authority"):
            published = self.authority.published_statuses()
            for index in (*range(6), 262143):
                assert published.lookup(index) is self.model.get(index, Status.VALID)

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.folder.cleanup()


TestStatusLife = StatusLife.TestCase
TestStatusLife.settings = settings(settings.get_profile("keys"), max_examples=12 * SOAK, stateful_step_count=15)


def test_cbor_of_the_sig_structure_is_minimal() -> None:
    assert (
        cose.sig_structure(b"", b"") == cbor.encode(["Signature1", b"", b"", b""]) == b"\x84\x6aSignature1\x40\x40\x40"
    )


def test_another_key_never_verifies() -> None:
    with pytest.raises(SignatureError):
        cose.parse(SIGN1).verify(OTHER.public_key())
    assert isinstance(OTHER, ec.EllipticCurvePrivateKey)
