"""Secure messaging against printed and published examples, from both sides.

- 3DES: ICAO Doc 9303-11, Appendix D.4.
- AES-256 commands: RDE-LIB of the Netherlands Vehicle Authority (nl.rijksoverheid.rdw.rde), AesCommandApduTest.
- AES-128 with real passports: gmrtd (github.com/gmrtd/gmrtd), iso7816/secure_messaging_test.go.
"""

from __future__ import annotations

import pytest

from card_profiles.iso7816.apdu import CommandApdu, ResponseApdu
from card_profiles.iso7816.secure_messaging import (
    BlockCipher,
    CardSecureMessaging,
    SecureMessaging,
    max_plain_command,
    max_plain_response,
)

D4_ENC = bytes.fromhex("979EC13B1CBFE9DCD01AB0FED307EAE5")
D4_MAC = bytes.fromhex("F1CB1F1FB5ADF208806B89DC579DC1F8")
D4_SSC = bytes.fromhex("887022120C06C226")
D4 = [  # command, protected command, protected response, plain response data
    (
        CommandApdu(ins=0xA4, p1=0x02, p2=0x0C, data=b"\x01\x1e"),
        "0CA4020C158709016375432908C044F68E08BF8B92D635FF24F800",
        "990290008E08FA855A5D4C50A8ED9000",
        "",
    ),
    (
        CommandApdu(ins=0xB0, ne=4),
        "0CB000000D9701048E08ED6705417E96BA5500",
        "8709019FF0EC34F9922651990290008E08AD55CC17140B2DED9000",
        "60145F01",
    ),
    (
        CommandApdu(ins=0xB0, p2=4, ne=18),
        "0CB000040D9701128E082EA28A70F3C7B53500",
        "871901FB9235F4E4037F2327DCC8964F1F9B8C30F42C8E2FFF224A990290008E08C8B2787EAEA07D749000",
        "04303130365F36063034303030305C026175",
    ),
]


def test_appendix_d4_terminal() -> None:
    messaging = SecureMessaging("3DES", D4_ENC, D4_MAC, D4_SSC)
    for command, wrapped, response, data in D4:
        assert messaging.wrap(command).encode().hex().upper() == wrapped
        plain = messaging.unwrap(ResponseApdu.parse(bytes.fromhex(response)))
        assert plain == ResponseApdu(data=bytes.fromhex(data), sw=0x9000)


def test_appendix_d4_card() -> None:
    messaging = CardSecureMessaging(BlockCipher.TRIPLE_DES, D4_ENC, D4_MAC, D4_SSC)
    for command, wrapped, response, data in D4:
        assert messaging.unwrap_command(CommandApdu.parse(bytes.fromhex(wrapped))) == command
        answer = messaging.wrap_response(ResponseApdu(data=bytes.fromhex(data), sw=0x9000))
        assert answer.encode().hex().upper() == response


RDE_ENC = bytes.fromhex("7319D1537EF2FE5CB46AFCFF2DF33B521F3A0C4FA92212D98EB49D9CD6BB8916")
RDE_MAC = bytes.fromhex("ADCBA368FD14A836908252EF76D09BAD2766C5FFB2FE7857F468676FC4B293E0")


@pytest.mark.parametrize(
    ("ne", "wrapped"),
    [
        (1, "0cb08e000d9701018e08fb1cc883d1a9b32d00"),
        (65, "0cb08e000d9701418e08cea04768ff4fd54d00"),
        (254, "0cb08e000d9701fe8e083fdc947adcea421200"),
        (255, "0cb08e000d9701ff8e085d83100cf76663d300"),
        (256, "0cb08e000d9701008e08b16e78e0d1d0023f00"),
        (257, "0cb08e0000000e970201018e08be975ead600e26f70000"),
        (300, "0cb08e0000000e9702012c8e08bd308fb58e028d140000"),
    ],
)
def test_aes_256_read_by_sfi(ne: int, wrapped: str) -> None:
    command = CommandApdu(ins=0xB0, p1=0x8E, ne=ne)
    protected = SecureMessaging("AES", RDE_ENC, RDE_MAC).wrap(command, extended=ne > 256)
    assert protected.encode(extended=not protected.fits_short).hex() == wrapped
    card = CardSecureMessaging("AES", RDE_ENC, RDE_MAC)
    assert card.unwrap_command(CommandApdu.parse(bytes.fromhex(wrapped))) == command


def test_aes_128_mse_set_at() -> None:
    enc, mac = bytes.fromhex("cc86415f2ed7e8fd663b754265695ae1"), bytes.fromhex("581e84b8ee06c4d3eee30461498d7fb3")
    command = CommandApdu(ins=0x22, p1=0x41, p2=0xA4, data=bytes.fromhex("800a04007f000702020302028401c3"))
    wrapped = "0c2241a41d871101980953d37f67558690045d78a853b18a8e08929767a2cef172e200"
    ssc = (0xBA).to_bytes(16, "big")
    messaging = SecureMessaging("AES", enc, mac, ssc)
    assert messaging.wrap(command).encode().hex() == wrapped
    assert messaging.ssc == (0xBB).to_bytes(16, "big")
    card = CardSecureMessaging("AES", enc, mac, ssc)
    assert card.unwrap_command(CommandApdu.parse(bytes.fromhex(wrapped))) == command


def test_aes_128_response_of_223_bytes() -> None:
    """The largest plaintext of a short response."""
    enc, mac = bytes.fromhex("a8e85e938514ec67ae33cda3d43d3c48"), bytes.fromhex("27f1adeb705a049a305b0c619b14b9b3")
    response = bytes.fromhex(
        "8781e1012fabf9e0655d7e987fd28a8aeb19c9cadd990d49399799ed1fe465bcea56da9ba3024291d40d23d7f1e00485d71faddc6d8c13"
        "82e8028dd22efdcc72ed47663d56d20dd6c4b867956fe0507313083ae7fc54fb46133f184febbe13ad6fd3e2616a1f4a829e75ada1a0e4"
        "43ca738288f6014be8a7745d8259b089e6bee35bcc4bf5b63db5fdd84244f67eca099213b70a861b4487225aa68af684278fceb4cb809d"
        "e42be3ee95b0e0d72bcdb0ed47cb56efc264e04a9397a90e81ad1d81efa2d14b2ca8ec7bd997f4b1c1fd344d5dee8589c38b227ca4cb35"
        "810060a7cc76403e990290008e083eb47ef4fa82afc99000"
    )
    data = bytes.fromhex(
        "a729901d1a71874700133107ec53306404307bc382c63d8c150c3c72080ace05afa0c2bea28e4fb22787139165efba91f90f8aa5814a50"
        "3ad4eb04a8c7dd22ce2826043004a8c7dd22ce28268b39b55416f0447c2fb77de107dcd2a62e880ea53eeb62d57cb4390295dbc9943ab7"
        "8696fa504c110461041d1c64f068cf45ffa2a63a81b7c13f6b8847a3e77ef14fe3db7fcafe0cbd10e8e826e03436d646aaef87b2e247d4"
        "af1e8abe1d7520f9c2a45cb1eb8e95cfd55262b70b29feec5864e19c054ff99129280e4646217791811142820341263c53150231008cb9"
        "1e82a3"
    )
    assert len(data) == 223
    messaging = SecureMessaging("AES", enc, mac, (0x0B).to_bytes(16, "big"))
    assert messaging.unwrap(ResponseApdu.parse(response)) == ResponseApdu(data=data, sw=0x9000)
    card = CardSecureMessaging("AES", enc, mac, (0x0B).to_bytes(16, "big"))
    assert card.wrap_response(ResponseApdu(data=data, sw=0x9000)).encode() == response


def test_published_capacities() -> None:
    """223 and 231 bytes are what readers in use take from a short response."""
    assert max_plain_response(BlockCipher.AES, 256) == max_plain_command(BlockCipher.AES, 255) == 223
    assert max_plain_response(BlockCipher.TRIPLE_DES, 256) == max_plain_command(BlockCipher.TRIPLE_DES, 255) == 231
