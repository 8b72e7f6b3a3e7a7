"""Readers that others wrote, over what our issuer writes: @owf/mdoc, @auth0/mdl and @owf/token-status-list.

Run by ``make oracles`` (``pytest -o python_files='oracle_*.py' tests/oracles``). The scripts stand in
tests/vectors/oracles; npm installs what they need into build/oracles. Nothing is skipped: without node this fails.
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cbor2
import pytest
from cbor2 import CBORTag
from cryptography.hazmat.primitives.asymmetric import ec

from card_profiles.entitlements.catalogue import Sector
from card_profiles.entitlements.issuer_signed import issuer_signed
from card_profiles.entitlements.mso import DOC_TYPE, encode_mso
from keys import status_list
from keys.envelopes import cose
from keys.status_list import Status
from tests.permit_material import AGGREGATION_URI, CHIP, KID, SIGNER, STATUS_URI, Material, material, sign
from tests.permit_signer import ROOT_CERTIFICATE, SIGNER_CERTIFICATE

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "tests" / "vectors" / "oracles"
BUILD = ROOT / "build" / "oracles"
NOW = datetime.now(UTC).replace(microsecond=0)  # the libraries look at the clock
TRANSCRIPT = [None, None, ["residence-permit oracle", bytes(32)]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    name: str
    sectors: tuple[Sector, ...]
    material: Material
    accepted: bool
    x5chain: bytes = SIGNER_CERTIFICATE
    root: bytes = ROOT_CERTIFICATE
    doc_type: str = DOC_TYPE

    def as_json(self) -> dict[str, str]:
        items = [self.material.items[sector] for sector in self.sectors]
        signed = issuer_signed(items, self.material.issuer_auth, x5chain=[self.x5chain])
        return {
            "name": self.name,
            "root": self.root.hex(),
            "issuer_signed": signed.hex(),
            "device_response": _device_response(signed, self.doc_type).hex(),
            "session_transcript": cbor2.dumps(CBORTag(24, cbor2.dumps(TRANSCRIPT))).hex(),
        }


def _device_response(signed: bytes, doc_type: str) -> bytes:
    """ISO/IEC 18013-5 §8.3.2.1.2.2 around `signed`, with a device signature (§9.1.3.6) by the chip's key."""
    name_spaces = CBORTag(24, cbor2.dumps({}))
    authentication = cbor2.dumps(CBORTag(24, cbor2.dumps(["DeviceAuthentication", TRANSCRIPT, doc_type, name_spaces])))
    protected = cbor2.dumps({1: -7})
    signature = cose.raw_signer(CHIP)(cose.sig_structure(protected, authentication))
    document = {
        "docType": doc_type,
        "issuerSigned": _keep_tags(signed),
        "deviceSigned": {
            "nameSpaces": name_spaces,
            "deviceAuth": {"deviceSignature": [protected, {}, None, signature]},
        },
    }
    return cbor2.dumps({"version": "1.0", "documents": [document], "status": 0})


def _keep_tags(raw: bytes) -> Any:
    return cbor2.loads(raw, semantic_decoders={24: lambda value, immutable: CBORTag(24, value)})


def _current(**changes: object) -> Material:
    times = {
        "signed": NOW - timedelta(days=1),
        "valid_from": NOW - timedelta(days=1),
        "valid_until": NOW + timedelta(days=300),
    }
    return material(**{**times, **changes})


def _with_item(sector: Sector, old: bytes, new: bytes) -> Material:
    made = _current()
    altered = made.items[sector].replace(old, new)
    assert altered != made.items[sector]
    return Material(items={**made.items, sector: altered}, mso=made.mso, issuer_auth=made.issuer_auth)


def _cases() -> list[Case]:
    good, counter = _current(), (Sector.PERMIT, Sector.HEALTH)
    stranger = ec.derive_private_key(0xBAD, ec.SECP256R1())
    forged = Material(items=good.items, mso=good.mso, issuer_auth=sign(encode_mso(good.mso), stranger))
    other_digests = _current(value_digests={number: bytes(32) for number in range(3, 13)})
    uncovered = Material(items=good.items, mso=other_digests.mso, issuer_auth=other_digests.issuer_auth)
    later = _with_item(Sector.HEALTH, b"\xd8\x64\x19\x52", b"\xd8\x64\x19\x62")
    past = {"signed": NOW - timedelta(days=400), "valid_from": NOW - timedelta(days=400)}
    return [
        Case(name="all ten items", sectors=tuple(Sector), material=good, accepted=True),
        Case(name="what a hospital reads", sectors=counter, material=good, accepted=True),
        Case(name="one sector alone", sectors=(Sector.CULTURE,), material=good, accepted=True),
        Case(
            name="a service altered",
            sectors=counter,
            material=_with_item(Sector.HEALTH, b"H01", b"H09"),
            accepted=False,
        ),
        Case(name="a date altered", sectors=counter, material=later, accepted=False),
        Case(name="items that the MSO does not cover", sectors=counter, material=uncovered, accepted=False),
        Case(name="signed by a stranger", sectors=counter, material=forged, accepted=False),
        Case(
            name="endorsement missed",
            sectors=counter,
            material=_current(**past, valid_until=NOW - timedelta(days=1)),
            accepted=False,
        ),
        Case(
            name="not valid yet",
            sectors=counter,
            material=_current(valid_from=NOW + timedelta(days=1)),
            accepted=False,
        ),
        Case(name="unknown root", sectors=counter, material=good, accepted=False, root=SIGNER_CERTIFICATE),
    ]


CASES = {case.name: case for case in _cases()}


@pytest.fixture(scope="session")
def installed() -> Path:
    npm = shutil.which("npm")
    assert npm, "node and npm are needed"
    BUILD.mkdir(parents=True, exist_ok=True)
    for script in SCRIPTS.iterdir():
        shutil.copy(script, BUILD / script.name)
    arguments = [npm, "install", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run(arguments, cwd=BUILD, check=True, timeout=300)
    return BUILD


def _run(directory: Path, script: str, content: dict[str, Any]) -> dict[str, Any]:
    """What `script` says about `content`."""
    node = shutil.which("node")
    assert node
    cases = directory / f"{script}.json"
    cases.write_text(json.dumps(content))
    done = subprocess.run(
        [node, f"{script}.mjs", cases.name], cwd=directory, check=True, timeout=120, stdout=subprocess.PIPE
    )
    verdicts: dict[str, Any] = json.loads(done.stdout)
    return verdicts


@pytest.fixture(scope="session")
def verdicts(installed: Path) -> dict[str, dict[str, Any]]:
    content = {"cases": [case.as_json() for case in CASES.values()]}
    return {script: _run(installed, script, content) for script in ("owf_mdoc", "auth0_mdl")}


@pytest.mark.parametrize("script", ["owf_mdoc", "auth0_mdl"])
@pytest.mark.parametrize("name", CASES)
def test_verdict(verdicts: dict[str, dict[str, Any]], script: str, name: str) -> None:
    case, verdict = CASES[name], verdicts[script][name]
    assert verdict["accepted"] is case.accepted, verdict
    if case.accepted:
        assert verdict["read"] == {"docType": DOC_TYPE, "elements": [sector.value for sector in case.sectors]}


def _jwk(key: ec.EllipticCurvePrivateKey, *, private: bool = False) -> dict[str, str]:
    numbers = key.private_numbers()
    parts = {"x": numbers.public_numbers.x, "y": numbers.public_numbers.y}
    if private:
        parts["d"] = numbers.private_value
    encoded = {name: base64.urlsafe_b64encode(value.to_bytes(32, "big")).rstrip(b"=") for name, value in parts.items()}
    return {"kty": "EC", "crv": "P-256", "alg": "ES256", **{name: value.decode() for name, value in encoded.items()}}


STATUSES = {
    0: Status.INVALID,
    1: Status.SUSPENDED,
    3: Status.VALID,
    70_001: Status.INVALID,
    2**18 - 1: Status.SUSPENDED,
}
EXP = NOW + timedelta(days=7)


def _shard() -> bytes:
    return status_list.build(
        STATUSES,
        uri=STATUS_URI,
        iat=NOW,
        exp=EXP,
        ttl=43_200,
        aggregation_uri=AGGREGATION_URI,
        kid=KID,
        sign=cose.raw_signer(SIGNER),
    )


@pytest.fixture(scope="session")
def shards(installed: Path) -> dict[str, Any]:
    raw, stranger = _shard(), ec.derive_private_key(0xBAD, ec.SECP256R1())
    ours = {"cwt": raw.hex(), "jwk": _jwk(SIGNER), "look_up": [*STATUSES, 2]}
    theirs = {
        "name": "theirs",
        "make": True,
        "uri": STATUS_URI,
        "aggregation_uri": AGGREGATION_URI,
        "iat": int(NOW.timestamp()),
        "exp": int(EXP.timestamp()),
        "ttl": 3_600,
        "size": 1024,
        "statuses": {"5": 1, "1023": 2},
        "jwk": _jwk(SIGNER, private=True),
        "kid": KID.hex(),
    }
    cases = [{"name": "ours", **ours}, {"name": "stranger", **ours, "jwk": _jwk(stranger)}, theirs]
    return _run(installed, "owf_status_list", {"shards": cases})


def test_our_shard_is_read(shards: dict[str, Any]) -> None:
    assert shards["ours"]["accepted"], shards["ours"]
    assert shards["ours"]["read"] == {
        "uri": STATUS_URI,
        "iat": NOW.timestamp(),
        "exp": EXP.timestamp(),
        "ttl": 43_200,
        "bits": 2,
        "aggregation": AGGREGATION_URI,
        "size": 2**18,
        "statuses": {str(index): int(status) for index, status in {**STATUSES, 2: Status.VALID}.items()},
    }


def test_our_shard_does_not_verify_under_another_key(shards: dict[str, Any]) -> None:
    assert not shards["stranger"]["accepted"]


def test_we_read_a_shard_that_others_made(shards: dict[str, Any]) -> None:
    assert shards["theirs"]["accepted"], shards["theirs"]
    shard = status_list.verify(bytes.fromhex(shards["theirs"]["read"]["cwt"]), SIGNER.public_key(), STATUS_URI)
    assert (len(shard), shard.iat, shard.exp, shard.ttl) == (1024, NOW, EXP, 3_600)
    found = {index: shard.lookup(index) for index in range(1024) if shard.lookup(index) is not Status.VALID}
    assert found == {5: Status.INVALID, 1023: Status.SUSPENDED}
