"""The one session that this process has with a token, and the one lock around every call into a PKCS #11 module.

python-pkcs11 calls C_Initialize without CKF_OS_LOCKING_OK, which promises the module that one thread alone will call it
(PKCS #11 v2.40 base §5.4); a session per thread crashed SoftHSM in eleven runs of twelve. And login belongs to the
process, not to a session: a second C_Login fails, and whoever opens a second session is logged in by the first. So
sessions are kept here, per process, and whoever asks for one again must show the same PIN.

A child made by fork may use none of this: it shares handles and perhaps a socket with its parent. It is refused.
"""

from __future__ import annotations

import atexit
import hmac
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from . import CustodyError, CustodyReason
from .pin import PinSource

_PAUSES = (0.01, 0.02, 0.04, 0.08, 0.16)
"""Seconds between looks at a token that seems to be missing. SoftHSM writes its token file anew at every login, and for
that moment every other process sees no token, or a failing one (7 and 1 of 100 openings by four processes at once)."""
_INSTALL = "install it with: pip install 'residence-permit[hsm]'"


class _Process:
    """What this process holds of modules and tokens. Guarded by `lock`."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.sessions: dict[tuple[str, bytes], TokenSession] = {}
        self.stale: set[str] = set()
        """Modules that lost a session: their list of slots may be old."""
        self.refused: set[tuple[str, bytes, bytes]] = set()
        """PINs that a token refused, as marks: a second try would only bring it nearer to its lock."""
        self.modules: set[str] = set()
        self.forked = False
        self.mark_key = os.urandom(32)

    def mark(self, pin: str) -> bytes:
        return hmac.digest(self.mark_key, pin.encode(), "sha256")


_process = _Process()


def _in_child() -> None:
    global _process  # noqa: PLW0603 - the parent's lock may be held by a thread that does not exist here
    inherited = _process.forked or bool(_process.modules)
    _process = _Process()
    _process.forked = inherited


os.register_at_fork(after_in_child=_in_child)


class TokenSession:
    """A logged-in read/write session. `alive` turns False for good when the session or its token is lost."""

    def __init__(self, module: str, token: Any, session: Any, mark: bytes) -> None:
        self.module = module
        self.label: str = token.label
        self.serial: bytes = token.serial
        self.alive = True
        self.mark = mark
        self._token = token
        self._session = session

    def __repr__(self) -> str:
        return f"TokenSession({self.label!r}, alive={self.alive})"

    @contextmanager
    def use(self, uri: object) -> Iterator[Any]:
        """Lend the python-pkcs11 session, alone; every error of the token comes out as `CustodyError`.

        `uri` names the key in errors; it is written out only then.
        """
        from pkcs11.exceptions import PKCS11Error

        with _alone(uri):
            if not self.alive:
                raise _error(CustodyReason.SESSION_LOST, uri, self.label)
            try:
                yield self._session
            except PKCS11Error as error:
                raise self._translate(error, uri) from error

    def mechanisms(self) -> frozenset[int]:
        """Numbers of the mechanisms that the token offers."""
        with self.use(f"pkcs11:token={self.label}"):
            return frozenset(int(mechanism) for mechanism in self._token.slot.get_mechanisms())

    def _translate(self, error: Exception, uri: object) -> CustodyError:
        from pkcs11 import exceptions as raised

        if isinstance(error, raised.MechanismInvalid | raised.FunctionNotSupported | raised.DomainParamsInvalid):
            return _error(CustodyReason.MECHANISM_MISSING, uri, self.label)
        if isinstance(error, raised.AttributeSensitive | raised.KeyUnextractable):
            return _error(CustodyReason.NOT_EXTRACTABLE, uri, self.label)
        if not self._present():
            reason = CustodyReason.TOKEN_REMOVED
        elif isinstance(error, raised.ObjectHandleInvalid | raised.KeyHandleInvalid):
            return _error(CustodyReason.NOT_FOUND, uri, self.label)
        elif isinstance(error, raised.SessionHandleInvalid | raised.SessionClosed | raised.UserNotLoggedIn):
            reason = CustodyReason.SESSION_LOST
        elif isinstance(error, raised.DeviceRemoved | raised.TokenNotPresent | raised.SlotIDInvalid):
            reason = CustodyReason.TOKEN_REMOVED
        else:
            reason = CustodyReason.TOKEN_FAILED
        # The error's name says more than its message, which is mostly empty.
        self.drop()
        return _error(reason, uri, self.label, type(error).__name__)

    def require_present(self, uri: object) -> None:
        """`CustodyError` (TOKEN_REMOVED) unless the token is in its slot: SoftHSM answers searches on a removed one."""
        with _alone(uri):
            if not self._present():
                self.drop()
                raise _error(CustodyReason.TOKEN_REMOVED, uri, self.label)

    def _present(self) -> bool:
        from pkcs11.exceptions import PKCS11Error

        for pause in (0.0, *_PAUSES):
            time.sleep(pause)
            try:
                token = self._token.slot.get_token()
            except PKCS11Error:
                continue
            if token.serial == self.serial and token.label == self.label:
                return True
        return False

    def drop(self) -> None:
        """Give the session up; the next use opens another."""
        from pkcs11.exceptions import PKCS11Error

        with _process.lock:
            if self.alive:
                self.alive = False
                _process.sessions.pop((self.module, self.serial), None)
                _process.stale.add(self.module)
                with suppress(PKCS11Error):
                    self._session.close()


def open_session(module: str, label: str, serial: str, pin: PinSource, *, uri: str) -> TokenSession:
    """The process's session with a token, opened if need be. `serial` may be empty.

    Raises `CustodyError`: DRIVER_MISSING, MODULE_MISSING, MODULE_FAILED, TOKEN_MISSING, TOKEN_AMBIGUOUS, PIN_MISSING,
    WRONG_PIN (also when the session is open with another PIN), PIN_LOCKED, LOGIN_TAKEN, FORKED, TOKEN_FAILED.
    """
    secret = pin.read(label)
    with _alone(uri):
        for pause in _PAUSES:
            try:
                return _open(module, label, serial, secret, uri)
            except CustodyError as error:
                if error.reason not in {CustodyReason.TOKEN_MISSING, CustodyReason.TOKEN_FAILED}:
                    raise
            # A module reads its slots at C_Initialize: what comes later shows only after the next.
            _process.stale.add(module)
            time.sleep(pause)
        return _open(module, label, serial, secret, uri)


def _open(module: str, label: str, serial: str, secret: str, uri: str) -> TokenSession:
    tokens = _tokens(_library(module, uri), label, serial)
    if len(tokens) != 1:
        reason = CustodyReason.TOKEN_AMBIGUOUS if tokens else CustodyReason.TOKEN_MISSING
        raise _error(reason, uri, label)
    [token] = tokens
    mark = _process.mark(secret)
    present = _process.sessions.get((module, token.serial))
    if present is not None:
        if not hmac.compare_digest(present.mark, mark):
            raise _error(CustodyReason.WRONG_PIN, uri, label)
        return present
    if (module, token.serial, mark) in _process.refused:
        raise _error(CustodyReason.WRONG_PIN, uri, label)
    session = TokenSession(module, token, _login(module, token, secret, mark, uri), mark)
    _process.sessions[module, token.serial] = session
    return session


def close_sessions() -> None:
    """Log out of every token and finalise every module, as at the end of the process."""
    if _process.forked:
        return
    with _process.lock:
        for session in list(_process.sessions.values()):
            session.drop()
        for module in list(_process.modules):
            _finalize(module)
        _process.modules.clear()
        _process.stale.clear()
        _process.refused.clear()


atexit.register(close_sessions)


@contextmanager
def _alone(uri: object) -> Iterator[None]:
    if _process.forked:
        raise _error(CustodyReason.FORKED, uri, "")
    with _process.lock:
        yield


def _library(module: str, uri: str) -> Any:
    try:
        import pkcs11
    except ImportError:
        raise _error(CustodyReason.DRIVER_MISSING, uri, _INSTALL) from None
    if not os.path.isfile(module):
        raise _error(CustodyReason.MODULE_MISSING, uri, module)
    try:
        library = pkcs11.lib(module)
    except pkcs11.PKCS11Error as error:
        raise _error(CustodyReason.MODULE_FAILED, uri, module, type(error).__name__) from error
    if module in _process.stale and not _open_on(module):
        _reinitialize(library, module, uri)
    _process.modules.add(module)
    return library


def _reinitialize(library: Any, module: str, uri: str) -> None:
    import pkcs11

    try:
        library.reinitialize()
    except pkcs11.PKCS11Error as error:
        raise _error(CustodyReason.MODULE_FAILED, uri, module, type(error).__name__) from error
    _process.stale.discard(module)


def _finalize(module: str) -> None:
    import pkcs11

    with suppress(pkcs11.PKCS11Error):
        pkcs11.lib(module).finalize()


def _open_on(module: str) -> bool:
    return any(name == module for name, _ in _process.sessions)


def _tokens(library: Any, label: str, serial: str) -> list[Any]:
    from pkcs11 import PKCS11Error, TokenFlag

    found = []
    for slot in library.get_slots(token_present=True):
        try:
            token = slot.get_token()
        except PKCS11Error:
            continue
        if (
            token.flags & TokenFlag.TOKEN_INITIALIZED
            and token.label == label
            and serial in {"", token.serial.decode("ascii", "replace").strip()}
        ):
            found.append(token)
    return found


def _login(module: str, token: Any, pin: str, mark: bytes, uri: str) -> Any:
    from pkcs11 import exceptions as raised

    try:
        return token.open(rw=True, user_pin=pin)
    except (raised.PinIncorrect, raised.PinInvalid, raised.PinLenRange):
        _process.refused.add((module, token.serial, mark))
        reason = CustodyReason.WRONG_PIN
    except (raised.PinLocked, raised.PinExpired, raised.UserPinNotInitialized):
        reason = CustodyReason.PIN_LOCKED
    except raised.UserAlreadyLoggedIn:
        reason = CustodyReason.LOGIN_TAKEN
    except raised.PKCS11Error as error:
        raise _error(CustodyReason.TOKEN_FAILED, uri, token.label, type(error).__name__) from error
    raise _error(reason, uri, token.label)


_LINES: dict[CustodyReason, str] = {
    CustodyReason.DRIVER_MISSING: "python-pkcs11 is not there; {what}",
    CustodyReason.MODULE_MISSING: "no PKCS#11 module at {what}; install it (SoftHSM: apt-get install softhsm2) "
    "or correct PERMIT_PKCS11_MODULE",
    CustodyReason.MODULE_FAILED: "PKCS#11 module {what} does not start; check its configuration "
    "(SoftHSM: SOFTHSM2_CONF)",
    CustodyReason.TOKEN_MISSING: "no token {what}; plug it in, or check its label with: pkcs11-tool --list-slots",
    CustodyReason.TOKEN_AMBIGUOUS: "several tokens are called {what}; add serial=… to the key's URI",
    CustodyReason.TOKEN_REMOVED: "token {what} is gone; put it back and try again",
    CustodyReason.TOKEN_FAILED: "token {what} failed; look into its log, then try again",
    CustodyReason.MECHANISM_MISSING: "token {what} cannot do this; it must offer CKM_ECDSA on this curve, CKM_AES_CMAC "
    "for a card master key",
    CustodyReason.SESSION_LOST: "the session with token {what} was lost; try again, a new one is opened",
    CustodyReason.LOGIN_TAKEN: "other code in this process is logged in to token {what}; use it from one place only",
    CustodyReason.FORKED: "this process was forked from one that uses a token; start it as a new program (spawn)",
    CustodyReason.WRONG_PIN: "token {what} refuses the PIN; correct it before trying again, a token locks after a few",
    CustodyReason.PIN_LOCKED: "token {what} takes no PIN; its security officer must set a new one",
    CustodyReason.NOT_EXTRACTABLE: "keys never leave token {what}; use them through it",
    CustodyReason.NOT_FOUND: "there is no such key on token {what}; list the keys and check the URI",
}


def _error(reason: CustodyReason, uri: object, what: str, cause: str = "") -> CustodyError:
    line = _LINES[reason].format(what=what)
    return CustodyError(f"{line} ({cause})" if cause else line, reason=reason, uri=str(uri))
