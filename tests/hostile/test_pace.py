"""A hostile card against the terminal's PACE, and a hostile terminal against the card's."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from card_profiles.errors import CardFault, CardMisbehaved, Misuse
from card_profiles.iso7816.apdu import CommandApdu, ResponseApdu
from card_profiles.iso7816.exchange import run
from card_profiles.protocols import authentication_data, pace
from card_profiles.protocols.pace import CardPace, Password, PasswordKind
from card_profiles.protocols.points import BRAINPOOL_P256R1, P_256, Point, base_multiply
from card_profiles.protocols.security_infos import Oid, OpaqueSecurityInfo, PaceInfo, SecurityInfos

INFO = PaceInfo(oid=Oid.ID_PACE_ECDH_GM_AES_CBC_CMAC_128, parameter_id=12)
CAN = Password.from_can("123456")
OID = bytes.fromhex("04007F00070202040202")

MSE, NONCE, MAPPING, AGREEMENT, TOKEN = range(5)
Answer = Callable[[CommandApdu, ResponseApdu], ResponseApdu]


def _source(seed: int) -> Callable[[int], bytes]:
    return random.Random(seed).randbytes


def _honest(*infos: PaceInfo) -> CardPace:
    return CardPace(infos or [INFO], {PasswordKind.CAN: CAN}, _source(2))


def _attack(
    step: int, answer: Answer, *, card: CardPace | None = None, sent: list[int] | None = None
) -> CardMisbehaved:
    """Run the terminal against a card that is honest but for one answer; the error it ends with."""
    card = card or _honest()
    steps = iter(range(5))

    def send(command: CommandApdu) -> ResponseApdu:
        now = next(steps)
        if sent is not None:
            sent.append(now)
        response = card.handle(command)
        return answer(command, response) if now == step else response

    with pytest.raises(CardMisbehaved) as caught:
        run(pace.terminal(INFO, CAN, _source(1)), send)
    return caught.value


def _data(data: bytes) -> Answer:
    return lambda command, response: ResponseApdu(data=data, sw=0x9000)


def _template(tag: int, value: bytes) -> Answer:
    return _data(authentication_data.encode(tag, value))


# --- points ----------------------------------------------------------------------------------------------------

P256_G = P_256.generator.encode()
OFF_CURVE = P256_G[:-1] + bytes((P256_G[-1] ^ 1,))
# x = 5 is on the curve, and x + p still fits 32 bytes: the same point in a second encoding.
FIVE_Y = pow(5**3 + 5 * P_256.a + P_256.b, (P_256.p + 1) // 4, P_256.p)
NOT_REDUCED = b"\x04" + (5 + P_256.p).to_bytes(32) + FIVE_Y.to_bytes(32)
HIGH_Y = b"\x04" + P256_G[1:33] + b"\xff" * 32

POINTS = {
    "off the curve": (OFF_CURVE, CardFault.NOT_ON_CURVE),
    "x not reduced": (NOT_REDUCED, CardFault.NOT_ON_CURVE),
    "y beyond the field": (HIGH_Y, CardFault.NOT_ON_CURVE),
    "zero coordinates": (b"\x04" + bytes(64), CardFault.NOT_ON_CURVE),
    "another curve": (BRAINPOOL_P256R1.generator.encode(), CardFault.NOT_ON_CURVE),
    "identity": (b"\x00", CardFault.WEAK_PARAMETERS),
    "compressed": (b"\x02" + P256_G[1:33], CardFault.MALFORMED_RESPONSE),
    "hybrid": (b"\x06" + P256_G[1:], CardFault.MALFORMED_RESPONSE),
    "x alone": (P256_G[:33], CardFault.MALFORMED_RESPONSE),
    "stripped of a zero": (P256_G[:33] + P256_G[34:], CardFault.MALFORMED_RESPONSE),
    "longer": (P256_G + b"\0", CardFault.MALFORMED_RESPONSE),
    "empty": (b"", CardFault.MALFORMED_RESPONSE),
}


def test_the_unreduced_point_would_be_on_the_curve() -> None:
    assert Point(curve=P_256, x=5, y=FIVE_Y)


@pytest.mark.parametrize("name", POINTS)
@pytest.mark.parametrize(("step", "tag"), [(MAPPING, 0x82), (AGREEMENT, 0x84)])
def test_bad_public_keys_end_the_run_at_once(step: int, tag: int, name: str) -> None:
    point, fault = POINTS[name]
    sent: list[int] = []
    assert _attack(step, _template(tag, point), sent=sent).fault is fault
    assert sent[-1] == step


@pytest.mark.parametrize(("step", "tag"), [(MAPPING, 0x81), (AGREEMENT, 0x83)])
def test_our_own_key_sent_back(step: int, tag: int) -> None:
    def reflect(command: CommandApdu, response: ResponseApdu) -> ResponseApdu:
        return ResponseApdu(
            data=authentication_data.encode(tag + 1, authentication_data.decode(command.data, tag)), sw=0x9000
        )

    assert _attack(step, reflect).fault is CardFault.WEAK_PARAMETERS


def test_a_mapped_generator_that_is_the_identity() -> None:
    """With the terminal's scalar known, a card that picks its key so that H = -sG: then every key would be zero."""
    nonce, ours = 0x0123456789ABCDEF << 40, int.from_bytes(_source(1)(32))
    key = base_multiply(P_256, -nonce * pow(ours, -1, P_256.n) % P_256.n)
    first = True

    def draws(size: int) -> bytes:
        nonlocal first
        first, was = False, first
        return nonce.to_bytes(16) if was else _source(3)(size)

    card = CardPace([INFO], {PasswordKind.CAN: CAN}, draws)
    error = _attack(MAPPING, _template(0x82, key.encode()), card=card)
    assert error.fault is CardFault.WEAK_PARAMETERS


# --- tokens and passwords --------------------------------------------------------------------------------------


def test_our_own_token_sent_back() -> None:
    def reflect(command: CommandApdu, response: ResponseApdu) -> ResponseApdu:
        return ResponseApdu(
            data=authentication_data.encode(0x86, authentication_data.decode(command.data, 0x85)), sw=0x9000
        )

    assert _attack(TOKEN, reflect).fault is CardFault.BAD_CRYPTOGRAM


@pytest.mark.parametrize("token", [b"", b"\0", bytes(7), bytes(8), bytes(9), bytes(16)], ids=len)
def test_a_card_that_says_9000_without_knowing_the_password(token: bytes) -> None:
    ignorant = CardPace([INFO], {PasswordKind.CAN: Password.from_can("999999")}, _source(2))
    error = _attack(TOKEN, _template(0x86, token), card=ignorant)
    assert error.fault is CardFault.BAD_CRYPTOGRAM


def test_a_truncated_token_is_no_token() -> None:
    def cut(command: CommandApdu, response: ResponseApdu) -> ResponseApdu:
        token = authentication_data.decode(response.data, 0x86)
        return ResponseApdu(data=authentication_data.encode(0x86, token[:4]), sw=0x9000)

    assert _attack(TOKEN, cut).fault is CardFault.BAD_CRYPTOGRAM


@pytest.mark.parametrize("sw", [0x6300, 0x63C0, 0x63C2, 0x6982, 0x6988])
def test_refused_tokens_mean_a_wrong_password(sw: int) -> None:
    error = _attack(TOKEN, lambda command, response: ResponseApdu(sw=sw))
    assert (error.fault, error.sw) == (CardFault.WRONG_PASSWORD, sw)


@pytest.mark.parametrize("step", [MSE, NONCE, MAPPING, AGREEMENT])
@pytest.mark.parametrize("sw", [0x6300, 0x6982, 0x6A80, 0x6A88, 0x6F00, 0x6282])
def test_other_refusals_carry_their_status_word(step: int, sw: int) -> None:
    error = _attack(step, lambda command, response: ResponseApdu(data=response.data, sw=sw))
    assert (error.fault, error.sw) == (CardFault.STATUS_WORD, sw)


# --- form ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 8, 15, 17, 24, 48, 64])
def test_nonces_of_impossible_length(size: int) -> None:
    assert _attack(NONCE, _template(0x80, bytes(size))).fault is CardFault.MALFORMED_RESPONSE


@pytest.mark.parametrize("step", [NONCE, MAPPING, AGREEMENT, TOKEN])
@pytest.mark.parametrize(
    "data", ["", "7C", "7C00", "7C80", "7C028000", "7C0180", "7D020000", "7C04870087FF", "FF" * 40]
)
def test_templates_of_another_form(step: int, data: str) -> None:
    assert _attack(step, _data(bytes.fromhex(data))).fault in {
        CardFault.MALFORMED_RESPONSE,
        CardFault.BAD_CRYPTOGRAM,
    }


@pytest.mark.parametrize("step", [NONCE, MAPPING, AGREEMENT, TOKEN])
@pytest.mark.parametrize("change", ["trailing byte", "twice", "more inside", "long length"])
def test_additions_to_the_right_template(step: int, change: str) -> None:
    def alter(command: CommandApdu, response: ResponseApdu) -> ResponseApdu:
        data = response.data
        size = len(data) - 2
        changed = {
            "trailing byte": data + b"\0",
            "twice": data * 2,
            "more inside": b"\x7c" + bytes((size + 2,)) + data[2:] + b"\x87\x00",
            "long length": b"\x7c\x81" + bytes((size,)) + data[2:],
        }[change]
        return ResponseApdu(data=changed, sw=0x9000)

    assert _attack(step, alter).fault is CardFault.MALFORMED_RESPONSE


def test_data_in_answer_to_mse() -> None:
    assert _attack(MSE, _data(b"\x80\x00")).fault is CardFault.MALFORMED_RESPONSE


@settings(max_examples=150, deadline=None)
@given(step=st.integers(0, 4), data=st.binary(max_size=90), sw=st.integers(0x6100, 0x6FFF) | st.just(0x9000))
def test_no_answer_whatever_goes_through_or_breaks_out(step: int, data: bytes, sw: int) -> None:
    if (step, data, sw) != (MSE, b"", 0x9000):
        _attack(step, lambda command, response: ResponseApdu(data=data, sw=sw))


# --- what EF.CardAccess offers ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "infos",
    [
        (),
        (PaceInfo(oid=Oid.ID_PACE_ECDH_IM_AES_CBC_CMAC_128, parameter_id=12),),
        (PaceInfo(oid=Oid.ID_PACE_ECDH_GM_3DES_CBC_CBC, parameter_id=12),),
        (PaceInfo(oid=Oid.ID_PACE_ECDH_GM_AES_CBC_CMAC_128, parameter_id=None),),
        (PaceInfo(oid=Oid.ID_PACE_ECDH_GM_AES_CBC_CMAC_128, parameter_id=0),),
        (PaceInfo(oid=Oid.ID_PACE_ECDH_GM_AES_CBC_CMAC_128, parameter_id=8),),  # P-192: too weak
        (OpaqueSecurityInfo(oid="1.2.3", raw=bytes.fromhex("300706022A0302010A")),),
    ],
)
def test_nothing_that_we_run(infos: tuple[PaceInfo, ...]) -> None:
    with pytest.raises(CardMisbehaved) as caught:
        pace.choose(SecurityInfos.of(*infos))
    assert caught.value.fault is CardFault.UNKNOWN_CARD
    for info in infos:
        if isinstance(info, PaceInfo):
            with pytest.raises(Misuse):
                next(pace.terminal(info, CAN, _source(1)))
            with pytest.raises(Misuse):
                CardPace([info], {}, _source(1))


def test_the_choice_does_not_depend_on_the_order() -> None:
    offers = [
        PaceInfo(oid=oid, parameter_id=parameter)
        for oid in (Oid.ID_PACE_ECDH_GM_AES_CBC_CMAC_256, Oid.ID_PACE_ECDH_GM_AES_CBC_CMAC_128)
        for parameter in (13, 12, 99)
    ]
    assert pace.choose(SecurityInfos.of(*offers)) == INFO
    assert pace.choose(SecurityInfos.of(*reversed(offers))) == INFO


# --- a hostile terminal ----------------------------------------------------------------------------------------


def _mse(*, oid: bytes = OID, password: bytes = b"\x02", parameter: bytes | None = b"\x0c", more: bytes = b"") -> bytes:
    data = b"\x80" + bytes((len(oid),)) + oid + b"\x83" + bytes((len(password),)) + password
    return data + (b"\x84" + bytes((len(parameter),)) + parameter if parameter is not None else b"") + more


def _set_at(data: bytes, *, cla: int = 0, p1: int = 0xC1, p2: int = 0xA4) -> CommandApdu:
    return CommandApdu(cla=cla, ins=0x22, p1=p1, p2=p2, data=data)


def _authenticate(tag: int | None = None, value: bytes = b"", *, last: bool = False, p1: int = 0) -> CommandApdu:
    data = authentication_data.encode(tag, value)
    return CommandApdu(cla=0 if last else 0x10, ins=0x86, p1=p1, data=data, ne=256)


def _reach(card: CardPace, step: int) -> None:
    """Bring an honest run to where `step` comes next."""
    commands = [
        _set_at(_mse()),
        _authenticate(),
        _authenticate(0x81, base_multiply(P_256, 5).encode()),
        _authenticate(0x83, base_multiply(P_256, 6).encode()),
    ]
    for command in commands[:step]:
        assert card.handle(command).ok


@pytest.mark.parametrize(
    ("command", "sw"),
    [
        (_set_at(_mse(oid=OID[:-1] + b"\x04")), 0x6A80),
        (_set_at(_mse(oid=b"")), 0x6A80),
        (_set_at(_mse(password=b"\x01")), 0x6A88),
        (_set_at(_mse(password=b"\x03")), 0x6A88),
        (_set_at(_mse(password=b"\x00\x02")), 0x6A88),
        (_set_at(_mse(parameter=b"\x0d")), 0x6A88),
        (_set_at(_mse(parameter=b"")), 0x6A88),
        (_set_at(_mse(parameter=b"\x00\x0c")), 0x6A88),
        (_set_at(_mse(more=b"\x84\x01\x0c")), 0x6A80),
        (_set_at(_mse(more=b"\x7f\x4c\x00")), 0x6A80),
        (_set_at(_mse()[:-1]), 0x6A80),
        (_set_at(b""), 0x6A80),
        (_set_at(_mse(), p1=0x41), 0x6A86),
        (_set_at(_mse(), p2=0xB6), 0x6A86),
        (_set_at(_mse(), cla=0x10), 0x6E00),
        (CommandApdu(ins=0xB0, ne=1), 0x6D00),
    ],
)
def test_selections_that_the_card_refuses(command: CommandApdu, sw: int) -> None:
    card = _honest()
    assert card.handle(command) == ResponseApdu(sw=sw)
    assert not card.in_progress
    assert card.handle(_authenticate()) == ResponseApdu(sw=0x6985)


def test_without_a_parameter_there_must_be_no_choice() -> None:
    assert _honest().handle(_set_at(_mse(parameter=None))).ok
    two = _honest(INFO, PaceInfo(oid=INFO.oid, parameter_id=13))
    assert two.handle(_set_at(_mse(parameter=None))).sw == 0x6A88
    assert two.handle(_set_at(_mse(parameter=b"\x0d"))).ok


@pytest.mark.parametrize("name", POINTS)
@pytest.mark.parametrize(("step", "tag"), [(MAPPING, 0x81), (AGREEMENT, 0x83)])
def test_the_card_refuses_bad_public_keys(step: int, tag: int, name: str) -> None:
    card = _honest()
    _reach(card, step)
    assert card.handle(_authenticate(tag, POINTS[name][0])) == ResponseApdu(sw=0x6A80)
    assert not card.in_progress


@pytest.mark.parametrize("step", [MAPPING, AGREEMENT])
def test_the_card_refuses_its_own_key(step: int) -> None:
    """A terminal that foresees the card's randomness: the keys would be equal, and the token could be reflected."""
    foreseen = _honest()
    _reach(foreseen, step)
    answer = foreseen.handle(_authenticate(0x7F + 2 * step - 2, base_multiply(P_256, 7).encode()))
    assert answer.ok
    card = _honest()
    _reach(card, step)
    own = authentication_data.decode(answer.data, 0x80 + 2 * step - 2)
    assert card.handle(_authenticate(0x7F + 2 * step - 2, own)) == ResponseApdu(sw=0x6A80)


@pytest.mark.parametrize("token", [b"", bytes(7), bytes(8), bytes(9)], ids=len)
def test_a_wrong_token_gets_no_token(token: bytes) -> None:
    card = _honest()
    _reach(card, TOKEN)
    assert card.handle(_authenticate(0x85, token, last=True)) == ResponseApdu(sw=0x6300)
    assert card.secure_messaging is None
    assert card.password_kind is None
    assert card.handle(_authenticate(0x85, token, last=True)) == ResponseApdu(sw=0x6985)


@pytest.mark.parametrize("step", [NONCE, MAPPING, AGREEMENT, TOKEN])
@pytest.mark.parametrize("wrong", range(4))
def test_steps_out_of_order_end_the_run(step: int, wrong: int) -> None:
    if wrong == step - 1:
        return
    card = _honest()
    _reach(card, step)
    tag = (None, 0x81, 0x83, 0x85)[wrong]
    value = b"" if tag is None else bytes(8) if tag == 0x85 else P256_G
    assert not card.handle(_authenticate(tag, value, last=step == TOKEN)).ok
    assert not card.in_progress


@pytest.mark.parametrize("step", [NONCE, MAPPING, AGREEMENT, TOKEN])
def test_the_chaining_bit_must_be_right(step: int) -> None:
    card = _honest()
    _reach(card, step)
    command = _authenticate((None, 0x81, 0x83, 0x85)[step - 1], P256_G, last=step != TOKEN)
    assert card.handle(command).sw == (0x6883 if step == TOKEN else 0x6E00)
    assert not card.in_progress


def test_parameters_of_general_authenticate() -> None:
    card = _honest()
    _reach(card, NONCE)
    assert card.handle(_authenticate(p1=1)).sw == 0x6A86
    assert not card.in_progress


def test_each_run_has_a_nonce_of_its_own() -> None:
    """Or a terminal could try passwords against one nonce, and a recorded run could be repeated."""
    card = _honest()
    seen = set()
    for _ in range(5):
        assert card.handle(_set_at(_mse())).ok
        seen.add(card.handle(_authenticate()).data)
    assert len(seen) == 5


def test_a_new_selection_forgets_the_session() -> None:
    card = _honest()
    run(pace.terminal(INFO, CAN, _source(1)), card.handle)
    assert card.secure_messaging is not None
    assert card.handle(_set_at(_mse())).ok
    assert card.secure_messaging is None


commands = st.builds(
    CommandApdu,
    cla=st.sampled_from([0x00, 0x10, 0x0C]),
    ins=st.sampled_from([0x22, 0x86, 0xB0]),
    p1=st.sampled_from([0x00, 0xC1, 0x41]),
    p2=st.sampled_from([0x00, 0xA4, 0xA6]),
    data=st.binary(max_size=80)
    | st.sampled_from([_mse(), b"\x7c\x00", _authenticate(0x81, P256_G).data, _authenticate(0x83, P256_G).data])
    | st.binary(max_size=12).map(lambda token: authentication_data.encode(0x85, token)),
    ne=st.sampled_from([0, 256]),
)


@settings(max_examples=150, deadline=None)
@given(sequence=st.lists(commands, max_size=8))
def test_no_sequence_of_commands_opens_or_breaks_the_card(sequence: list[CommandApdu]) -> None:
    card = _honest()
    for command in sequence:
        response = card.handle(command)
        assert response.ok or not response.data
        assert card.secure_messaging is None
