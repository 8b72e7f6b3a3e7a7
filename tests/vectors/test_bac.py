"""ICAO Doc 9303-11, Appendix D.2 and D.3: basic access control, terminal and card."""

from __future__ import annotations

import pytest

from card_profiles.errors import CardFault, CardMisbehaved
from card_profiles.iso7816.apdu import CommandApdu, ResponseApdu
from card_profiles.iso7816.exchange import run
from card_profiles.iso7816.status import Refused
from card_profiles.protocols import bac
from card_profiles.protocols.kdf import ENCRYPTION, MAC, PASSWORD, Cipher, derive
from tests.wire import fixed

MRZ_INFORMATION = "L898902C<369080619406236"
K_SEED = bytes.fromhex("239AB9CB282DAF66231DC5A4DF6BFBAE")
RND_IC = bytes.fromhex("4608F91988702212")
RND_IFD = bytes.fromhex("781723860C06C226")
K_IFD = bytes.fromhex("0B795240CB7049B01C19B33E32804F0B")
K_IC = bytes.fromhex("0B4F80323EB3191CB04970CB4052790B")
COMMAND = bytes.fromhex("008200002872C29C2371CC9BDB65B779B8E8D37B29ECC154AA56A8799FAE2F498F76ED92F25F1448EEA8AD90A728")
RESPONSE = bytes.fromhex("46B9342A41396CD7386BF5803104D7CEDC122B9132139BAF2EEDC94EE178534F2F2D235D074D7449")


def _terminal(answer: bytes, sw: int = 0x9000) -> tuple[object, list[bytes]]:
    sent: list[bytes] = []

    def send(command: CommandApdu) -> ResponseApdu:
        sent.append(command.encode())
        if command.ins == 0x84:
            return ResponseApdu(data=RND_IC, sw=0x9000)
        return ResponseApdu(data=answer, sw=sw)

    keys = bac.keys_from_mrz(MRZ_INFORMATION)
    return run(bac.terminal(keys, fixed([RND_IFD, K_IFD])), send), sent


def test_keys_of_the_mrz() -> None:
    keys = bac.keys_from_mrz(MRZ_INFORMATION)
    assert keys.enc.hex().upper() == "AB94FDECF2674FDFB9B391F85D7F76F2"
    assert keys.mac.hex().upper() == "7962D9ECE03D1ACD4C76089DCE131543"


def test_kdf_makes_the_same_keys_from_the_seed() -> None:
    assert derive(K_SEED, ENCRYPTION, Cipher.TRIPLE_DES).hex().upper() == "AB94FDECF2674FDFB9B391F85D7F76F2"
    assert derive(K_SEED, MAC, Cipher.TRIPLE_DES).hex().upper() == "7962D9ECE03D1ACD4C76089DCE131543"


def test_kdf_of_pace_appendix_g1() -> None:
    """K_pi of the MRZ password, G.1: SHA-1 of the MRZ information as the secret."""
    secret = bytes.fromhex("7E2D2A41C74EA0B38CD36F863939BFA8E9032AAD")
    assert derive(secret, PASSWORD, Cipher.AES_128).hex().upper() == "89DED1B26624EC1E634C1989302849DD"


@pytest.mark.parametrize(("cipher", "size"), [(Cipher.AES_128, 16), (Cipher.AES_192, 24), (Cipher.AES_256, 32)])
def test_kdf_key_sizes(cipher: Cipher, size: int) -> None:
    assert len(derive(K_SEED, ENCRYPTION, cipher)) == size == cipher.key_size


def test_terminal() -> None:
    messaging, sent = _terminal(RESPONSE)
    assert sent == [bytes.fromhex("0084000008"), COMMAND]
    assert messaging.ssc.hex().upper() == "887022120C06C226"  # type: ignore[attr-defined]
    # D.4: the first command under the session keys says that they are the right ones.
    wrapped = messaging.wrap(CommandApdu(ins=0xA4, p1=0x02, p2=0x0C, data=b"\x01\x1e"))  # type: ignore[attr-defined]
    assert wrapped.encode().hex().upper() == "0CA4020C158709016375432908C044F68E08BF8B92D635FF24F800"


def test_card() -> None:
    card = bac.CardBac(bac.keys_from_mrz(MRZ_INFORMATION), fixed([RND_IC, K_IC]))
    assert card.get_challenge() == RND_IC
    answer, messaging = card.mutual_authenticate(COMMAND[5:-1])
    assert answer == RESPONSE
    assert messaging.ssc.hex().upper() == "887022120C06C226"
    wrapped = CommandApdu.parse(bytes.fromhex("0CA4020C158709016375432908C044F68E08BF8B92D635FF24F800"))
    assert messaging.unwrap_command(wrapped) == CommandApdu(ins=0xA4, p1=0x02, p2=0x0C, data=b"\x01\x1e")
    assert messaging.wrap_response(ResponseApdu(sw=0x9000)).encode().hex().upper() == "990290008E08FA855A5D4C50A8ED9000"


def test_a_challenge_counts_once() -> None:
    card = bac.CardBac(bac.keys_from_mrz(MRZ_INFORMATION), fixed([RND_IC, K_IC]))
    card.get_challenge()
    card.mutual_authenticate(COMMAND[5:-1])
    with pytest.raises(Refused) as refusal:
        card.mutual_authenticate(COMMAND[5:-1])
    assert refusal.value.sw == 0x6985


@pytest.mark.parametrize(
    ("data", "sw"), [(b"", 0x6700), (COMMAND[5:-2] + b"\0", 0x6300), (bytes(40), 0x6300), (COMMAND[5:], 0x6700)]
)
def test_card_refuses(data: bytes, sw: int) -> None:
    card = bac.CardBac(bac.keys_from_mrz(MRZ_INFORMATION), fixed([RND_IC, K_IC]))
    card.get_challenge()
    with pytest.raises(Refused) as refusal:
        card.mutual_authenticate(data)
    assert refusal.value.sw == sw


def test_card_refuses_another_challenge() -> None:
    card = bac.CardBac(bac.keys_from_mrz(MRZ_INFORMATION), fixed([RND_IFD, K_IC]))
    card.get_challenge()
    with pytest.raises(Refused) as refusal:
        card.mutual_authenticate(COMMAND[5:-1])
    assert refusal.value.sw == 0x6300


@pytest.mark.parametrize("sw", [0x6300, 0x63C2, 0x6982])
def test_wrong_mrz(sw: int) -> None:
    with pytest.raises(CardMisbehaved) as error:
        _terminal(b"", sw)
    assert (error.value.fault, error.value.sw) == (CardFault.WRONG_PASSWORD, sw)


@pytest.mark.parametrize("position", range(40))
def test_a_forged_answer(position: int) -> None:
    forged = bytearray(RESPONSE)
    forged[position] ^= 0x01
    with pytest.raises(CardMisbehaved) as error:
        _terminal(bytes(forged))
    assert error.value.fault is CardFault.BAD_MAC


def test_an_echo_of_our_own_cryptogram() -> None:
    """Its MAC is right, being ours; the order of the challenges tells."""
    with pytest.raises(CardMisbehaved) as error:
        _terminal(COMMAND[5:-1])
    assert error.value.fault is CardFault.BAD_CRYPTOGRAM


def test_an_answer_of_another_length() -> None:
    with pytest.raises(CardMisbehaved) as error:
        _terminal(RESPONSE + b"\0")
    assert error.value.fault is CardFault.MALFORMED_RESPONSE
