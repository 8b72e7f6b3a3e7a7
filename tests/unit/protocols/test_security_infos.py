"""SecurityInfos, DG14 and the public keys in them: strict both ways, foreign entries kept, foreign curves refused."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
from hypothesis import given, settings
from hypothesis import strategies as st

from card_profiles.iso7816 import tlv
from card_profiles.lds import dg14
from card_profiles.protocols import der, public_key_info
from card_profiles.protocols.points import CURVES, P_256, P_384, Curve, base_multiply
from card_profiles.protocols.security_infos import (
    ChipAuthenticationInfo,
    ChipAuthenticationPublicKeyInfo,
    Oid,
    OpaqueSecurityInfo,
    PaceInfo,
    SecurityInfo,
    SecurityInfos,
)
from keys.errors import DecodeError

PACE = PaceInfo(oid=Oid.ID_PACE_ECDH_GM_AES_CBC_CMAC_128, parameter_id=12)
CHIP = ChipAuthenticationInfo(oid=Oid.ID_CA_ECDH_AES_CBC_CMAC_128, key_id=1)
KEY = ChipAuthenticationPublicKeyInfo(public_key=base_multiply(P_256, 7), key_id=1)
OURS = SecurityInfos.of(PACE, CHIP, KEY)

every_curve = pytest.mark.parametrize("curve", CURVES, ids=lambda curve: curve.name)

# EF.CardAccess of a German identity card, as it stands in AusweisApp's test suite (test_EstablishPaceChannelOutput):
# Chip Authentication version 2, domain parameters, privileged terminals, an URL.
GERMAN = bytes.fromhex(
    "3181c1300d060804007f00070202020201023012060a04007f000702020302020201020201413012060a04007f000702020402020201020201"
    "0d301c060904007f000702020302300c060704007f0007010202010d020141302a060804007f0007020206161e687474703a2f2f6273692e62"
    "756e642e64652f6369662f6e70612e786d6c303e060804007f000702020831323012060a04007f00070202030202020102020145301c060904"
    "007f000702020302300c060704007f0007010202010d020145"
)


def _set(*infos: bytes, ordered: bool = True) -> bytes:
    return tlv.encode(der.SET, b"".join(sorted(infos) if ordered else infos))


def _info(oid: str, *fields: bytes) -> bytes:
    return tlv.encode(der.SEQUENCE, der.encode_oid(oid) + b"".join(fields))


def _reason(raw: bytes) -> str:
    with pytest.raises(DecodeError) as caught:
        SecurityInfos.decode(raw)
    return caught.value.path


# --- round trips -----------------------------------------------------------------------------------------------


def test_our_dg14_is_what_the_standard_says() -> None:
    raw = dg14.encode(OURS)
    key = base_multiply(P_256, 7).encode().hex()
    assert raw.hex() == (
        "6e8196318193"
        "3012060a04007f0007020203020202010102" + "0101"
        "3012060a04007f0007020204020202010202" + "010c"
        "3069060904007f00070202010230593013"
        "06072a8648ce3d020106082a8648ce3d030107034200" + key + "020101"
    )
    assert dg14.decode(raw) == OURS


def test_accessors() -> None:
    assert OURS.pace == (PACE,)
    assert OURS.chip_authentication == (CHIP,)
    assert OURS.chip_authentication_keys == (KEY,)
    assert OURS.confirms(SecurityInfos.of(PACE))
    assert OURS.confirms(SecurityInfos.of())
    assert not SecurityInfos.of(PACE).confirms(OURS)


def test_foreign_entries_are_kept_byte_for_byte() -> None:
    infos = SecurityInfos.decode(GERMAN)
    assert infos.encode() == GERMAN
    assert infos.pace == (PaceInfo(oid=Oid.ID_PACE_ECDH_GM_AES_CBC_CMAC_128, parameter_id=13),)
    assert infos.chip_authentication == ()  # version 2 is another protocol
    assert sum(isinstance(info, OpaqueSecurityInfo) for info in infos.infos) == 5


ids = st.none() | st.integers(0, 0x7FFFFFFF)
infos_strategy: st.SearchStrategy[SecurityInfo] = st.one_of(
    st.builds(PaceInfo, oid=st.sampled_from([o for o in Oid if "_PACE_" in o.name]), parameter_id=ids),
    st.builds(ChipAuthenticationInfo, oid=st.sampled_from([o for o in Oid if "_CA_" in o.name]), key_id=ids),
    st.builds(
        ChipAuthenticationPublicKeyInfo,
        public_key=st.builds(base_multiply, st.sampled_from([P_256, P_384]), st.integers(1, 1 << 200)),
        key_id=st.integers(0, 300),
    ),
)


def _distinct(infos: list[SecurityInfo]) -> bool:
    keys = [info.key_id for info in infos if isinstance(info, ChipAuthenticationPublicKeyInfo)]
    return len(set(keys)) == len(keys)


@settings(max_examples=100, deadline=None)
@given(infos=st.lists(infos_strategy, max_size=5).filter(_distinct))
def test_round_trip(infos: list[SecurityInfo]) -> None:
    original = SecurityInfos.of(*infos)
    assert SecurityInfos.decode(original.encode()) == original
    assert dg14.decode(dg14.encode(original)) == original


@settings(max_examples=400, deadline=None)
@given(at=st.integers(0, 1000), value=st.integers(0, 255), raw=st.sampled_from([OURS.encode(), GERMAN]))
def test_a_changed_byte_is_refused_or_means_something_else(at: int, value: int, raw: bytes) -> None:
    at %= len(raw)
    changed = raw[:at] + bytes((value,)) + raw[at + 1 :]
    try:
        infos = SecurityInfos.decode(changed)
    except DecodeError:
        return
    assert infos.encode() == changed


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60))
def test_decoding_is_total(raw: bytes) -> None:
    for decode in (SecurityInfos.decode, dg14.decode):
        with pytest.raises(DecodeError):
            decode(b"\xff" + raw)
    for prefix in (b"", b"\x31", b"\x31" + bytes((len(raw),))):
        try:
            assert SecurityInfos.decode(prefix + raw).encode() == prefix + raw
        except DecodeError:
            continue


@pytest.mark.parametrize("end", range(len(OURS.encode())))
def test_every_cut_is_refused(end: int) -> None:
    with pytest.raises(DecodeError):
        SecurityInfos.decode(OURS.encode()[:end])


# --- form ------------------------------------------------------------------------------------------------------


def test_set_of_is_sorted_and_has_no_duplicates() -> None:
    assert SecurityInfos.decode(_set(PACE.encode(), CHIP.encode())) == SecurityInfos.of(PACE, CHIP)
    assert _reason(_set(PACE.encode(), CHIP.encode(), ordered=False)) == "SecurityInfos"
    assert _reason(_set(PACE.encode(), PACE.encode())) == "SecurityInfos"


def test_keys_need_key_ids_to_be_told_apart() -> None:
    other = ChipAuthenticationPublicKeyInfo(public_key=base_multiply(P_256, 8), key_id=1)
    nameless = ChipAuthenticationPublicKeyInfo(public_key=base_multiply(P_256, 9), key_id=None)
    assert _reason(_set(KEY.encode(), other.encode())) == "SecurityInfos"
    assert _reason(_set(KEY.encode(), nameless.encode())) == "SecurityInfos"
    assert SecurityInfos.decode(_set(nameless.encode())).chip_authentication_keys == (nameless,)


@pytest.mark.parametrize("raw", [b"", b"\x31", b"\x30\x00", b"\x31\x00\x00", b"\x31\x80\x00\x00", b"\x31\x81\x00"])
def test_not_a_set(raw: bytes) -> None:
    _reason(raw)


def test_too_many_and_too_long() -> None:
    _reason(_set(*(_info("1.2.3", der.encode_integer(n)) for n in range(33))))
    _reason(_set(_info("1.2.3", tlv.encode(der.OCTET_STRING, bytes(8192)))))


@pytest.mark.parametrize(
    "fields",
    [
        (),
        (b"\x02\x01\x02", b"\x02\x01\x0c", b"\x02\x01\x0c"),
        (b"\x04\x01\x02",),
        (b"\x02\x00",),
        (b"\x02\x02\x00\x02",),
        (b"\x02\x01\xfe",),
        (b"\x02\x01\x02", b"\x02\x01\xff"),
        (b"\x02\x01\x02", b"\x02\x05\x00\x80\x00\x00\x00"),
        (b"\x02\x01\x02", b"\x04\x01\x0c"),
    ],
)
def test_malformed_pace_info(fields: tuple[bytes, ...]) -> None:
    _reason(_set(_info(PACE.oid, *fields)))


@pytest.mark.parametrize("version", [0, 1, 3])
def test_another_version_is_another_protocol(version: int) -> None:
    raw = _set(_info(PACE.oid, der.encode_integer(version), der.encode_integer(12)))
    infos = SecurityInfos.decode(raw)
    assert infos.pace == ()
    assert infos.encode() == raw


@pytest.mark.parametrize("content", ["", "80", "8001", "0480017F", "04FF", "2A80", "04" * 65, "04" + "FF" * 16 + "7F"])
def test_malformed_object_identifiers(content: str) -> None:
    identifier = tlv.encode(der.OBJECT_IDENTIFIER, bytes.fromhex(content))
    assert _reason(_set(tlv.encode(der.SEQUENCE, identifier + b"\x05\x00"))) == "SecurityInfo/protocol"


@pytest.mark.parametrize("dotted", ["0.4.0.127.0.7.2.2.4.2.2", "2.999.1", "1.2.840.10045.3.1.7", "0.39", "2.0.0"])
def test_object_identifiers(dotted: str) -> None:
    assert der.oid_text(der.oid_content(dotted)) == dotted


@pytest.mark.parametrize("dotted", ["3.1", "0.40", "1.40.2"])
def test_not_object_identifiers(dotted: str) -> None:
    with pytest.raises(ValueError):
        der.oid_content(dotted)


@pytest.mark.parametrize(
    "raw", [b"\x6e\x00", b"\x6d\x02\x31\x00", b"\x6e\x04\x31\x00\x31\x00", b"\x6e\x02\x31\x00\x00"]
)
def test_dg14_holds_one_set(raw: bytes) -> None:
    with pytest.raises(DecodeError):
        dg14.decode(raw)


# --- public keys -----------------------------------------------------------------------------------------------


def _explicit(curve: Curve, **changes: bytes | None) -> bytes:
    """A SubjectPublicKeyInfo with explicit parameters, some of them changed or, with None, left out."""
    size = curve.size
    parts: dict[str, bytes | None] = {
        "version": der.encode_integer(1),
        "field": tlv.encode(der.SEQUENCE, der.encode_oid("1.2.840.10045.1.1") + der.encode_integer(curve.p)),
        "a": tlv.encode(der.OCTET_STRING, curve.a.to_bytes(size)),
        "b": tlv.encode(der.OCTET_STRING, curve.b.to_bytes(size)),
        "seed": None,
        "base": tlv.encode(der.OCTET_STRING, curve.generator.encode()),
        "order": der.encode_integer(curve.n),
        "cofactor": der.encode_integer(1),
        **changes,
    }
    parts["curve"] = tlv.encode(der.SEQUENCE, b"".join(parts.pop(name) or b"" for name in ("a", "b", "seed")))
    names = ("version", "field", "curve", "base", "order", "cofactor")
    parameters = tlv.encode(der.SEQUENCE, b"".join(parts[name] or b"" for name in names))
    algorithm = tlv.encode(der.SEQUENCE, der.encode_oid("1.2.840.10045.2.1") + parameters)
    point = base_multiply(curve, 7).encode()
    return tlv.encode(der.SEQUENCE, algorithm + tlv.encode(der.BIT_STRING, b"\0" + point))


@every_curve
def test_named_keys_agree_with_cryptography(curve: Curve) -> None:
    point = base_multiply(curve, 0xABCDEF)
    encoded = public_key_info.encode(point)
    theirs = load_der_public_key(encoded)
    assert isinstance(theirs, ec.EllipticCurvePublicKey)
    assert theirs.public_numbers() == ec.EllipticCurvePublicNumbers(point.x, point.y, curve.group)
    assert theirs.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) == encoded
    assert public_key_info.decode(tlv.parse(encoded)) == point


@every_curve
def test_explicit_parameters_of_a_known_curve(curve: Curve) -> None:
    seed = tlv.encode(der.BIT_STRING, bytes(21))
    variants: list[dict[str, bytes | None]] = [{}, {"seed": seed}, {"cofactor": None}]
    for changes in variants:
        assert public_key_info.decode(tlv.parse(_explicit(curve, **changes))) == base_multiply(curve, 7)


CHANGES: dict[str, dict[str, bytes | None]] = {
    # CVE-2020-0601: a generator of the attacker's choice makes the known public key that of a known private key.
    "generator": {"base": tlv.encode(der.OCTET_STRING, base_multiply(P_256, 7).encode())},
    "compressed generator": {"base": tlv.encode(der.OCTET_STRING, b"\x03" + P_256.generator.encode()[1:33])},
    "a": {"a": tlv.encode(der.OCTET_STRING, bytes(32))},
    "a without its zeros": {"a": tlv.encode(der.OCTET_STRING, P_256.a.to_bytes(33))},
    "b": {"b": tlv.encode(der.OCTET_STRING, bytes(31) + b"\x07")},
    "order": {"order": der.encode_integer(P_256.n - 1)},
    "order not minimal": {"order": b"\x02\x22\x00\x00" + P_256.n.to_bytes(32)},
    "order negative": {"order": tlv.encode(der.INTEGER, P_256.n.to_bytes(32))},
    "field": {"field": tlv.encode(der.SEQUENCE, der.encode_oid("1.2.840.10045.1.1") + der.encode_integer(P_384.p))},
    "binary field": {"field": tlv.encode(der.SEQUENCE, der.encode_oid("1.2.840.10045.1.2") + der.encode_integer(1))},
    "cofactor": {"cofactor": der.encode_integer(2)},
    "version": {"version": der.encode_integer(2)},
    "long seed": {"seed": tlv.encode(der.BIT_STRING, bytes(70))},
    "odd seed": {"seed": b"\x03\x02\x01\x00"},
    "no order": {"order": None, "cofactor": None},
    "base of another type": {"base": tlv.encode(der.BIT_STRING, P_256.generator.encode())},
}


@pytest.mark.parametrize("name", CHANGES)
def test_explicit_parameters_of_no_known_curve(name: str) -> None:
    with pytest.raises(DecodeError) as caught:
        public_key_info.decode(tlv.parse(_explicit(P_256, **CHANGES[name])))
    assert caught.value.path.startswith("SubjectPublicKeyInfo/specifiedCurve")


@pytest.mark.parametrize("case", ["algorithm", "curve", "point", "off the curve", "unused bits", "empty bits"])
def test_other_public_keys(case: str) -> None:
    good = public_key_info.encode(base_multiply(P_256, 7))
    point = base_multiply(P_256, 7).encode()
    bad = {
        "algorithm": good.replace(der.oid_content("1.2.840.10045.2.1"), der.oid_content("1.2.840.10045.2.2")),
        "curve": good.replace(der.oid_content(P_256.oid), der.oid_content("1.2.840.10045.3.1.1")),
        "point": good.replace(point, b"\x06" + point[1:]),
        "off the curve": good[:-1] + bytes((good[-1] ^ 1,)),
        "unused bits": good.replace(b"\x03\x42\x00\x04", b"\x03\x42\x01\x04"),
        "empty bits": tlv.encode(der.SEQUENCE, good[2:23] + b"\x03\x00"),
    }[case]
    assert bad != good
    with pytest.raises(DecodeError):
        public_key_info.decode(tlv.parse(bad))
    with pytest.raises(DecodeError):
        SecurityInfos.decode(_set(_info(Oid.ID_PK_ECDH, bad)))
