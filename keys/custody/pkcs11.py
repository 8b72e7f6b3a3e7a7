"""Private keys on a PKCS #11 token: made inside, used inside, never outside.

SoftHSM 2.6.1 takes only the raw CKM_ECDSA: the message is hashed here and r ‖ s comes back. A key is refused unless the
token itself says that it was made inside and was always sensitive and never extractable; before its first use in a
session it signs a test message, which is verified with `cryptography` against its public key. The card master key is an
AES-256 object that can only CMAC: `Pkcs11CardMasterKey`.

CKA_ID ties the two halves of a pair together and says what they are for: purpose, a slash, eight random bytes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from .. import der
from ..algorithms import CURVES
from . import (
    SELF_TEST,
    CardKeys,
    CardMasterKey,
    CustodyError,
    CustodyReason,
    KeyInfo,
    KeyKind,
)
from .pin import PinSource, pin_source
from .token_key import Pkcs11PrivateKey, digest_of, verify_raw
from .token_master import Pkcs11CardMasterKey
from .token_objects import (
    APPLICATION,
    SigningKey,
    class_of,
    curve_name,
    exists,
    is_key,
    is_protected,
    missing,
    public_key_of,
    require_protected,
    secret_first,
    wrong,
)
from .token_session import TokenSession, open_session
from .token_uri import TokenUri

VARIABLE_MODULE = "PERMIT_PKCS11_MODULE"
"""Environment variable: path of the PKCS #11 module."""
DEFAULT_MODULE = "/usr/lib/softhsm/libsofthsm2.so"
"""Where Debian puts SoftHSM 2."""

_MASTER_PURPOSE = KeyKind.CARD_MASTER_KEY.value
_CMAC_SIZE = 16


class Pkcs11Custody:
    """Keys on the tokens of one PKCS #11 module. Implements `Custody` for `pkcs11:` URIs; safe for threads.

    `module` is the path of the module; `pin` is read whenever a session must be opened, and not kept. All custodies of
    a process share one session per token. Signing in parallel takes processes: `pool`.
    """

    def __init__(self, module: str, pin: PinSource, *, random: Callable[[int], bytes] = os.urandom) -> None:
        self.module = module
        self.pin = pin
        self._random = random
        self._opened: dict[tuple[str, str], TokenSession] = {}
        self._usable: dict[TokenUri, SigningKey] = {}

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Pkcs11Custody:
        """The module of `VARIABLE_MODULE` (SoftHSM by default), the PIN as `pin.pin_source` finds it."""
        return cls(environment.get(VARIABLE_MODULE, DEFAULT_MODULE), pin_source(environment))

    def __repr__(self) -> str:
        return f"Pkcs11Custody({self.module!r})"

    def generate(self, uri: str, curve: ec.EllipticCurve, *, purpose: str = "") -> ec.EllipticCurvePrivateKey:
        """Make a key pair inside the token: sensitive, not extractable, for signing only."""
        from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag

        if curve.name not in CURVES:
            raise ValueError(f"curve {curve.name} is not in use")
        key = TokenUri.parse(uri)
        session = self._new(key)
        identifier = self._identifier(purpose)
        with session.use(key) as token:
            parameters = {Attribute.EC_PARAMS: der.object_identifier(CURVES[curve.name].oid)}
            token.create_domain_parameters(KeyType.EC, parameters, local=True).generate_keypair(
                mechanism=Mechanism.EC_KEY_PAIR_GEN,
                store=True,
                label=key.object,
                id=identifier,
                capabilities=MechanismFlag.SIGN | MechanismFlag.VERIFY,
                public_template={Attribute.PRIVATE: False, Attribute.MODIFIABLE: False},
                private_template={
                    Attribute.PRIVATE: True,
                    Attribute.SENSITIVE: True,
                    Attribute.EXTRACTABLE: False,
                    Attribute.MODIFIABLE: False,
                },
            )
            self._require_alone(session, key, identifier)
        return self.private_key(uri)

    def private_key(self, uri: str) -> Pkcs11PrivateKey:
        """The key pair under `uri`, after its self-test."""
        key = TokenUri.parse(uri)
        public_key = self._ready(key).public_key
        return Pkcs11PrivateKey(str(key), public_key, lambda digest: self._sign(key, public_key, digest))

    def public_key(self, uri: str) -> ec.EllipticCurvePublicKey:
        """The public half as the token stores it, the point checked to be on its curve."""
        key = TokenUri.parse(uri)
        session = self._session(key)
        with session.use(key):
            return public_key_of(self._only(session, key, "PUBLIC_KEY"), key)

    def sign_digest(self, uri: str, digest: bytes) -> bytes:
        """Raw CKM_ECDSA over a digest: r ‖ s, each at the curve's full width."""
        key = TokenUri.parse(uri)
        return self._sign(key, self._ready(key).public_key, digest)

    def self_test(self, uri: str) -> None:
        """Sign and verify with a key pair; see that a card master key repeats itself and tells serials apart."""
        key = TokenUri.parse(uri)
        session = self._session(key)
        kind = self._kind(session, key)
        if kind is KeyKind.CARD_MASTER_KEY:
            master = self.card_master_key(uri)
            first, again, other = (master.diversify(serial) for serial in (bytes(10), bytes(10), b"\xff" * 10))
            if first != again or first == other or len({first.enc, first.mac, first.dek}) != 3:
                raise wrong(key)
        elif kind is KeyKind.CARD_KEYS:
            self.card_keys(uri)
        else:
            self._usable.pop(key, None)
            self._ready(key)

    def destroy(self, uri: str) -> None:
        """C_DestroyObject on all that `uri` names, the private key first, then a search that must find nothing.

        Also clears away what a killed `generate` left. NOT_FOUND when there is nothing, STILL_THERE when something
        stays. SoftHSM deletes a file: old copies of its directory still hold the key.
        """
        key = TokenUri.parse(uri)
        session = self._session(key)
        with session.use(key):
            found = self._find(session, key)
            if not found:
                session.require_present(key)
                raise missing(key)
            self._usable.pop(key, None)
            for thing in sorted(found, key=secret_first):
                thing.destroy()
            if self._find(session, key):
                raise CustodyError(
                    "the token still holds the key; delete it with the vendor's tool and look again",
                    reason=CustodyReason.STILL_THERE,
                    uri=str(key),
                )
            session.require_present(key)

    def inventory(self) -> tuple[KeyInfo, ...]:
        """What lies on the tokens that this custody has opened; `token_inventory` opens one by name."""
        return tuple(info for label, serial in sorted(self._opened) for info in self.token_inventory(label, serial))

    def token_inventory(self, token: str, serial: str = "") -> tuple[KeyInfo, ...]:
        """What lies on the token of this label, sorted by URI; `kind` is None for a half pair or what is not ours."""
        from pkcs11 import Attribute

        anything = TokenUri(token=token, serial=serial, object="any")
        session = self._session(anything)
        uri = f"pkcs11:token={token}"
        with session.use(uri):
            labels = {str(thing[Attribute.LABEL]) for thing in self._find(session, None) if is_key(thing)}
            infos = []
            for label in sorted(labels):
                key = TokenUri(token=token, serial=serial, object=label)
                infos.append(self._info(session, key))
        return tuple(infos)

    def generate_card_master_key(self, uri: str) -> CardMasterKey:
        """Make an AES-256 key inside the token that can do nothing but C_Sign with CKM_AES_CMAC."""
        from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag

        key = TokenUri.parse(uri)
        session = self._new(key)
        if Mechanism.AES_CMAC not in session.mechanisms():
            raise CustodyError(
                "this token has no CKM_AES_CMAC and cannot hold a card master key; use another",
                reason=CustodyReason.MECHANISM_MISSING,
                uri=str(key),
            )
        identifier = self._identifier(_MASTER_PURPOSE)
        with session.use(key) as token:
            token.generate_key(
                KeyType.AES,
                256,
                store=True,
                label=key.object,
                id=identifier,
                capabilities=MechanismFlag.SIGN,
                template={
                    Attribute.PRIVATE: True,
                    Attribute.SENSITIVE: True,
                    Attribute.EXTRACTABLE: False,
                    Attribute.MODIFIABLE: False,
                },
            )
            self._require_alone(session, key, identifier)
        return self.card_master_key(uri)

    def card_master_key(self, uri: str) -> CardMasterKey:
        """The card master key under `uri`."""
        key = TokenUri.parse(uri)
        self._master(key)
        return Pkcs11CardMasterKey(str(key), lambda message: self._cmac(key, message))

    def store_card_keys(self, uri: str, keys: CardKeys) -> None:
        """Keep transport keys, which come from outside and are used outside: a private data object, behind the PIN."""
        from pkcs11 import Attribute, ObjectClass

        key = TokenUri.parse(uri)
        session = self._new(key)
        with session.use(key) as token:
            made = token.create_object(
                {
                    Attribute.CLASS: ObjectClass.DATA,
                    Attribute.TOKEN: True,
                    Attribute.PRIVATE: True,
                    Attribute.MODIFIABLE: False,
                    Attribute.LABEL: key.object,
                    Attribute.APPLICATION: APPLICATION,
                    Attribute.VALUE: keys.enc + keys.mac + keys.dek,
                }
            )
            if len(self._find(session, key)) != 1:
                made.destroy()
                raise exists(key)

    def card_keys(self, uri: str) -> CardKeys:
        """The transport keys kept under `uri`."""
        from pkcs11 import Attribute

        key = TokenUri.parse(uri)
        session = self._session(key)
        with session.use(key):
            secret = bytes(self._only(session, key, "DATA")[Attribute.VALUE])
        third = len(secret) // 3
        try:
            return CardKeys(enc=secret[:third], mac=secret[third : 2 * third], dek=secret[2 * third :])
        except ValueError as error:
            raise CustodyError("not three card keys", reason=CustodyReason.DAMAGED, uri=str(key)) from error

    def _session(self, key: TokenUri) -> TokenSession:
        name = (key.token, key.serial)
        session = self._opened.get(name)
        if session is None or not session.alive:
            session = open_session(self.module, key.token, key.serial, self.pin, uri=str(key))
            self._opened[name] = session
        return session

    def _new(self, key: TokenUri) -> TokenSession:
        """The session, if nothing on the token has this name yet."""
        session = self._session(key)
        with session.use(key):
            if self._find(session, key):
                raise exists(key)
        return session

    def _require_alone(self, session: TokenSession, key: TokenUri, identifier: bytes) -> None:
        # PKCS #11 has no unique names: of two processes that made one name at once, each takes its own back.
        from pkcs11 import Attribute, ObjectClass

        found = self._find(session, key)
        mine = [
            thing for thing in found if class_of(thing) != ObjectClass.DATA and bytes(thing[Attribute.ID]) == identifier
        ]
        if len(mine) == len(found):
            return
        for thing in sorted(mine, key=secret_first):
            thing.destroy()
        raise exists(key)

    def _find(self, session: TokenSession, key: TokenUri | None) -> list[Any]:
        from pkcs11 import Attribute

        template: dict[Attribute, Any] = {Attribute.TOKEN: True}
        if key is not None:
            template[Attribute.LABEL] = key.object
        with session.use(key or session.label) as token:
            # A search that cannot start complains from a destructor, where nobody catches it: ask something else first.
            token.generate_random(64)
            return list(token.get_objects(template))

    def _only(self, session: TokenSession, key: TokenUri, kind: str) -> Any:
        from pkcs11 import ObjectClass

        found = self._find(session, key)
        wanted = [thing for thing in found if class_of(thing) == ObjectClass[kind]]
        if len(wanted) == 1:
            return wanted[0]
        if not found:
            session.require_present(key)
            raise missing(key)
        raise CustodyError(
            "what lies there is no whole key, as after a break-off; destroy it and make it anew",
            reason=CustodyReason.INCOMPLETE,
            uri=str(key),
        )

    def _ready(self, key: TokenUri) -> SigningKey:
        session = self._session(key)
        usable = self._usable.get(key)
        if usable is not None and usable.session is session:
            return usable
        with session.use(key):
            private = self._only(session, key, "PRIVATE_KEY")
            require_protected(private, key)
            usable = SigningKey(session, private, public_key_of(self._only(session, key, "PUBLIC_KEY"), key))
            digest = digest_of(SELF_TEST + self._random(16), usable.curve.hash)
            if not verify_raw(usable.public_key, usable.sign(digest), digest):
                raise wrong(key)
            self._usable[key] = usable
        return usable

    def _sign(self, key: TokenUri, public_key: ec.EllipticCurvePublicKey, digest: bytes) -> bytes:
        usable = self._ready(key)
        if usable.public_key != public_key:
            # The name was given to another key since this one was handed out.
            raise missing(key)
        with usable.session.use(key):
            try:
                return usable.sign(digest)
            except BaseException:
                self._usable.pop(key, None)
                raise

    def _master(self, key: TokenUri) -> tuple[TokenSession, Any]:
        session = self._session(key)
        with session.use(key):
            master = self._only(session, key, "SECRET_KEY")
            require_protected(master, key)
            return session, master

    def _cmac(self, key: TokenUri, message: bytes) -> bytes:
        from pkcs11 import Mechanism

        session, master = self._master(key)
        with session.use(key):
            mac = bytes(master.sign(message, mechanism=Mechanism.AES_CMAC))
        if len(mac) != _CMAC_SIZE:
            raise wrong(key)
        return mac

    def _kind(self, session: TokenSession, key: TokenUri) -> KeyKind | None:
        from pkcs11 import ObjectClass

        classes = sorted(int(class_of(thing)) for thing in self._find(session, key))
        shapes = {
            (ObjectClass.PUBLIC_KEY, ObjectClass.PRIVATE_KEY): KeyKind.KEY_PAIR,
            (ObjectClass.SECRET_KEY,): KeyKind.CARD_MASTER_KEY,
            (ObjectClass.DATA,): KeyKind.CARD_KEYS,
        }
        return shapes.get(tuple(ObjectClass(number) for number in classes))

    def _info(self, session: TokenSession, key: TokenUri) -> KeyInfo:
        from pkcs11 import Attribute, ObjectClass

        kind = self._kind(session, key)
        purpose = curve = ""
        in_hardware = False
        for thing in self._find(session, key):
            if class_of(thing) in {ObjectClass.PRIVATE_KEY, ObjectClass.SECRET_KEY}:
                purpose = bytes(thing[Attribute.ID]).partition(b"/")[0].decode("ascii", "replace")
                in_hardware = is_protected(thing)
            if class_of(thing) == ObjectClass.PUBLIC_KEY and kind is KeyKind.KEY_PAIR:
                curve = curve_name(thing)
        return KeyInfo(uri=str(key), kind=kind, purpose=purpose, curve=curve, in_hardware=in_hardware)

    def _identifier(self, purpose: str) -> bytes:
        if "/" in purpose or not purpose.isascii():
            raise ValueError("a purpose is ASCII without a slash")
        return purpose.encode() + b"/" + self._random(8)
