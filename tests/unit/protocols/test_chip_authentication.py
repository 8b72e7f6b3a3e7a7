"""Chip Authentication v1: both sides against each other, replay, clones, and hostile keys."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from card_profiles.errors import CardFault, CardMisbehaved, Misuse
from card_profiles.iso7816.apdu import CommandApdu, ResponseApdu
from card_profiles.iso7816.exchange import run
from card_profiles.iso7816.secure_messaging import SecureMessaging
from card_profiles.iso7816.status import Refused
from card_profiles.protocols import authentication_data, chip_authentication
from card_profiles.protocols.chip_authentication import CardChipAuthentication, ChipAuthenticationResult
from card_profiles.protocols.points import (
    BRAINPOOL_P256R1,
    BY_OID,
    P_256,
    P_384,
    Curve,
    IdentityEncoded,
    NotOnCurve,
    add,
    base_multiply,
)
from card_profiles.protocols.security_infos import (
    ChipAuthenticationInfo,
    ChipAuthenticationPublicKeyInfo,
    Oid,
    SecurityInfos,
)
from keys.errors import DecodeError

AES_128 = Oid.ID_CA_ECDH_AES_CBC_CMAC_128
TRIPLE_DES = Oid.ID_CA_ECDH_3DES_CBC_CBC
MECHANISMS = (TRIPLE_DES, AES_128, Oid.ID_CA_ECDH_AES_CBC_CMAC_192, Oid.ID_CA_ECDH_AES_CBC_CMAC_256)
STATIC = 0x1234_5678_9ABC_DEF0


def _key(curve: Curve = P_256, scalar: int = STATIC) -> tuple[ec.EllipticCurvePrivateKey, bytes]:
    return ec.derive_private_key(scalar, curve.group), base_multiply(curve, scalar).encode()


def _source(seed: int) -> Callable[[int], bytes]:
    return random.Random(seed).randbytes


def _authenticate(
    card: CardChipAuthentication, point: bytes, *, oid: Oid = AES_128, key_id: int | None = 1, curve: Curve = P_256
) -> ChipAuthenticationResult:
    exchange = chip_authentication.terminal(point, oid=oid, key_id=key_id, random=_source(1), curve=curve)
    return run(exchange, card.handle)


def _answer(card: CardChipAuthentication, command: CommandApdu) -> ResponseApdu:
    session = card.secure_messaging
    assert session is not None
    assert session.unwrap_command(command) == CommandApdu(ins=0xB0, ne=3)
    return session.wrap_response(ResponseApdu(data=b"abc", sw=0x9000))


READ = CommandApdu(ins=0xB0, ne=3)


@pytest.mark.parametrize("curve", [P_256, BRAINPOOL_P256R1, P_384], ids=lambda curve: curve.name)
@pytest.mark.parametrize("oid", MECHANISMS)
@pytest.mark.parametrize("key_id", [None, 0, 1, 0x1234])
def test_both_sides_agree_and_replay_agrees_with_them(oid: Oid, key_id: int | None, curve: Curve) -> None:
    private, point = _key(curve)
    card = CardChipAuthentication(private, key_id=key_id, oids=(oid,))
    result = _authenticate(card, point, oid=oid, key_id=key_id, curve=curve)
    recorded = _answer(card, result.secure_messaging.wrap(READ))
    assert result.secure_messaging.unwrap(recorded).data == b"abc"

    assert len(result.ephemeral_private) == curve.size
    again = chip_authentication.replay(result.ephemeral_private, point, oid=oid, curve=curve)
    again.wrap(READ)
    assert again.unwrap(recorded).data == b"abc"


@settings(max_examples=30, deadline=None)
@given(static=st.integers(1, P_256.n - 1), source=st.integers().map(_source))
def test_any_keys_agree(static: int, source: Callable[[int], bytes]) -> None:
    private, point = _key(scalar=static)
    card = CardChipAuthentication(private, key_id=1)
    result = run(chip_authentication.terminal(point, key_id=1, random=source), card.handle)
    assert result.secure_messaging.unwrap(_answer(card, result.secure_messaging.wrap(READ))).data == b"abc"


def test_leading_zero_bytes_of_the_shared_secret() -> None:
    private, point = _key()
    base = base_multiply(P_256, STATIC)
    scalar, product = 2, add(base, base)
    while product and product.x >> 248:
        scalar, product = scalar + 1, add(product, base)
    card = CardChipAuthentication(private, key_id=1)
    exchange = chip_authentication.terminal(point, key_id=1, random=scalar.to_bytes)
    result = run(exchange, card.handle)
    assert result.ephemeral_private == scalar.to_bytes(32)
    assert result.secure_messaging.unwrap(_answer(card, result.secure_messaging.wrap(READ))).data == b"abc"


def _refused(session: SecureMessaging, card: CardChipAuthentication) -> None:
    """Neither side believes the other; the counters are in step, so that only the keys can be to blame."""
    theirs = card.secure_messaging
    assert theirs is not None
    with pytest.raises(Refused):
        theirs.unwrap_command(session.wrap(READ))
    answer = theirs.wrap_response(ResponseApdu(data=b"abc", sw=0x9000))
    with pytest.raises(CardMisbehaved) as caught:
        session.unwrap(answer)
    assert caught.value.fault is CardFault.BAD_MAC


def test_a_clone_with_another_key_cannot_go_on() -> None:
    clone, _ = _key(scalar=STATIC + 1)
    card = CardChipAuthentication(clone, key_id=1)
    result = _authenticate(card, _key()[1])
    _refused(result.secure_messaging, card)


def test_replay_of_another_run_or_key_does_not_fit() -> None:
    private, point = _key()
    card = CardChipAuthentication(private, key_id=1)
    result = _authenticate(card, point)
    _refused(chip_authentication.replay((5).to_bytes(32), point), card)
    card = CardChipAuthentication(private, key_id=1)
    result = _authenticate(card, point)
    _refused(chip_authentication.replay(result.ephemeral_private, _key(scalar=77)[1]), card)


def test_results_show_no_secret() -> None:
    private, point = _key()
    result = _authenticate(CardChipAuthentication(private, key_id=1), point)
    assert result.ephemeral_private.hex() not in repr(result)
    assert repr(result.ephemeral_private) not in repr(result)


# --- a hostile card --------------------------------------------------------------------------------------------

GOOD = base_multiply(P_256, 5).encode()
POINTS: dict[str, tuple[bytes, CardFault, type[DecodeError]]] = {
    "off the curve": (GOOD[:-1] + bytes((GOOD[-1] ^ 1,)), CardFault.NOT_ON_CURVE, NotOnCurve),
    "another curve": (BRAINPOOL_P256R1.generator.encode(), CardFault.NOT_ON_CURVE, NotOnCurve),
    "identity": (b"\0", CardFault.WEAK_PARAMETERS, IdentityEncoded),
    "compressed": (b"\x02" + GOOD[1:33], CardFault.MALFORMED_RESPONSE, DecodeError),
    "empty": (b"", CardFault.MALFORMED_RESPONSE, DecodeError),
}


@pytest.mark.parametrize("name", POINTS)
def test_keys_that_are_none(name: str) -> None:
    point, fault, error = POINTS[name]
    with pytest.raises(CardMisbehaved) as caught:
        next(chip_authentication.terminal(point, key_id=1, random=_source(1)))
    assert caught.value.fault is fault
    with pytest.raises(error):
        chip_authentication.replay((5).to_bytes(32), point)


@pytest.mark.parametrize("private", [b"", bytes(32), bytes(31), bytes(32) + b"\x05", P_256.n.to_bytes(32), b"\x05"])
def test_replay_needs_a_private_key(private: bytes) -> None:
    with pytest.raises(DecodeError):
        chip_authentication.replay(private, GOOD)


@pytest.mark.parametrize("step", [0, 1])
@pytest.mark.parametrize(
    ("response", "fault"),
    [
        (ResponseApdu(sw=0x6A88), CardFault.STATUS_WORD),
        (ResponseApdu(sw=0x6300), CardFault.STATUS_WORD),
        (ResponseApdu(data=b"\x7c\x02\x81\x00", sw=0x9000), CardFault.MALFORMED_RESPONSE),
        (ResponseApdu(data=b"\x00", sw=0x9000), CardFault.MALFORMED_RESPONSE),
    ],
)
def test_bad_answers(step: int, response: ResponseApdu, fault: CardFault) -> None:
    private, point = _key()
    card = CardChipAuthentication(private, key_id=1)
    answers = [card.handle, card.handle]
    answers[step] = lambda command: response

    def send(command: CommandApdu) -> ResponseApdu:
        return answers.pop(0)(command)

    with pytest.raises(CardMisbehaved) as caught:
        run(chip_authentication.terminal(point, key_id=1, random=_source(1)), send)
    assert caught.value.fault is fault
    assert caught.value.sw == response.sw


def test_an_empty_answer_will_do() -> None:
    """9303-11 leaves open whether the empty template is there."""
    exchange = chip_authentication.terminal(GOOD, key_id=1, random=_source(1))
    assert run(exchange, lambda command: ResponseApdu(sw=0x9000)).ephemeral_private


@pytest.mark.parametrize("oid", [Oid.ID_CA_DH_AES_CBC_CMAC_128, Oid.ID_PACE_ECDH_GM_AES_CBC_CMAC_128])
def test_mechanisms_that_we_do_not_run(oid: Oid) -> None:
    with pytest.raises(Misuse):
        next(chip_authentication.terminal(GOOD, oid=oid, key_id=1, random=_source(1)))
    with pytest.raises(Misuse):
        chip_authentication.replay((5).to_bytes(32), GOOD, oid=oid)
    with pytest.raises(Misuse):
        CardChipAuthentication(_key()[0], key_id=1, oids=(oid,))


# --- a hostile terminal ----------------------------------------------------------------------------------------

OID = bytes.fromhex("800A04007F00070202030202")


def _mse(data: bytes, *, p1: int = 0x41, p2: int = 0xA4, cla: int = 0) -> CommandApdu:
    return CommandApdu(cla=cla, ins=0x22, p1=p1, p2=p2, data=data)


def _general(value: bytes, *, tag: int = 0x80, cla: int = 0, p1: int = 0) -> CommandApdu:
    return CommandApdu(cla=cla, ins=0x86, p1=p1, data=authentication_data.encode(tag, value), ne=256)


@pytest.mark.parametrize(
    ("command", "sw"),
    [
        (_mse(OID + b"\x84\x01\x02"), 0x6A88),
        (_mse(OID + b"\x84\x02\x00\x01"), 0x6A88),
        (_mse(OID + b"\x84\x00"), 0x6A88),
        (_mse(OID[:-1] + b"\x03"), 0x6A80),
        (_mse(OID[:-1] + b"\x01"), 0x6A80),
        (_mse(b"\x84\x01\x01" + OID), 0x6A80),
        (_mse(OID + OID), 0x6A80),
        (_mse(OID + b"\x84\x01\x01\x84\x01\x01"), 0x6A80),
        (_mse(b""), 0x6A80),
        (_mse(OID[:-1]), 0x6A80),
        (_mse(OID, p1=0xC1), 0x6A86),
        (_mse(OID, p2=0xB6), 0x6A86),
        (_mse(b"\x91\x41" + GOOD, p2=0xA6), 0x6A86),  # no downgrade to 3DES
        (_mse(OID, cla=0x10), 0x6E00),
        (_general(GOOD), 0x6985),
        (CommandApdu(ins=0xB0, ne=1), 0x6D00),
    ],
)
def test_the_card_refuses(command: CommandApdu, sw: int) -> None:
    card = CardChipAuthentication(_key()[0], key_id=1)
    assert card.handle(command) == ResponseApdu(sw=sw)
    assert card.secure_messaging is None
    assert not card.in_progress
    assert card.handle(_general(GOOD)) == ResponseApdu(sw=0x6985)


@pytest.mark.parametrize("name", POINTS)
def test_the_card_refuses_bad_keys(name: str) -> None:
    """An invalid-curve attack would read the static key out of the card."""
    card = CardChipAuthentication(_key()[0], key_id=1, oids=(AES_128, TRIPLE_DES))
    assert card.handle(_mse(OID + b"\x84\x01\x01")).ok
    assert card.handle(_general(POINTS[name][0])) == ResponseApdu(sw=0x6A80)
    assert card.secure_messaging is None
    point = POINTS[name][0]
    assert card.handle(_mse(b"\x91" + bytes((len(point),)) + point, p2=0xA6)) == ResponseApdu(sw=0x6A80)
    assert card.secure_messaging is None


@pytest.mark.parametrize("command", [_general(GOOD, tag=0x81), _general(GOOD, cla=0x10), _general(GOOD, p1=1)])
def test_an_error_ends_the_selection(command: CommandApdu) -> None:
    card = CardChipAuthentication(_key()[0], key_id=1)
    assert card.handle(_mse(OID)).ok
    assert card.in_progress
    assert not card.handle(command).ok
    assert card.handle(_general(GOOD)) == ResponseApdu(sw=0x6985)


def test_one_selection_serves_once() -> None:
    card = CardChipAuthentication(_key()[0], key_id=1)
    assert card.handle(_mse(OID)).ok
    assert card.handle(_general(GOOD)).ok
    assert card.handle(_general(GOOD)).sw == 0x6985


# --- choice ----------------------------------------------------------------------------------------------------


def _public(key_id: int | None, scalar: int = 7) -> ChipAuthenticationPublicKeyInfo:
    return ChipAuthenticationPublicKeyInfo(public_key=base_multiply(P_256, scalar), key_id=key_id)


def _info(oid: Oid, key_id: int | None = None) -> ChipAuthenticationInfo:
    return ChipAuthenticationInfo(oid=oid, key_id=key_id)


def test_aes_goes_before_3des_and_the_key_ids_match() -> None:
    infos = SecurityInfos.of(
        _info(TRIPLE_DES, 1), _info(MECHANISMS[3], 1), _info(AES_128, 2), _public(1), _public(2, scalar=8)
    )
    choice = chip_authentication.choose(infos)
    assert (choice.oid, choice.key_id, choice.public_key) == (AES_128, 2, base_multiply(P_256, 8))


def test_no_info_means_3des() -> None:
    for key_id in (None, 3):
        choice = chip_authentication.choose(SecurityInfos.of(_public(key_id)))
        assert (choice.oid, choice.key_id) == (TRIPLE_DES, key_id)


@pytest.mark.parametrize(("info", "key"), [(None, 1), (1, None)])
def test_a_lone_key_may_leave_its_id_out(info: int | None, key: int | None) -> None:
    choice = chip_authentication.choose(SecurityInfos.of(_info(AES_128, info), _public(key)))
    assert (choice.oid, choice.key_id) == (AES_128, info)


@pytest.mark.parametrize(
    "infos",
    [
        SecurityInfos.of(),
        SecurityInfos.of(_info(AES_128)),
        SecurityInfos.of(_info(AES_128, 1), _public(2)),
        SecurityInfos.of(_info(Oid.ID_CA_DH_AES_CBC_CMAC_128, 1), _public(1)),
    ],
)
def test_nothing_to_choose(infos: SecurityInfos) -> None:
    with pytest.raises(CardMisbehaved) as caught:
        chip_authentication.choose(infos)
    assert caught.value.fault is CardFault.UNKNOWN_CARD


def test_every_curve_has_a_card() -> None:
    for curve in BY_OID.values():
        private, point = _key(curve)
        card = CardChipAuthentication(private, key_id=1)
        result = _authenticate(card, point, curve=curve)
        assert result.secure_messaging.unwrap(_answer(card, result.secure_messaging.wrap(READ))).data == b"abc"
