"""The steps of each command on keys. Each looks first whether it was taken already, so that a killed run is finished
by taking them all again."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from ..algorithms import Purpose
from ..authority import certification, removed_roots
from ..authority.authority import Authority
from ..authority.certification import Dates
from ..certificates import CertificationAuthority
from ..custody import SERIAL_SIZE, CardMasterKey, CustodyError, CustodyReason
from ..files import PUBLIC, write_new
from ..parsed_certificate import is_signed_by, read_certificate
from ..registry import lifecycle
from ..registry.lifecycle import RULES, KeyEvent, KeyState
from ..registry.registry import Actor, AuthorityError, AuthorityReason, KeyRecord, key_name
from ..spki import certificate_spki, key_id

Arguments = Mapping[str, Any]


class Steps:
    """Carries out intents on one authority. The caller holds the lock."""

    def __init__(self, authority: Authority) -> None:
        self._authority, self._registry, self._settings = authority, authority.registry, authority.settings
        self._custody = authority.custody

    def take(self, event: KeyEvent, arguments: Arguments) -> None:
        """All steps of one intent."""
        match event:
            case KeyEvent.STAGE:
                self._stage(arguments)
            case KeyEvent.ACTIVATE:
                self._activate(arguments)
            case KeyEvent.RETIRE:
                self._retire(arguments)
            case KeyEvent.DESTROY:
                self._destroy(arguments)
            case KeyEvent.COMPROMISE:
                self._compromise(arguments)
            case KeyEvent.GENERATE:
                raise ValueError("a key is generated as part of its staging")

    def sweep(self) -> None:
        """Remove what a killed run left half-written among the keys."""
        folder = os.path.join(self._authority.home, "keys")
        for name in os.listdir(folder) if os.path.isdir(folder) else ():
            if name.endswith(".tmp"):
                os.unlink(os.path.join(folder, name))

    # --- stage -----------------------------------------------------------------------------------------------------

    def _stage(self, arguments: Arguments) -> None:
        purpose, generation = Purpose(arguments["purpose"]), int(arguments["generation"])
        key = self._registry.find(purpose, generation)
        if key is None:
            key = self._registry.add(
                purpose,
                generation,
                uri=arguments["uri"],
                kid=self._make_key(purpose, arguments["uri"]),
                at=_moment(arguments["at"]),
                cap=lifecycle.periods(purpose, self._settings).cap,
                actor=_actor(arguments),
            )
        if key.state is not KeyState.GENERATED:
            return
        dates = Dates(
            issued=_moment(arguments["at"]),
            active_from=_moment(arguments["active_from"]),
            active_until=_moment(arguments["active_until"]),
            expires=_moment(arguments["expires"]),
        )
        values: dict[str, datetime | str | None] = {
            "staged_at": dates.issued,
            "active_from": dates.active_from,
            "active_until": dates.active_until,
        }
        if purpose is not Purpose.CARD_MASTER_KEY:
            values["certificate"] = self._certify(key, dates, arguments)
            values |= {"serial": arguments["serial"], "expires_at": dates.expires}
        self._registry.move(
            key,
            KeyEvent.STAGE,
            KeyState.STAGED,
            at=dates.issued,
            actor=_actor(arguments),
            detail=_told(arguments, active_from=arguments["active_from"]),
            **values,
        )

    def _make_key(self, purpose: Purpose, uri: str) -> bytes:
        """Make the key unless the killed run did; returns its kid. What was made in halves is made anew."""
        curve = RULES[purpose].curve
        try:
            if curve is None:
                return _check_value(self._custody.card_master_key(uri))
            public_key = self._custody.public_key(uri)
        except CustodyError as error:
            if error.reason in {CustodyReason.INCOMPLETE, CustodyReason.DAMAGED}:
                self._custody.destroy(uri)
            elif error.reason is not CustodyReason.NOT_FOUND:
                raise
            if curve is None:
                return _check_value(self._custody.generate_card_master_key(uri))
            public_key = self._custody.generate(uri, _CURVES[curve.name](), purpose=purpose.value).public_key()
        self._custody.self_test(uri)
        return key_id(_spki(public_key))

    def _certify(self, key: KeyRecord, dates: Dates, arguments: Arguments) -> str:
        """Certificate, and for a CSCA also the link from the one before, in their places; returns the file's name."""
        purpose = key.purpose
        name = f"{RULES[purpose].folder}/{key.name}.der"
        serial = int(arguments["serial"], 16)
        if purpose is Purpose.CSCA:
            own = self._authority.private_key(key, own_certificate=True)
            der = self._put(
                name,
                lambda: certification.certificate(
                    purpose, key.generation, self._settings, key=own, issuer=None, dates=dates, serial=serial
                ),
            )
            if "link_serial" in arguments:
                self._link(key, der, dates, int(arguments["link_serial"], 16))
            return name
        issuer = self._authority.certification_authority()
        public_key = self._custody.public_key(key.uri)
        der = self._put(
            name,
            lambda: certification.certificate(
                purpose, key.generation, self._settings, key=public_key, issuer=issuer, dates=dates, serial=serial
            ),
        )
        self._require_own(name, der, key, issuer, serial)
        return name

    def _link(self, key: KeyRecord, subject: bytes, dates: Dates, serial: int) -> None:
        older = self._registry.active(Purpose.CSCA)
        issuer = self._authority.certification_authority()
        self._put(
            f"link/{older.name}-{key.generation}.der",
            lambda: certification.link(self._settings, issuer=issuer, subject=subject, dates=dates, serial=serial),
        )

    def _put(self, name: str, make: Callable[[], bytes]) -> bytes:
        """The file as the killed run left it, or made now."""
        path = os.path.join(self._authority.trust_dir, name)
        if not os.path.lexists(path):
            os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
            write_new(path, make(), mode=PUBLIC)
        return self._authority.lists.read(name, 1 << 16)

    def _require_own(self, name: str, der: bytes, key: KeyRecord, issuer: CertificationAuthority, serial: int) -> None:
        """Whatever lies there, it must be the certificate meant: this key, this number, this issuer."""
        found, above = read_certificate(der), read_certificate(_der(issuer))
        if key_id(certificate_spki(der)) != key.kid or found.serial != serial or not is_signed_by(found, above):
            path = os.path.join(self._authority.trust_dir, name)
            raise AuthorityError(f"{path} is another certificate", reason=AuthorityReason.DAMAGED, detail=path)

    # --- later life ------------------------------------------------------------------------------------------------

    def _activate(self, arguments: Arguments) -> None:
        key = self._key(arguments)
        if key.state is KeyState.STAGED:
            at, actor = _moment(arguments["at"]), _actor(arguments)
            with self._registry.transaction():
                for before in self._registry.in_state(key.purpose, KeyState.ACTIVE):
                    self._registry.move(
                        before,
                        KeyEvent.RETIRE,
                        KeyState.RETIRED,
                        at=at,
                        actor=actor,
                        detail={"successor": key.name},
                        retired_at=at,
                    )
                told = _told(arguments)
                self._registry.move(
                    key, KeyEvent.ACTIVATE, KeyState.ACTIVE, at=at, actor=actor, detail=told, activated_at=at
                )
        if key.purpose is Purpose.CSCA:
            self._publish_crl(signed_by=key)
        elif key.purpose is Purpose.STATUS_SIGNER:
            self._publish_statuses()

    def _retire(self, arguments: Arguments) -> None:
        key = self._key(arguments)
        revoked_at = arguments.get("revoked_at")
        with self._registry.transaction():
            if key.state in {KeyState.STAGED, KeyState.ACTIVE}:
                at = _moment(arguments["at"])
                self._registry.move(
                    key,
                    KeyEvent.RETIRE,
                    KeyState.RETIRED,
                    at=at,
                    actor=_actor(arguments),
                    detail=_told(arguments),
                    retired_at=at,
                )
            if revoked_at:
                self._revoke(key, arguments)
        if revoked_at:
            self._publish_crl()

    def _destroy(self, arguments: Arguments) -> None:
        key = self._key(arguments)
        if key.destroyed_at is not None:
            return
        try:
            self._custody.destroy(key.uri)
            erased = True
        except CustodyError as error:
            if error.reason is not CustodyReason.NOT_FOUND:
                raise
            # By the run that was killed; or this home was restored and the key never came along.
            erased = False
        at = _moment(arguments["at"])
        state = KeyState.COMPROMISED if key.state is KeyState.COMPROMISED else KeyState.DESTROYED
        self._registry.move(
            key,
            KeyEvent.DESTROY,
            state,
            at=at,
            actor=_actor(arguments),
            detail=_told(arguments, erased_now=erased),
            destroyed_at=at,
        )

    def _compromise(self, arguments: Arguments) -> None:
        key = self._key(arguments)
        since, at = _moment(arguments["compromised_at"]), _moment(arguments["at"])
        values: dict[str, datetime | str | None] = {"compromised_at": since, "retired_at": key.retired_at or at}
        root = self._authority.certificate(key).der if key.purpose is Purpose.CSCA else b""
        if root:
            values["certificate"] = removed_roots.announce(self._authority.trust_dir, f"{key.name}.der", root)
        with self._registry.transaction():
            if key.compromised_at is None or since < key.compromised_at:
                self._registry.move(
                    key,
                    KeyEvent.COMPROMISE,
                    KeyState.COMPROMISED,
                    at=at,
                    actor=_actor(arguments),
                    detail=_told(arguments, was=key.state, since=arguments["compromised_at"]),
                    **values,
                )
            if arguments.get("revoked_at"):
                self._revoke(key, arguments)
        if root:
            removed_roots.remove(self._authority.trust_dir, root)
        if arguments.get("revoked_at"):
            self._publish_crl()

    def _revoke(self, key: KeyRecord, arguments: Arguments) -> None:
        revoked_at = _moment(arguments["revoked_at"])
        if self._registry.add_revocation(int(key.serial, 16), revoked_at):
            self._registry.note(
                "revoke",
                key=key.name,
                at=_moment(arguments["at"]),
                actor=_actor(arguments),
                serial=key.serial,
                revoked_at=arguments["revoked_at"],
            )

    # --- lists -----------------------------------------------------------------------------------------------------

    def _publish_crl(self, *, signed_by: KeyRecord | None = None) -> None:
        """The next CRL, unless the published one says it all already.

        Without an active CSCA there is none now: the next CSCA begins with it, and until then it is an overdue task.
        """
        lists = self._authority.lists
        if not self._registry.in_state(Purpose.CSCA, KeyState.ACTIVE):
            return
        said = lists.has_crl() and lists.crl_is_complete()
        if said and (signed_by is None or is_signed_by(lists.crl(), self._authority.certificate(signed_by))):
            return
        self._authority.sign_crl()

    def _publish_statuses(self) -> None:
        """The lists as they stand, signed by the key that has just become active; those of that key already stay."""
        self._authority.statuses.write()

    def _key(self, arguments: Arguments) -> KeyRecord:
        purpose, generation = Purpose(arguments["purpose"]), int(arguments["generation"])
        key = self._registry.find(purpose, generation)
        if key is None:
            name = key_name(purpose, generation)
            raise AuthorityError(f"no key {name}", reason=AuthorityReason.NO_KEY, detail=name)
        return key


_CURVES: Mapping[str, type[ec.EllipticCurve]] = {
    curve.name: curve for curve in (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
}


def _spki(public_key: ec.EllipticCurvePublicKey) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _der(issuer: CertificationAuthority) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return issuer.certificate.public_bytes(Encoding.DER)


def _check_value(master: CardMasterKey) -> bytes:
    """Tells one card master key from another, and says nothing about it: no card has serial number 0."""
    keys = master.diversify(bytes(SERIAL_SIZE))
    return sha256(keys.enc + keys.mac + keys.dek).digest()[:8]


def _actor(arguments: Arguments) -> Actor:
    return Actor(operator=arguments["operator"], witness=arguments["witness"])


def _told(arguments: Arguments, **more: Any) -> dict[str, Any]:
    """What the history says beside the event itself."""
    known = ("override", "coverage", "counters", "unaware", "cards")
    told = {name: arguments[name] for name in known if name in arguments}
    return {**told, **more}


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
