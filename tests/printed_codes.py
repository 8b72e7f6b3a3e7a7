"""Printed codes for tests: genuine ones of `factory.authority`, and mutations of them at every layer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

from card_profiles import printed_code
from card_profiles.printed_code import PrintedCode
from keys import cbor
from keys.envelopes import cose
from keys.trust import TrustStore
from tests.factory import DAY, NOW, STATUS_URI, Authority, Signer, authority, key, policy
from verifier import printed
from verifier.verdict import Verdict

CODE = PrintedCode(
    document_number="RP0402137",
    birth_date=date(1991, 3, 14),
    expiry_date=date(2031, 5, 20),
    name_latin="CHEN, XIAOMEI",
    name_native="陈晓梅",
    sex="F",
    permit_number="RP0402137",
    permit_class=2,
    services={"C03": date(2027, 3, 28), "H05": date(2027, 3, 28), "J02": date(2026, 5, 31)},
    signed=NOW - 10 * DAY,
    valid_from=NOW - 10 * DAY,
    valid_until=NOW + 300 * DAY,
    status_index=7,
    status_uri=STATUS_URI,
)
OTHER = replace(CODE, document_number="RP0402138", name_latin="WANG, LEI", name_native="王磊", sex="M", status_index=8)


def text(code: PrintedCode = CODE, *, by: Authority | None = None, signer: Signer | None = None) -> str:
    """What is printed."""
    signer = signer or (by or authority()).entitlement_signer
    return printed_code.encode(code, sign=cose.raw_signer(signer.private_key), kid=signer.kid)


def signed(payload: bytes, *, signer: Signer | None = None, kid: bytes | None = None, **headers: Any) -> str:
    """The text over any payload."""
    signer = signer or authority().entitlement_signer
    raw = cose.sign1(
        payload,
        sign=cose.raw_signer(signer.private_key),
        kid=signer.kid if kid is None else kid,
        tagged=True,
        **headers,
    )
    return printed_code.wrap(raw)


def decide(
    of: str, trust: TrustStore | None = None, *, now: datetime = NOW, sector: str = "culture", **changes: Any
) -> Verdict:
    """As a counter does; ReadFailed for what is no permit's code."""
    from card_profiles.entitlements.catalogue import Sector

    demanded = policy(Sector(sector), **changes)
    return printed.verify(printed.envelope([of]), trust or authority().trust(), demanded, now=now)


_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_STRANGER = key("stranger")


def mutations(genuine: list[str], random: Random) -> Callable[[], str]:
    """A source of texts, none of them in `genuine`: each a genuine code changed at one layer, often at several."""
    raws = [printed_code.unwrap(one) for one in genuine]
    kinds = (_characters, _packed, _enveloped, _claimed, _spliced, _resigned)

    def draw() -> str:
        while True:
            made = random.choice(kinds)(genuine, raws, random)
            if made not in genuine:
                return made

    return draw


def _changed(data: bytes, random: Random) -> bytes:
    """One to three places flipped, set, taken out, doubled or cut off."""
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        at = random.randrange(len(changed))
        act = random.randrange(6)
        if act < 3:
            changed[at] ^= 1 << random.randrange(8)
        elif act == 3:
            changed[at] = random.choice((0, 1, 0x7F, 0x80, 0xFF, random.randrange(256)))
        elif act == 4:
            del changed[at : at + random.randrange(1, 4)]
        else:
            changed[at:at] = changed[at : at + random.randrange(1, 9)]
        changed = changed or bytearray(1)
    return bytes(changed)


def _characters(genuine: list[str], _: list[bytes], random: Random) -> str:
    made = list(random.choice(genuine))
    for _ in range(random.choice((1, 1, 2, 5))):
        at = random.randrange(len(made))
        act = random.randrange(5)
        if act < 2:
            made[at] = random.choice(_ALPHABET)
        elif act == 2:
            other = random.randrange(len(made))
            made[at], made[other] = made[other], made[at]
        elif act == 3:
            made[at] = chr(random.randrange(1, 0x2FF))
        else:
            del made[at]
    return "".join(made)


def _packed(genuine: list[str], _: list[bytes], random: Random) -> str:
    packed = printed_code.base45_decode(random.choice(genuine))
    return printed_code.base45_encode(_changed(packed, random))


def _enveloped(_: list[str], raws: list[bytes], random: Random) -> str:
    return printed_code.wrap(_changed(random.choice(raws), random))


def _claims(raw: bytes) -> tuple[list[Any], dict[int, Any]]:
    parts = cbor.decode(raw, max_size=512, tags=frozenset({18})).value
    return parts, cbor.decode(parts[2], max_size=512)


def _claimed(_: list[str], raws: list[bytes], random: Random) -> str:
    """Other claims, well formed, under the old signature."""
    parts, claims = _claims(random.choice(raws))
    for _ in range(random.choice((1, 1, 2))):
        _change(claims, random)
    parts[2] = cbor.encode(claims)
    return _wrapped(parts)


def _change(claims: dict[int, Any], random: Random) -> None:
    permit, identity = claims[printed_code.PERMIT], claims[printed_code.IDENTITY]
    later = timedelta(days=random.randrange(1, 4000)).days * 86400
    changes: tuple[Callable[[], object], ...] = (
        lambda: claims.update({4: claims[4] + later}),
        lambda: claims.update({6: claims[6] - random.randrange(1, 10**6)}),
        lambda: claims.update({5: claims[6] + random.randrange(-10, 10**6)}),
        lambda: identity.update({4: "".join(random.choices("ABCDEFGHIJ, ", k=random.randrange(1, 30)))}),
        lambda: identity.update({19: "".join(random.choices("王李张刘陈杨赵黄", k=random.randrange(1, 4)))}),
        lambda: identity.update({8: f"{random.randrange(1940, 2026)}0{random.randrange(1, 9)}11"}),
        lambda: identity.update({1: f"RP{random.randrange(10**7):07}"}),
        lambda: identity.update({9: random.randrange(1, 4)}),
        lambda: permit.__setitem__(0, f"RP{random.randrange(10**7):07}"),
        lambda: permit.__setitem__(1, random.randrange(1, 4)),
        lambda: permit.__setitem__(2, permit[2] + random.randrange(1, 999)),
        lambda: permit.__setitem__(3, random.randrange(1024)),
        lambda: permit.__setitem__(
            4, random.choice(("permits.example/status/1", "", "http://permits.example/status/0"))
        ),
        lambda: permit.__setitem__(5, {20_900 + random.randrange(900): random.choice(("C01", "H05J02", "F01", ""))}),
        lambda: permit.__setitem__(5, None),
    )
    random.choice(changes)()


def _spliced(_: list[str], raws: list[bytes], random: Random) -> str:
    """Headers, payload and signature, each of some genuine code."""
    return _wrapped([_claims(random.choice(raws))[0][place] for place in range(4)])


def _resigned(_: list[str], raws: list[bytes], random: Random) -> str:
    """A stranger's signature, under the authority's kid or the stranger's own."""
    parts, claims = _claims(random.choice(raws))
    if random.randrange(2):
        _change(claims, random)
    parts[2] = cbor.encode(claims)
    if random.randrange(4) == 0:
        parts[1] = {4: random.randbytes(8)}
    parts[3] = cose.raw_signer(_STRANGER)(cose.sig_structure(parts[0], parts[2]))
    return _wrapped(parts)


def _wrapped(parts: list[Any]) -> str:
    import cbor2

    return printed_code.wrap(cbor.encode(cbor2.CBORTag(18, parts)))
