"""PACE, ICAO Doc 9303-11 Appendix G.1 (ECDH, generic mapping, brainpoolP256r1, MRZ), both sides, byte for byte.

Source: the appendix as its worked example stands in the public test suites of gmrtd (pace/pace_test.go,
TestDoPace_GM_ECDH) and ZeroPass dmrtd (test/pace_test.dart); the two agree. The example's MSE:Set AT names no domain
parameters (84), ours always does, because chips with several sets demand it and the others take it.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from card_profiles.iso7816.apdu import CommandApdu, ResponseApdu
from card_profiles.iso7816.exchange import run
from card_profiles.iso7816.secure_messaging import SecureMessaging
from card_profiles.protocols import kdf, pace
from card_profiles.protocols.pace import CardPace, Password, PasswordKind
from card_profiles.protocols.points import BRAINPOOL_P256R1, Point, base_multiply, decode_point, multiply, shared_x
from card_profiles.protocols.security_infos import Oid, PaceInfo, SecurityInfos

CARD_ACCESS = bytes.fromhex("31143012060A04007F0007020204020202010202010D")
MRZ_INFORMATION = "T22000129364081251010318"
PASSWORD_SECRET = "7E2D2A41C74EA0B38CD36F863939BFA8E9032AAD"
PASSWORD_KEY = "89DED1B26624EC1E634C1989302849DD"
ENCRYPTED_NONCE = "95A3A016522EE98D01E76CB6B98B42C3"
NONCE = "3F00C4D39D153F2B2A214A078D899B22"
MAPPING_PRIVATE_IFD = "7F4EF07B9EA82FD78AD689B38D0BC78CF21F249D953BC46F4C6E19259C010F99"
MAPPING_PUBLIC_IFD = (
    "047ACF3EFC982EC45565A4B155129EFBC74650DCBFA6362D896FC70262E0C2CC5E"
    "544552DCB6725218799115B55C9BAA6D9F6BC3A9618E70C25AF71777A9C4922D"
)
MAPPING_PRIVATE_IC = "498FF49756F2DC1587840041839A85982BE7761D14715FB091EFA7BCE9058560"
MAPPING_PUBLIC_IC = (
    "04824FBA91C9CBE26BEF53A0EBE7342A3BF178CEA9F45DE0B70AA601651FBA3F57"
    "30D8C879AAA9C9F73991E61B58F4D52EB87A0A0C709A49DC63719363CCD13C54"
)
AGREED_POINT = (
    "0460332EF2450B5D247EF6D3868397D398852ED6E8CAF6FFEEF6BF85CA57057FD5"
    "0840CA7415BAF3E43BD414D35AA4608B93A2CAF3A4E3EA4E82C9C13D03EB7181"
)
MAPPED_GENERATOR = (
    "048CED63C91426D4F0EB1435E7CB1D74A46723A0AF21C89634F65A9AE87A9265E2"
    "8C879506743F8611AC33645C5B985C80B5F09A0B83407C1B6A4D857AE76FE522"
)
PRIVATE_IFD = "A73FB703AC1436A18E0CFA5ABB3F7BEC7A070E7A6788486BEE230C4A22762595"
PUBLIC_IFD = (
    "042DB7A64C0355044EC9DF190514C625CBA2CEA48754887122F3A5EF0D5EDD301C"
    "3556F3B3B186DF10B857B58F6A7EB80F20BA5DC7BE1D43D9BF850149FBB36462"
)
PRIVATE_IC = "107CF58696EF6155053340FD633392BA81909DF7B9706F226F32086C7AFF974A"
PUBLIC_IC = (
    "049E880F842905B8B3181F7AF7CAA9F0EFB743847F44A306D2D28C1D9EC65DF6DB"
    "7764B22277A2EDDC3C265A9F018F9CB852E111B768B326904B59A0193776F094"
)
SHARED_SECRET = "28768D20701247DAE81804C9E780EDE582A9996DB4A315020B2733197DB84925"
KS_ENC = "F5F0E35C0D7161EE6724EE513A0D9A7F"
KS_MAC = "FE251C7858B356B24514B3BD5F4297D1"
TOKEN_IFD = "C2B0BD78D94BA866"
TOKEN_IC = "3ABB9674BCE93C08"

SET_AT = "0022C1A412800A04007F00070202040202830101" + "84010D"
AUTHENTICATION = (
    ("10860000027C0000", f"7C128010{ENCRYPTED_NONCE}9000"),
    (f"10860000457C438141{MAPPING_PUBLIC_IFD}00", f"7C438241{MAPPING_PUBLIC_IC}9000"),
    (f"10860000457C438341{PUBLIC_IFD}00", f"7C438441{PUBLIC_IC}9000"),
    (f"008600000C7C0A8508{TOKEN_IFD}00", f"7C0A8608{TOKEN_IC}9000"),
)

INFO = PaceInfo(oid=Oid.ID_PACE_ECDH_GM_AES_CBC_CMAC_128, parameter_id=13)


def _point(text: str) -> Point:
    return decode_point(BRAINPOOL_P256R1, bytes.fromhex(text))


def _randomness(*draws: str) -> Callable[[int], bytes]:
    queue = [bytes.fromhex(draw) for draw in draws]

    def draw(size: int) -> bytes:
        assert len(queue[0]) == size
        return queue.pop(0)

    return draw


def _password() -> Password:
    return Password.from_mrz(MRZ_INFORMATION)


def test_ef_card_access() -> None:
    infos = SecurityInfos.decode(CARD_ACCESS)
    assert infos == SecurityInfos.of(INFO)
    assert pace.choose(infos) == INFO
    assert infos.encode() == CARD_ACCESS


def test_password_and_its_key() -> None:
    assert _password().secret.hex().upper() == PASSWORD_SECRET
    assert kdf.derive(_password().secret, kdf.PASSWORD, kdf.Cipher.AES_128).hex().upper() == PASSWORD_KEY


def test_generic_mapping() -> None:
    assert base_multiply(BRAINPOOL_P256R1, int(MAPPING_PRIVATE_IFD, 16)) == _point(MAPPING_PUBLIC_IFD)
    assert base_multiply(BRAINPOOL_P256R1, int(MAPPING_PRIVATE_IC, 16)) == _point(MAPPING_PUBLIC_IC)
    assert multiply(_point(MAPPING_PUBLIC_IC), int(MAPPING_PRIVATE_IFD, 16)) == _point(AGREED_POINT)
    assert multiply(_point(MAPPING_PUBLIC_IFD), int(MAPPING_PRIVATE_IC, 16)) == _point(AGREED_POINT)
    assert pace.map_generator(bytes.fromhex(NONCE), _point(AGREED_POINT)) == _point(MAPPED_GENERATOR)


def test_key_agreement() -> None:
    assert multiply(_point(MAPPED_GENERATOR), int(PRIVATE_IFD, 16)) == _point(PUBLIC_IFD)
    assert multiply(_point(MAPPED_GENERATOR), int(PRIVATE_IC, 16)) == _point(PUBLIC_IC)
    secret = shared_x(_point(PUBLIC_IC), int(PRIVATE_IFD, 16))
    assert secret.hex().upper() == SHARED_SECRET
    assert secret == shared_x(_point(PUBLIC_IFD), int(PRIVATE_IC, 16))
    assert kdf.derive(secret, kdf.ENCRYPTION, kdf.Cipher.AES_128).hex().upper() == KS_ENC
    assert kdf.derive(secret, kdf.MAC, kdf.Cipher.AES_128).hex().upper() == KS_MAC


@pytest.mark.parametrize(("public_key", "expected"), [(PUBLIC_IC, TOKEN_IFD), (PUBLIC_IFD, TOKEN_IC)])
def test_tokens(public_key: str, expected: str) -> None:
    assert pace.token(bytes.fromhex(KS_MAC), INFO.oid, _point(public_key)).hex().upper() == expected


def test_the_terminal_sends_the_example_and_ends_with_its_keys() -> None:
    script = [(SET_AT, "9000"), *AUTHENTICATION]

    def card(command: CommandApdu) -> ResponseApdu:
        expected, answer = script.pop(0)
        assert command.encode().hex().upper() == expected
        return ResponseApdu.parse(bytes.fromhex(answer))

    session = run(pace.terminal(INFO, _password(), _randomness(MAPPING_PRIVATE_IFD, PRIVATE_IFD)), card)
    assert not script
    assert session.ssc == bytes(16)
    by_the_book = SecureMessaging("AES", bytes.fromhex(KS_ENC), bytes.fromhex(KS_MAC))
    probe = CommandApdu(ins=0xA4, p1=0x02, p2=0x0C, data=b"\x01\x1e")
    assert session.wrap(probe) == by_the_book.wrap(probe)


@pytest.mark.parametrize("set_at", [SET_AT, "0022C1A40F800A04007F00070202040202830101"])
def test_the_card_answers_the_example(set_at: str) -> None:
    password = _password()
    card = CardPace([INFO], {password.kind: password}, _randomness(NONCE, MAPPING_PRIVATE_IC, PRIVATE_IC))
    for command, answer in [(set_at, "9000"), *AUTHENTICATION]:
        assert card.handle(CommandApdu.parse(bytes.fromhex(command))).encode().hex().upper() == answer
    assert card.password_kind is PasswordKind.MRZ
    assert card.secure_messaging is not None
    by_the_book = SecureMessaging("AES", bytes.fromhex(KS_ENC), bytes.fromhex(KS_MAC))
    probe = CommandApdu(ins=0xA4, p1=0x02, p2=0x0C, data=b"\x01\x1e")
    assert card.secure_messaging.unwrap_command(by_the_book.wrap(probe)) == probe
