"""Several hundred chains, generated: every fault that a chain can have, in every shape of authority and mix of curves.

A *shape* says which generations of the CSCA there are, which of them are trusted and which link certificates are at
hand; a *fault* changes one thing in it. `chains()` multiplies them; purposes and curves take turns, always in the same
order, so that a chain has the same name in every run.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID

from keys import der
from keys.algorithms import EXTENDED_KEY_USAGE, OID_NAME_CHANGE, Purpose
from keys.certificates import Revocation, document_type_list
from keys.chain import ChainReason
from tests import pki
from tests.pki import BEGIN, DAY, END, KEY_USE_UNTIL, NOW

SECOND = timedelta(seconds=1)
SERIAL = 0x4711471147114711
PURPOSES = (
    Purpose.ENTITLEMENT_SIGNER,
    Purpose.DOCUMENT_SIGNER,
    Purpose.STATUS_SIGNER,
    Purpose.AUDIT_SIGNER,
    Purpose.MASTER_LIST_SIGNER,
)
CURVES = (
    ("secp384r1", "secp256r1"),
    ("secp256r1", "secp256r1"),
    ("secp384r1", "secp384r1"),
    ("secp256r1", "secp384r1"),
    ("brainpoolP384r1", "secp256r1"),
)
"""Curve of the CSCA, curve of the signer."""

_NAME_CHANGE = x509.UnrecognizedExtension(x509.ObjectIdentifier(OID_NAME_CHANGE), der.encode(der.NULL))
_UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5"), b"\x05\x00")
_NO_CA = (x509.BasicConstraints(ca=False, path_length=None), True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Generations of a CSCA, oldest first; the newest issues the signer."""

    name: str
    generations: int = 1
    rooted: tuple[int, ...] = (0,)
    """Generations whose self-signed certificates are trusted."""
    linked: bool = False
    """Whether each generation has a link certificate from the one before it."""
    renamed: bool = False
    alternate: bool = False
    """Whether the first generation has the other curve."""

    @property
    def needs_links(self) -> bool:
        """Whether trust comes over a link certificate only."""
        return self.generations - 1 not in self.rooted


DIRECT = Shape(name="one CSCA")
LINKED = Shape(name="old root, link", generations=2, linked=True)
MIXED = Shape(name="old root of the other curve, link", generations=2, linked=True, alternate=True)
ROLLED = Shape(name="both roots, link beside", generations=2, rooted=(0, 1), linked=True)
TWICE = Shape(name="oldest root, two links", generations=3, linked=True)
RENAMED = Shape(name="old root, link to a new name", generations=2, linked=True, renamed=True)
SHAPES = (DIRECT, LINKED, MIXED, ROLLED, TWICE, RENAMED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A chain before it is signed. Extensions by their names in `tests.pki`."""

    purpose: Purpose
    shape: Shape
    issuers: tuple[pki.Issuer, ...]
    signer_curve: str
    leaf: Mapping[str, Any] = field(default_factory=dict)
    root: Mapping[str, Any] = field(default_factory=dict)
    link: Mapping[str, Any] = field(default_factory=dict)
    """Changes to the newest link certificate."""
    crl: Mapping[str, Any] = field(default_factory=dict)
    """Changes to the CRL of the signer's issuer."""
    certified_by: pki.Issuer | None = None
    link_by: pki.Issuer | None = None
    revoked: tuple[int, ...] = ()
    link_revoked: bool = False
    no_links: bool = False
    no_crl: bool = False
    old_crls: bool = True
    """Whether the generations before sign CRLs of their own."""
    more_crls: tuple[bytes, ...] = ()
    rework: Callable[[bytes, pki.Issuer], bytes] | None = None
    """What becomes of the signer's certificate after it is signed."""
    at: datetime = NOW - DAY
    now: datetime = NOW
    document_type: str | None = None

    @property
    def issuer(self) -> pki.Issuer:
        return self.issuers[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One change, and what our validator must say to it."""

    name: str
    reason: ChainReason | None
    change: Callable[[Plan], Plan]
    when: Callable[[Plan], bool] = lambda plan: True


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """A chain to judge, all in DER."""

    name: str
    fault: str
    shape: Shape
    purpose: Purpose
    reason: ChainReason | None
    leaf: bytes
    roots: tuple[bytes, ...]
    links: tuple[bytes, ...]
    crls: tuple[bytes, ...]
    at: datetime
    now: datetime
    document_type: str | None


def chains(turns: int = 3) -> Iterator[Chain]:
    """Every fault in every shape that can have it, `turns` times with other purposes and curves."""
    rota = itertools.count()
    for fault, shape in itertools.product(FAULTS, SHAPES):
        made: set[tuple[Purpose, tuple[str, str]]] = set()
        tries = 0
        while len(made) < turns and tries < 25:
            number, tries = next(rota), tries + 1
            purpose, curves = PURPOSES[number % 5], CURVES[(number // 5 + number) % 5]
            plan = Plan(
                purpose=purpose, shape=shape, issuers=_issuers(shape, curves[0], "CSCA"), signer_curve=curves[1]
            )
            if (purpose, curves) not in made and fault.when(plan):
                made.add((purpose, curves))
                yield _build(fault, fault.change(plan), curves)


def _issuers(shape: Shape, curve: str, who: str) -> tuple[pki.Issuer, ...]:
    curves = [curve] * shape.generations
    if shape.alternate:
        curves[0] = "secp256r1" if curve == "secp384r1" else "secp384r1"
    names = ["CSCA UTO 2" if shape.renamed and place else "CSCA UTO" for place in range(shape.generations)]
    return tuple(
        pki.issuer(name, f"{who}-{place}", curve) for place, (name, curve) in enumerate(zip(names, curves, strict=True))
    )


def _build(fault: Fault, plan: Plan, curves: tuple[str, str]) -> Chain:
    by = plan.certified_by or plan.issuer
    leaf = pki.signer(plan.purpose, by, **{"public_key": _signer_key(plan), **plan.leaf})
    if plan.rework:
        leaf = plan.rework(leaf, by)
    newest = max(plan.shape.rooted)
    roots = [
        pki.root(issuer, **(plan.root if place == newest else {}))
        for place, issuer in enumerate(plan.issuers)
        if place in plan.shape.rooted
    ]
    links = _links(plan)
    return Chain(
        name=f"{fault.name}; {plan.shape.name}; {plan.purpose}; {curves[0]}/{curves[1]}",
        fault=fault.name,
        shape=plan.shape,
        purpose=plan.purpose,
        reason=fault.reason,
        leaf=leaf,
        roots=tuple(roots),
        links=tuple(links),
        crls=tuple(_crls(plan)),
        at=plan.at,
        now=plan.now,
        document_type=plan.document_type,
    )


def _signer_key(plan: Plan) -> Any:
    return pki.key(f"signer {plan.signer_curve}", plan.signer_curve).public_key()


def _links(plan: Plan) -> list[bytes]:
    if not plan.shape.linked or plan.no_links:
        return []
    pairs = list(itertools.pairwise(plan.issuers))
    made = []
    for old, new in pairs:
        last = new is plan.issuer
        changes: dict[str, Any] = {"name_change": (_NAME_CHANGE, False)} if old.subject != new.subject else {}
        period = {key: value for key, value in plan.link.items() if key in {"begin", "end"}} if last else {}
        changes |= {key: value for key, value in plan.link.items() if key not in period} if last else {}
        aki = (x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(old.ski), False)
        public_key = new.private_key.public_key()
        extensions = pki.authority_extensions(public_key, **{"aki": aki, **changes})
        by = plan.link_by if plan.link_by and last else old
        made.append(pki.certify(new.subject, public_key, by, extensions, serial=pki.link_serial(new), **period))
    return made


def _crls(plan: Plan) -> Iterator[bytes]:
    for issuer in plan.issuers:
        if issuer is plan.issuer:
            revoked = [Revocation(serial=serial, revoked_at=NOW - 10 * DAY) for serial in plan.revoked]
            if not plan.no_crl:
                yield pki.crl(issuer, *revoked, **plan.crl)
        elif plan.link_revoked and issuer is plan.issuers[-2]:
            yield pki.crl(issuer, Revocation(serial=pki.link_serial(plan.issuer), revoked_at=NOW - 10 * DAY))
        elif plan.old_crls:
            yield pki.crl(issuer)
    yield from plan.more_crls


def _leaf(**changes: Any) -> Callable[[Plan], Plan]:
    return lambda plan: replace(plan, leaf=changes)


def _root(**changes: Any) -> Callable[[Plan], Plan]:
    return lambda plan: replace(plan, root=changes)


def _link(**changes: Any) -> Callable[[Plan], Plan]:
    return lambda plan: replace(plan, link=changes)


def _list(**changes: Any) -> Callable[[Plan], Plan]:
    return lambda plan: replace(plan, crl=changes)


def _usage(*names: str) -> tuple[x509.ExtensionType, bool]:
    return pki.usage(*names), True


def _purposes(*oids: str, critical: bool = True) -> tuple[x509.ExtensionType, bool]:
    return x509.ExtendedKeyUsage([x509.ObjectIdentifier(oid) for oid in oids]), critical


def _identifier(of: pki.Issuer) -> tuple[x509.ExtensionType, bool]:
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(of.ski), False


def _use(begin: datetime, end: datetime) -> tuple[x509.ExtensionType, bool]:
    return pki.key_use(begin, end), False


def _impostor(plan: Plan) -> pki.Issuer:
    """Another key under the name of the signer's issuer."""
    curve = plan.issuer.private_key.curve.name  # type: ignore[union-attr]
    return pki.Issuer(subject=plan.issuer.subject, private_key=pki.key("impostor", curve))


def _other(plan: Plan) -> pki.Issuer:
    """Another CSCA, name and key."""
    return pki.issuer("CSCA OTHER", "other", plan.issuer.private_key.curve.name)  # type: ignore[union-attr]


def _flip(place: int) -> Callable[[Plan], Plan]:
    def rework(raw: bytes, by: pki.Issuer) -> bytes:
        changed = bytearray(raw)
        changed[place] ^= 1
        return bytes(changed)

    return lambda plan: replace(plan, rework=rework)


def _sha1(plan: Plan) -> Plan:
    def rework(raw: bytes, by: pki.Issuer) -> bytes:
        curve = by.private_key.curve.name  # type: ignore[union-attr]
        last = 2 if curve == "secp256r1" else 3
        old = der.encode(der.SEQUENCE, der.object_identifier(f"1.2.840.10045.4.3.{last}"))
        new = der.encode(der.SEQUENCE, der.object_identifier("1.2.840.10045.4.1"))
        return pki.resigned(raw, by, (old, new), digest=hashes.SHA1())

    return replace(plan, rework=rework)


def _another_purpose(plan: Plan) -> Plan:
    other = PURPOSES[(PURPOSES.index(plan.purpose) + 2) % 5]
    other = Purpose.STATUS_SIGNER if other is Purpose.DOCUMENT_SIGNER else other
    return replace(plan, leaf={"eku": _purposes(EXTENDED_KEY_USAGE[other])})


def _and_another(plan: Plan) -> Plan:
    return replace(
        plan, leaf={"eku": _purposes(EXTENDED_KEY_USAGE[plan.purpose], ExtendedKeyUsageOID.SERVER_AUTH.dotted_string)}
    )


def _scope(**changes: Any) -> tuple[x509.ExtensionType, bool]:
    scope: dict[str, Any] = {
        "full_name": None,
        "relative_name": None,
        "only_contains_user_certs": False,
        "only_contains_ca_certs": False,
        "only_some_reasons": None,
        "indirect_crl": False,
        "only_contains_attribute_certs": False,
    }
    return x509.IssuingDistributionPoint(**{**scope, **changes}), True


def _told_by_purpose(plan: Plan) -> bool:
    return plan.purpose is not Purpose.DOCUMENT_SIGNER


def _document(plan: Plan) -> bool:
    return plan.purpose is Purpose.DOCUMENT_SIGNER


def _over_links(plan: Plan) -> bool:
    return plan.shape.needs_links


def _one_root(plan: Plan) -> bool:
    return len(plan.shape.rooted) == 1


def _rolled(plan: Plan) -> bool:
    return plan.shape is ROLLED


R = ChainReason
FAULTS = tuple(
    Fault(name=name, reason=reason, change=change, when=when[0] if when else lambda plan: True)
    for name, reason, change, *when in (
        # Nothing wrong.
        ("good", None, lambda plan: plan),
        ("revocation of another", None, lambda plan: replace(plan, revoked=(SERIAL + 1,))),
        (
            "stale CRL beside a fresh one",
            None,
            lambda plan: replace(plan, crl={"next_update": NOW - SECOND}, more_crls=(pki.crl(plan.issuer, number=2),)),
        ),
        ("a CRL of a stranger as well", None, lambda plan: replace(plan, more_crls=(pki.crl(_other(plan)),))),
        ("non-critical unknown extension", None, _leaf(unknown=(_UNKNOWN, False))),
        ("non-critical key usages", None, _leaf(usage=(pki.usage("digital_signature"), False))),
        ("newer root expired, older root and link hold", None, _root(end=NOW - SECOND), _rolled),
        ("newer root not yet valid, older root and link hold", None, _root(begin=NOW + DAY), _rolled),
        (
            "newer root with path length 1, older root and link hold",
            None,
            _root(constraints=(x509.BasicConstraints(ca=True, path_length=1), True)),
            _rolled,
        ),
        (
            "both document types",
            None,
            lambda plan: replace(plan, leaf={"types": (document_type_list(["AR", "IR"]), False)}, document_type="AR"),
            _document,
        ),
        ("signed in the last second of key use", None, lambda plan: replace(plan, at=KEY_USE_UNTIL, now=NOW)),
        (
            "non-critical purpose",
            None,
            lambda plan: replace(plan, leaf={"eku": _purposes(EXTENDED_KEY_USAGE[plan.purpose], critical=False)}),
            _told_by_purpose,
        ),
        ("no authority key identifier", None, _leaf(aki=None)),
        (
            "CRL signed by the newest CSCA alone",
            None,
            lambda plan: replace(plan, certified_by=plan.issuers[0], leaf={}, old_crls=False),
            _rolled,
        ),
        # When.
        ("signer expired", R.EXPIRED, _leaf(end=NOW - SECOND)),
        ("signer expired long ago", R.EXPIRED, _leaf(begin=BEGIN - 900 * DAY, end=NOW - 300 * DAY)),
        ("signer not yet valid", R.NOT_YET_VALID, _leaf(begin=NOW + SECOND)),
        ("signed before the certificate", R.NOT_YET_VALID, lambda plan: replace(plan, at=BEGIN - SECOND)),
        ("root expired", R.EXPIRED, _root(end=NOW - SECOND), _one_root),
        ("root not yet valid", R.NOT_YET_VALID, _root(begin=NOW + DAY), _one_root),
        ("link expired", R.EXPIRED, _link(end=NOW - SECOND), _over_links),
        ("link not yet valid", R.NOT_YET_VALID, _link(begin=NOW + SECOND), _over_links),
        (
            "all looked at after the end",
            R.EXPIRED,
            lambda plan: replace(plan, now=END + DAY, crl={"this_update": END - DAY, "next_update": END + 30 * DAY}),
        ),
        # Private-key usage period.
        (
            "signed after key use",
            R.KEY_USAGE_PERIOD,
            lambda plan: replace(plan, leaf={"period": _use(BEGIN, NOW - 2 * DAY)}),
        ),
        ("signed before key use", R.KEY_USAGE_PERIOD, _leaf(period=_use(NOW, KEY_USE_UNTIL))),
        ("no period of key use", R.KEY_USAGE_PERIOD, _leaf(period=None)),
        (
            "key use without an end",
            R.KEY_USAGE_PERIOD,
            _leaf(period=(x509.PrivateKeyUsagePeriod(BEGIN.replace(tzinfo=None), None), False)),
        ),
        (
            "issued after the root's key use",
            R.KEY_USAGE_PERIOD,
            _root(period=_use(BEGIN - 900 * DAY, BEGIN - SECOND)),
            _one_root,
        ),
        (
            "issued after the link's key use",
            R.KEY_USAGE_PERIOD,
            _link(period=_use(BEGIN - 900 * DAY, BEGIN - SECOND)),
            _over_links,
        ),
        ("root without period of key use", R.KEY_USAGE_PERIOD, _root(period=None), _one_root),
        ("link without period of key use", R.KEY_USAGE_PERIOD, _link(period=None), _over_links),
        # What the signer's key is for.
        ("signer for key agreement", R.KEY_USAGE, _leaf(usage=_usage("key_agreement"))),
        ("signer for encipherment", R.KEY_USAGE, _leaf(usage=_usage("key_encipherment"))),
        ("signer that commits", R.KEY_USAGE, _leaf(usage=_usage("content_commitment"))),
        ("signer that may also certify", R.KEY_USAGE, _leaf(usage=_usage("digital_signature", "key_cert_sign"))),
        ("signer without key usage", R.KEY_USAGE, _leaf(usage=None)),
        ("purpose missing", R.EXTENDED_KEY_USAGE, _leaf(eku=None), _told_by_purpose),
        ("another purpose", R.EXTENDED_KEY_USAGE, _another_purpose, _told_by_purpose),
        ("a purpose more", R.EXTENDED_KEY_USAGE, _and_another, _told_by_purpose),
        ("any purpose", R.EXTENDED_KEY_USAGE, _leaf(eku=_purposes("2.5.29.37.0")), _told_by_purpose),
        (
            "document signer with a purpose",
            R.EXTENDED_KEY_USAGE,
            _leaf(eku=_purposes(EXTENDED_KEY_USAGE[Purpose.ENTITLEMENT_SIGNER])),
            _document,
        ),
        (
            "document signer for web servers",
            R.EXTENDED_KEY_USAGE,
            _leaf(eku=_purposes(ExtendedKeyUsageOID.SERVER_AUTH.dotted_string)),
            _document,
        ),
        ("document types missing", R.DOCUMENT_TYPE, _leaf(types=None), _document),
        ("another document type", R.DOCUMENT_TYPE, lambda plan: replace(plan, document_type="P"), _document),
        (
            "signer is a CA",
            R.BASIC_CONSTRAINTS,
            _leaf(constraints=(x509.BasicConstraints(ca=True, path_length=None), True)),
        ),
        ("signer with an unknown critical extension", R.CRITICAL_EXTENSION, _leaf(unknown=(_UNKNOWN, True))),
        # What the CSCA may do.
        ("root without CA flag", R.BASIC_CONSTRAINTS, _root(constraints=_NO_CA), _one_root),
        ("root without basic constraints", R.BASIC_CONSTRAINTS, _root(constraints=None), _one_root),
        ("root may not certify", R.KEY_USAGE, _root(usage=_usage("crl_sign")), _one_root),
        ("root without key usage", R.KEY_USAGE, _root(usage=None), _one_root),
        (
            "root with path length 1",
            R.PATH_LENGTH,
            _root(constraints=(x509.BasicConstraints(ca=True, path_length=1), True)),
            _one_root,
        ),
        (
            "root without path length",
            R.PATH_LENGTH,
            _root(constraints=(x509.BasicConstraints(ca=True, path_length=None), True)),
            _one_root,
        ),
        ("root with an unknown critical extension", R.CRITICAL_EXTENSION, _root(unknown=(_UNKNOWN, True)), _one_root),
        ("link without CA flag", R.BASIC_CONSTRAINTS, _link(constraints=_NO_CA), _over_links),
        ("link without basic constraints", R.BASIC_CONSTRAINTS, _link(constraints=None), _over_links),
        ("link may not certify", R.KEY_USAGE, _link(usage=_usage("crl_sign")), _over_links),
        (
            "link with path length 1",
            R.PATH_LENGTH,
            _link(constraints=(x509.BasicConstraints(ca=True, path_length=1), True)),
            _over_links,
        ),
        ("link with an unknown critical extension", R.CRITICAL_EXTENSION, _link(unknown=(_UNKNOWN, True)), _over_links),
        ("a sub-CA, not a link", R.PATH_LENGTH, _link(name_change=None), lambda plan: plan.shape is RENAMED),
        # Who issued it.
        ("issuer of another name", R.UNKNOWN_ISSUER, lambda plan: replace(plan, certified_by=_other(plan))),
        (
            "right key, another issuer name",
            R.UNKNOWN_ISSUER,
            lambda plan: replace(
                plan, certified_by=pki.Issuer(subject=pki.name("CSCA OTHER"), private_key=plan.issuer.private_key)
            ),
        ),
        ("another key with the same name", R.UNKNOWN_ISSUER, lambda plan: replace(plan, certified_by=_impostor(plan))),
        (
            "another key, the right key identifier",
            R.SIGNATURE,
            lambda plan: replace(plan, certified_by=_impostor(plan), leaf={"aki": _identifier(plan.issuer)}),
        ),
        (
            "another key, no key identifier",
            R.SIGNATURE,
            lambda plan: replace(plan, certified_by=_impostor(plan), leaf={"aki": None}),
        ),
        (
            "right key, wrong authority key identifier",
            R.UNKNOWN_ISSUER,
            lambda plan: replace(plan, leaf={"aki": _identifier(_impostor(plan))}),
        ),
        ("a bit of the signature", R.SIGNATURE, _flip(-1)),
        ("a bit of the serial number", R.SIGNATURE, _flip(20)),
        ("signed with SHA-1", R.ALGORITHM, _sha1, lambda plan: plan.issuer.private_key.curve.name != "brainpoolP384r1"),
        ("link missing", R.UNKNOWN_ISSUER, lambda plan: replace(plan, no_links=True), _over_links),
        (
            "link by an impostor",
            R.UNKNOWN_ISSUER,
            lambda plan: replace(
                plan, link_by=pki.Issuer(subject=plan.issuers[-2].subject, private_key=pki.key("impostor link"))
            ),
            _over_links,
        ),
        ("country differs", R.NAMES, _leaf(subject=pki.name("signer 1", "XX"))),
        ("no country", R.NAMES, _leaf(subject=x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "signer 1")]))),
        # Revocation.
        ("revoked", R.REVOKED, lambda plan: replace(plan, revoked=(SERIAL,))),
        ("revoked, as are others", R.REVOKED, lambda plan: replace(plan, revoked=(SERIAL - 1, SERIAL, SERIAL + 1))),
        (
            "revoked in a stale CRL",
            R.REVOKED,
            lambda plan: replace(plan, revoked=(SERIAL,), crl={"next_update": NOW - SECOND}),
        ),
        (
            "revoked, and gone from the next CRL",
            R.REVOKED,
            lambda plan: replace(
                plan, revoked=(SERIAL,), more_crls=(pki.crl(plan.issuer, number=2, this_update=NOW - SECOND),)
            ),
        ),
        ("link revoked", R.REVOKED, lambda plan: replace(plan, link_revoked=True), _over_links),
        ("no CRL", R.CRL_MISSING, lambda plan: replace(plan, no_crl=True), lambda plan: plan.shape is DIRECT),
        (
            "no CRL under the new name",
            R.CRL_MISSING,
            lambda plan: replace(plan, no_crl=True),
            lambda plan: plan.shape is RENAMED,
        ),
        (
            "a stranger's CRL only",
            R.CRL_MISSING,
            lambda plan: replace(plan, no_crl=True, more_crls=(pki.crl(_other(plan)),)),
            lambda plan: plan.shape is DIRECT,
        ),
        ("CRL stale", R.CRL_STALE, _list(next_update=NOW - SECOND), lambda plan: plan.shape in {DIRECT, RENAMED}),
        (
            "CRL from the future",
            R.CRL_NOT_YET_VALID,
            _list(this_update=NOW + DAY),
            lambda plan: plan.shape in {DIRECT, RENAMED},
        ),
        (
            "CRL by an impostor",
            R.CRL_SIGNATURE,
            lambda plan: replace(plan, crl={"signed_by": _impostor(plan)}),
            lambda plan: plan.shape in {DIRECT, RENAMED},
        ),
        (
            "CRL by the signer itself",
            R.CRL_SIGNATURE,
            lambda plan: replace(
                plan,
                crl={"signed_by": pki.Issuer(subject=plan.issuer.subject, private_key=pki.key("signer secp256r1"))},
            ),
            lambda plan: plan.shape in {DIRECT, RENAMED},
        ),
        (
            "CRL with an unknown critical extension",
            R.CRL_SIGNATURE,
            _list(extra=(_UNKNOWN, True)),
            lambda plan: plan.shape in {DIRECT, RENAMED},
        ),
        (
            "CRL of CA certificates only",
            R.CRL_SIGNATURE,
            _list(extra=_scope(only_contains_ca_certs=True)),
            lambda plan: plan.shape in {DIRECT, RENAMED},
        ),
        (
            "CRL of signers only",
            R.CRL_SIGNATURE,
            _list(extra=_scope(only_contains_user_certs=True)),
            lambda plan: plan.shape in {DIRECT, RENAMED},
        ),
        (
            "delta CRL",
            R.CRL_SIGNATURE,
            _list(extra=(x509.DeltaCRLIndicator(1), True)),
            lambda plan: plan.shape in {DIRECT, RENAMED},
        ),
        ("CRL without number", R.MALFORMED, _list(number=None)),
    )
)
