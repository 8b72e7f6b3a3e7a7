"""IssuerSigned put together from the files of a card: nothing that is signed changes on the way."""

from __future__ import annotations

import cbor2
import pytest
from cbor2 import CBORTag

from card_profiles.entitlements.catalogue import Sector
from card_profiles.entitlements.issuer_signed import issuer_signed
from card_profiles.entitlements.mso import NAMESPACE
from tests.permit_material import KID, material

MATERIAL = material()


def _loads(raw: bytes) -> dict[str, object]:
    read: dict[str, object] = cbor2.loads(raw, semantic_decoders={24: lambda value, immutable: CBORTag(24, value)})
    return read


@pytest.mark.parametrize("sectors", [(), (Sector.HEALTH,), tuple(Sector)])
def test_items_are_carried_over_byte_for_byte(sectors: tuple[Sector, ...]) -> None:
    raw = issuer_signed([MATERIAL.items[sector] for sector in sectors], MATERIAL.issuer_auth)
    for sector in sectors:
        assert MATERIAL.items[sector] in raw
    assert len(_loads(raw)["nameSpaces"][NAMESPACE]) == len(sectors)  # type: ignore[index]


@pytest.mark.parametrize(("chain", "header"), [([], {}), ([b"a"], {33: b"a"}), ([b"a", b"b"], {33: [b"a", b"b"]})])
def test_the_chain_is_an_unprotected_header_as_rfc_9360_has_it(chain: list[bytes], header: dict[int, object]) -> None:
    protected, unprotected, payload, signature = _loads(issuer_signed([], MATERIAL.issuer_auth, x5chain=chain))[
        "issuerAuth"
    ]  # type: ignore[misc]
    assert unprotected == {4: KID, **header}
    assert [protected, {4: KID}, payload, signature] == cbor2.loads(MATERIAL.issuer_auth)
