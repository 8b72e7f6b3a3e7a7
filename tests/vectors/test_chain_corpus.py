"""The chain corpus before three judges: our validator, `openssl verify` and pyhanko-certvalidator.

Ours must give the reason that the corpus names. The others must agree on good and bad, except where `EXPLAINED` says
that they differ, and why; there they must differ, so that a table that no longer holds is noticed too.
Source of the answers: OpenSSL 3.0 or later (`-x509_strict -check_ss_sig`), pyhanko-certvalidator 0.33 (RFC 5280,
revocation information required).
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

import pytest
from asn1crypto import crl as asn1_crl
from asn1crypto import x509 as asn1_x509
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.errors import PathBuildingError, PathValidationError, ValidationError

from keys.algorithms import EXTENDED_KEY_USAGE, Purpose
from keys.chain import ChainError, ChainReason, validate
from tests import pki
from tests.chain_corpus import CURVES, DIRECT, FAULTS, LINKED, MIXED, PURPOSES, RENAMED, SHAPES, TWICE, Chain, chains

TURNS = 5 if os.environ.get("SOAK") else 1


class Judge(StrEnum):
    """Who knows nothing of our validator."""

    OPENSSL = "openssl"
    PYHANKO = "pyhanko"


OPENSSL, PYHANKO = frozenset({Judge.OPENSSL}), frozenset({Judge.PYHANKO})
BOTH = OPENSSL | PYHANKO
_SAME_NAME = frozenset(shape.name for shape in (LINKED, MIXED, TWICE))


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Where judges differ from us, and why they may."""

    why: str
    judges: frozenset[Judge]
    faults: frozenset[str]
    shapes: frozenset[str] = frozenset(shape.name for shape in SHAPES)
    documents: bool | None = None
    """Document signers only, or all but them; None for any."""

    def applies(self, judge: Judge, chain: Chain) -> bool:
        return (
            judge in self.judges
            and chain.fault in self.faults
            and chain.shape.name in self.shapes
            and self.documents in {None, chain.purpose is Purpose.DOCUMENT_SIGNER}
        )


EXPLAINED = (
    # Not theirs to judge.
    Difference(
        why="Neither looks at private-key usage periods: RFC 5280 dropped the extension, Doc 9303-12 demands it.",
        judges=BOTH,
        faults=frozenset(
            {
                "signed after key use",
                "signed before key use",
                "no period of key use",
                "key use without an end",
                "issued after the root's key use",
                "issued after the link's key use",
                "root without period of key use",
                "link without period of key use",
            }
        ),
    ),
    Difference(
        why="They know one moment, when we look; the moment of the signature is ours to ask about.",
        judges=BOTH,
        faults=frozenset({"signed before the certificate"}),
    ),
    Difference(
        why="Document types and the country of issuer and subject are rules of Doc 9303 alone.",
        judges=BOTH,
        faults=frozenset({"document types missing", "another document type", "country differs", "no country"}),
    ),
    Difference(
        why="RFC 5280 lets a CSCA have any path length that suffices; Doc 9303-12 says 0.",
        judges=BOTH,
        faults=frozenset({"root with path length 1", "root without path length", "link with path length 1"}),
    ),
    Difference(
        why="They read CRLs without cRLNumber, which RFC 5280 §5.2.3 and Doc 9303-12 demand of the issuer.",
        judges=BOTH,
        faults=frozenset({"CRL without number"}),
    ),
    Difference(
        why="A CRL in parts serves them where it covers the certificate. Ours are whole: a critical scope is refused.",
        judges=BOTH,
        faults=frozenset({"CRL of signers only"}),
    ),
    Difference(
        why="An entry never leaves: any CRL that names the certificate counts for us, also an older one. OpenSSL "
        "looks at the best one only.",
        judges=OPENSSL,
        faults=frozenset({"revoked, and gone from the next CRL"}),
    ),
    Difference(
        why="The same: the older generation has a CRL under the same name that is fresh and does not list it.",
        judges=BOTH,
        faults=frozenset({"revoked in a stale CRL"}),
        shapes=_SAME_NAME,
    ),
    Difference(
        why="Doc 9303 has the newest CSCA key sign the one CRL of the state. OpenSSL wants it under the very key.",
        judges=OPENSSL,
        faults=frozenset({"CRL signed by the newest CSCA alone"}),
    ),
    # Purposes and key usages.
    Difference(
        why="`openssl verify` has no name for our purposes, so it is asked about none of them.",
        judges=OPENSSL,
        faults=frozenset({"purpose missing", "another purpose", "a purpose more", "any purpose"}),
    ),
    Difference(
        why="Without a purpose OpenSSL does not look at the signer's key usage; document signers are judged as S/MIME "
        "signers, which also may commit, and need no key usage at all.",
        judges=OPENSSL,
        faults=frozenset({"signer for key agreement", "signer for encipherment"}),
        documents=False,
    ),
    Difference(why="As above.", judges=OPENSSL, faults=frozenset({"signer that commits", "signer without key usage"})),
    Difference(
        why="pyhanko asks whether the wanted usages and purposes are among those given; ours must be alone.",
        judges=PYHANKO,
        faults=frozenset({"a purpose more", "signer that may also certify"}),
    ),
    Difference(
        why="A document signer must have no extended key usage: pyhanko has no way to ask for none.",
        judges=PYHANKO,
        faults=frozenset({"document signer with a purpose", "document signer for web servers"}),
    ),
    Difference(
        why="pyhanko lets a CA sign as an end entity, as RFC 5280 does.",
        judges=PYHANKO,
        faults=frozenset({"signer is a CA"}),
    ),
    # Roots and names.
    Difference(
        why="RFC 5280 §6.1.1 takes nothing but name and key from a trust anchor, so pyhanko reads no more of it.",
        judges=PYHANKO,
        faults=frozenset(
            {
                "root expired",
                "root not yet valid",
                "root without CA flag",
                "root without basic constraints",
                "root may not certify",
                "root without key usage",
                "root with an unknown critical extension",
                "a sub-CA, not a link",
            }
        ),
    ),
    Difference(
        why="RFC 5280 has no word for a CSCA that changes its name: to OpenSSL it is a sub-CA, which path length 0 "
        "forbids. Doc 9303-12 §7.1.1 allows it with the NameChange extension.",
        judges=OPENSSL,
        faults=frozenset(fault.name for fault in FAULTS if fault.reason is None),
        shapes=frozenset({RENAMED.name}),
    ),
    Difference(
        why="OpenSSL builds one chain, with the newest root, and does not go back for the way over the link.",
        judges=OPENSSL,
        faults=frozenset(
            {
                "newer root expired, older root and link hold",
                "newer root not yet valid, older root and link hold",
            }
        ),
    ),
    Difference(
        why="-x509_strict demands the authority key identifier; to us it is a help in choosing, the signature decides.",
        judges=OPENSSL,
        faults=frozenset({"no authority key identifier"}),
    ),
    Difference(
        why="OpenSSL takes ECDSA with SHA-1 at its default security level of the command line.",
        judges=OPENSSL,
        faults=frozenset({"signed with SHA-1"}),
    ),
)

_LONGER_PATH = frozenset({"root with path length 1", "root without path length"})
"""Over a link to a new name OpenSSL refuses everything else, so it agrees on the bad ones whatever is wrong."""


@pytest.fixture(scope="module")
def corpus() -> tuple[Chain, ...]:
    return tuple(chains(TURNS))


def test_the_corpus_is_what_it_says(corpus: tuple[Chain, ...]) -> None:
    assert len(corpus) >= 400
    assert len({chain.name for chain in corpus}) == len(corpus)
    assert {chain.reason for chain in corpus} == {None, *ChainReason}
    assert {chain.purpose for chain in corpus} == set(PURPOSES)
    assert {chain.shape for chain in corpus} == set(SHAPES)
    assert all(any(chain.name.endswith("/".join(curves)) for chain in corpus) for curves in CURVES)
    assert {fault.name for fault in FAULTS} == {chain.fault for chain in corpus}
    assert sum(chain.reason is None for chain in corpus) >= 50


def test_ours_gives_the_reason(corpus: tuple[Chain, ...]) -> None:
    wrong = {chain.name: (said, chain.reason) for chain in corpus if (said := _ours(chain)) is not chain.reason}
    assert wrong == {}


def test_openssl_agrees_or_it_is_explained(corpus: tuple[Chain, ...], tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        said = tuple(pool.map(lambda each: _openssl(each[1], tmp_path / str(each[0])), enumerate(corpus)))
    assert dict(unexplained(Judge.OPENSSL, corpus, said)) == {}


def test_pyhanko_agrees_or_it_is_explained(corpus: tuple[Chain, ...]) -> None:
    said = tuple(_pyhanko(chain) for chain in corpus)
    assert dict(unexplained(Judge.PYHANKO, corpus, said)) == {}


def test_every_difference_names_faults_that_exist() -> None:
    names = {fault.name for fault in FAULTS}
    assert all(difference.faults <= names for difference in EXPLAINED)
    counted = Counter(
        (judge, fault)
        for difference in EXPLAINED
        for judge in difference.judges
        for fault in difference.faults
        if difference.shapes == frozenset(shape.name for shape in SHAPES)
    )
    assert max(counted.values()) == 1


def test_an_answer_that_nobody_explained_is_noticed(corpus: tuple[Chain, ...]) -> None:
    """Turn one answer round, of each kind: the comparison must see it."""
    direct = [chain for chain in corpus if chain.shape is DIRECT]
    told = {chain.name: _predicted(Judge.PYHANKO, chain) for chain in direct}
    for chain in direct:
        said = [not told[other.name] if other is chain else told[other.name] for other in direct]
        assert [name for name, _ in unexplained(Judge.PYHANKO, direct, said)] == [chain.name]


def unexplained(
    judge: Judge, judged: tuple[Chain, ...] | list[Chain], said: tuple[bool, ...] | list[bool]
) -> Iterator[tuple[str, str]]:
    """Chains whose answer is not the one that the corpus and the table lead to expect."""
    for chain, accepted in zip(judged, said, strict=True):
        if accepted is not _predicted(judge, chain):
            yield chain.name, f"{judge} {'accepts' if accepted else 'refuses'}; ours: {chain.reason}"


def _predicted(judge: Judge, chain: Chain) -> bool:
    good = chain.reason is None
    if judge is Judge.OPENSSL and chain.shape is RENAMED:
        return chain.fault in _LONGER_PATH
    return good is not any(difference.applies(judge, chain) for difference in EXPLAINED)


def _ours(chain: Chain) -> ChainReason | None:
    try:
        validate(
            chain.leaf,
            purpose=chain.purpose,
            roots=chain.roots,
            links=chain.links,
            crls=chain.crls,
            at=chain.at,
            now=chain.now,
            document_type=chain.document_type,
        )
    except ChainError as error:
        return error.reason
    return None


def _pyhanko(chain: Chain) -> bool:
    demanded = EXTENDED_KEY_USAGE.get(chain.purpose)
    try:
        context = ValidationContext(
            trust_roots=[asn1_x509.Certificate.load(raw) for raw in chain.roots],
            other_certs=[asn1_x509.Certificate.load(raw) for raw in chain.links],
            crls=[asn1_crl.CertificateList.load(raw) for raw in chain.crls],
            moment=chain.now,
            best_signature_time=chain.now,
            allow_fetching=False,
            revocation_mode="require",
            time_tolerance=timedelta(0),
        )
        validator = CertificateValidator(asn1_x509.Certificate.load(chain.leaf), validation_context=context)
        purposes = {asn1_x509.KeyPurposeId(demanded).native} if demanded else set()
        asyncio.run(validator.async_validate_usage({"digital_signature"}, extended_key_usage=purposes))
    except (ValidationError, PathBuildingError, PathValidationError):
        return False
    return True


def _openssl(chain: Chain, folder: Path) -> bool:
    folder.mkdir()
    (folder / "roots.pem").write_bytes(pki.pem("CERTIFICATE", chain.roots))
    (folder / "links.pem").write_bytes(pki.pem("CERTIFICATE", chain.links))
    (folder / "crls.pem").write_bytes(pki.pem("X509 CRL", chain.crls))
    (folder / "leaf.der").write_bytes(chain.leaf)
    arguments: list[str | Path] = ["verify", "-x509_strict", "-check_ss_sig", "-CAfile", folder / "roots.pem"]
    arguments += ["-attime", str(int(chain.now.timestamp()))]
    if chain.links:
        arguments += ["-untrusted", folder / "links.pem"]
    if chain.crls:
        arguments += ["-CRLfile", folder / "crls.pem"]
    if chain.purpose is Purpose.DOCUMENT_SIGNER:
        arguments += ["-purpose", "smimesign"]
    arguments += ["-crl_check_all" if chain.shape.needs_links else "-crl_check", folder / "leaf.der"]
    return pki.openssl(*arguments, check=False).returncode == 0
