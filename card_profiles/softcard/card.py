"""The software card: takes command APDUs, answers, enforces every access rule and state of its profile."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace

from keys.errors import DecodeError

from ..iso7816 import tlv
from ..iso7816.apdu import CLA_CHAINING, CommandApdu, ResponseApdu
from ..iso7816.commands import encode_public_key, key_reference
from ..iso7816.status import Refused, StatusWord
from ..model import Application, CardProfile, Condition, ElementaryFile, Grant, LifeCycle, Operation
from ..protocols.scp03 import put_key_answer
from .channels import SecureChannels
from .image import CardState, Image

_LCS_TAG = 0x8A  # ISO/IEC 7816-4 Table 12: life cycle status byte
_SCP03_BIT = 0x04
_SM_BITS = 0x0C


@dataclass(slots=True)
class _Selection:
    application: Application
    file: ElementaryFile | None = None


class SoftCard:
    """One card in one reader: `image` is its EEPROM, the rest of the object its RAM, lost at `reset`.

    Each command leads to at most one `image.store`, after which the answer is given: power lost before it is a command
    that never came, power lost after it is an answer that was never heard.
    """

    def __init__(self, profile: CardProfile, image: Image, *, random: Callable[[int], bytes] = os.urandom) -> None:
        self.profile = profile
        self._image = image
        self._random = random
        self._state: CardState = image.load()
        if self._state.profile != profile.name:
            raise ValueError(f"the image is of profile {self._state.profile}, not {profile.name}")
        self.reset()

    @property
    def atr(self) -> bytes:
        """The answer to reset, as the profile declares it."""
        return self.profile.atr

    @property
    def state(self) -> CardState:
        """Non-volatile memory as it stands."""
        return self._state

    def reset(self) -> bytes:
        """Power up: RAM is empty, the MF is selected. Returns the ATR."""
        self.power_off()
        self._state = self._image.load()
        return self.atr

    def power_off(self) -> None:
        """Lose everything that is not in the image."""
        self._selected = _Selection(self.profile.master_file)
        self._channels = SecureChannels(self.profile, self._random)
        self._chain = b""

    def close(self) -> None:
        """Take the card out of the reader; its image is free for another process."""
        self.power_off()
        self._image.close()

    def execute(self, raw: bytes) -> bytes:
        """Execute one command APDU and return the response APDU. Total: any bytes get an answer."""
        before = self._state
        try:
            command = CommandApdu.parse(raw)
        except DecodeError:
            return ResponseApdu(sw=StatusWord.WRONG_LENGTH).encode()
        response = self._unprotect(command)
        if self._state is not before:
            self._image.store(self._state)
        return response.encode()

    # --- protection ---------------------------------------------------------------------------------------------

    def _unprotect(self, command: CommandApdu) -> ResponseApdu:
        channels = self._channels
        protection = Condition.ALWAYS
        if command.cla & _SM_BITS == _SM_BITS:
            protection = Condition.SECURE_MESSAGING
        elif command.cla & _SCP03_BIT and command.ins != 0x82:  # 84 82 is what opens SCP03
            protection = Condition.SCP03
        if protection is not Condition.ALWAYS:
            try:
                return channels.close(self._answer(channels.open(command, protection), protection))
            except Refused as refused:
                channels.drop()
                return ResponseApdu(sw=refused.sw)
        channels.plain(command)
        if command.cla & CLA_CHAINING and command.ins != 0x86:
            return self._collect(command)
        whole = replace(command, data=self._chain + command.data) if self._chain else command
        self._chain = b""
        return self._answer(whole, Condition.ALWAYS)

    def _collect(self, command: CommandApdu) -> ResponseApdu:
        if len(self._chain) + len(command.data) > self.profile.max_command:
            self._chain = b""
            return ResponseApdu(sw=StatusWord.WRONG_LENGTH)
        self._chain += command.data
        return ResponseApdu(sw=StatusWord.OK)

    def _answer(self, command: CommandApdu, protection: Condition) -> ResponseApdu:
        handler = _HANDLERS.get(command.ins)
        try:
            if handler is None:
                raise Refused(StatusWord.INS_NOT_SUPPORTED)
            return handler(self, command, protection)
        except Refused as refused:
            return ResponseApdu(sw=refused.sw)
        except DecodeError:
            return ResponseApdu(sw=StatusWord.WRONG_DATA)

    # --- access rules -------------------------------------------------------------------------------------------

    def _require(self, grants: tuple[Grant, ...], protection: Condition) -> None:
        here = [grant.condition for grant in grants if grant.state is self._state.life_cycle]
        for condition in here:
            if condition in (Condition.ALWAYS, protection):
                return
            if condition is Condition.AFTER_SCP03 and self._channels.writer_seen:
                return
        raise Refused(
            StatusWord.SECURITY_STATUS_NOT_SATISFIED
            if here and Condition.AFTER_SCP03 not in here
            else StatusWord.CONDITIONS_NOT_SATISFIED
        )

    def _require_operation(self, operation: Operation, protection: Condition) -> None:
        self._require(self.profile.grants(operation), protection)

    def _succeeded(self, operation: Operation, **changes: object) -> None:
        target = self.profile.after(self._state.life_cycle, operation)
        self._state = replace(self._state, life_cycle=target, **changes)  # type: ignore[arg-type]

    # --- files (ISO/IEC 7816-4 §11) -----------------------------------------------------------------------------

    def _select(self, command: CommandApdu, protection: Condition) -> ResponseApdu:
        match command.p1:
            case 0x04:
                found = [app for app in self.profile.applications if app.aid == command.data]
                if not found:
                    raise Refused(StatusWord.FILE_NOT_FOUND)
                self._choose(found[0])
            case 0x00 if command.data in (b"", b"\x3f\x00"):
                self._choose(self.profile.master_file)
            case 0x00 | 0x02 if len(command.data) == 2:
                self._selected.file = self._find(lambda file: file.fid == int.from_bytes(command.data))
            case _:
                raise Refused(StatusWord.INCORRECT_P1_P2)
        terminated = self._state.life_cycle is LifeCycle.TERMINATED
        sw = StatusWord.TERMINATION_WARNING if terminated else StatusWord.OK
        return ResponseApdu(data=self._control_parameters() if command.p2 == 0x04 else b"", sw=sw)

    def _choose(self, application: Application) -> None:
        if application is not self._selected.application:
            self._channels.leave_application()
        self._selected = _Selection(application)

    def _control_parameters(self) -> bytes:
        """FCP template 62: file identifier or AID, life cycle status byte (ISO/IEC 7816-4 §7.4)."""
        application, file = self._selected.application, self._selected.file
        if file is not None:
            name = tlv.encode(0x83, file.fid.to_bytes(2)) + tlv.encode(0x80, len(self._content(file)).to_bytes(2))
        else:
            name = tlv.encode(0x84, application.aid) if application.aid else tlv.encode(0x83, b"\x3f\x00")
        return tlv.encode(0x62, name + tlv.encode(_LCS_TAG, bytes((self._state.life_cycle,))))

    def _find(self, matches: Callable[[ElementaryFile], bool]) -> ElementaryFile:
        for file in self._selected.application.files:
            if matches(file):
                return file
        raise Refused(StatusWord.FILE_NOT_FOUND)

    def _addressed(self, command: CommandApdu) -> tuple[ElementaryFile, int]:
        """The file and offset that P1-P2 name (ISO/IEC 7816-4 §11.3.1): by SFI with an 8-bit offset, or current."""
        if command.p1 & 0x80:
            if command.p1 & 0x60:
                raise Refused(StatusWord.INCORRECT_P1_P2)
            return self._find(lambda file: file.sfi == command.p1 & 0x1F), command.p2
        if self._selected.file is None:
            raise Refused(StatusWord.NO_CURRENT_FILE)
        return self._selected.file, command.p1 << 8 | command.p2

    def _content(self, file: ElementaryFile) -> bytes:
        return self._state.files.get((self._selected.application.name, file.fid), b"")

    def _read_binary(self, command: CommandApdu, protection: Condition) -> ResponseApdu:
        if command.ins == 0xB1:  # odd instruction: offset data object 54 in, discretionary data 53 out
            file = self._selected.file
            if command.p1 or command.p2:
                file = self._find(lambda one: one.sfi == command.p2)
            if file is None:
                raise Refused(StatusWord.NO_CURRENT_FILE)
            offset = int.from_bytes(tlv.unwrap(command.data, 0x54).value)
        else:
            file, offset = self._addressed(command)
        self._require(file.read, protection)
        content = self._content(file)
        if offset > len(content) or command.ne == 0:
            raise Refused(StatusWord.WRONG_P1_P2 if command.ne else StatusWord.WRONG_LENGTH)
        self._selected.file = file
        wanted = min(command.ne, self._channels.room(), self.profile.max_response)
        data = content[offset : offset + wanted]
        cut = len(data) < command.ne and command.ne not in (256, 65536)
        if command.ins == 0xB1:
            data = tlv.encode(0x53, data[: max(0, wanted - 4)])
        return ResponseApdu(data=data, sw=StatusWord.END_OF_FILE if cut else StatusWord.OK)

    def _update_binary(self, command: CommandApdu, protection: Condition) -> ResponseApdu:
        file, offset = self._addressed(command)
        self._require(file.update, protection)
        content = self._content(file)
        if offset > len(content):
            raise Refused(StatusWord.WRONG_P1_P2)
        if not command.data:
            raise Refused(StatusWord.WRONG_LENGTH)
        if offset + len(command.data) > file.size:
            raise Refused(StatusWord.NOT_ENOUGH_SPACE)
        self._selected.file = file
        content = content[:offset] + command.data + content[offset + len(command.data) :]
        key = (self._selected.application.name, file.fid)
        self._state = replace(self._state, files={**self._state.files, key: content})
        return ResponseApdu(sw=StatusWord.OK)

    # --- keys, passwords, life cycle ----------------------------------------------------------------------------

    def _initialize_update(self, command: CommandApdu, protection: Condition) -> ResponseApdu:
        self._require_operation(Operation.IDENTIFY, protection)
        state = self._state
        return self._channels.initialize_update(
            command,
            keys=state.keys,
            serial=state.serial,
            sequence_counter=state.sequence_counter,
            aid=self._selected.application.aid,
        )

    def _external_authenticate(self, command: CommandApdu, protection: Condition) -> ResponseApdu:
        self._require_operation(Operation.OPEN_SCP03, protection)
        counter, response = self._channels.external_authenticate(command)
        self._state = replace(self._state, sequence_counter=counter)
        return response

    def _put_key(self, command: CommandApdu, protection: Condition) -> ResponseApdu:
        self._require_operation(Operation.PUT_KEY, protection)
        keys = self._channels.decrypt_put_key(command.data)
        self._succeeded(Operation.PUT_KEY, keys=keys)
        return ResponseApdu(data=put_key_answer(keys), sw=StatusWord.OK)

    def _put_data(self, command: CommandApdu, protection: Condition) -> ResponseApdu:
        """Application data 01kk: the secret of PACE password reference kk (01 MRZ: 20 bytes, 02 CAN: 6 digits)."""
        self._require_operation(Operation.PUT_PASSWORD, protection)
        match command.p1, command.p2:
            case 0x01, 0x01 if len(command.data) == 20:
                pass
            case 0x01, 0x02 if len(command.data) == 6 and command.data.isdigit():
                pass
            case _:
                raise Refused(StatusWord.WRONG_DATA)
        passwords = {**self._state.passwords, command.p2: command.data}
        self._succeeded(Operation.PUT_PASSWORD, passwords=passwords)
        return ResponseApdu(sw=StatusWord.OK)

    def _generate_key_pair(self, command: CommandApdu, protection: Condition) -> ResponseApdu:
        """ISO/IEC 7816-8 §10.1: P1 80 generates, 81 reads the public key; answers 7F49 {86 point of 65 bytes}."""
        if key_reference(command.data) != self.profile.chip_key_id:
            raise Refused(StatusWord.REFERENCED_DATA_NOT_FOUND)
        match command.p1:
            case 0x80:
                self._require_operation(Operation.GENERATE_KEY, protection)
                self._succeeded(Operation.GENERATE_KEY, chip_key=self._channels.new_chip_key())
            case 0x81:
                self._require_operation(Operation.READ_PUBLIC_KEY, protection)
                if not self._state.chip_key:
                    raise Refused(StatusWord.REFERENCED_DATA_NOT_FOUND)
            case _:
                raise Refused(StatusWord.INCORRECT_P1_P2)
        point = self._channels.public_point(self._state.chip_key)
        return ResponseApdu(data=encode_public_key(point), sw=StatusWord.OK)

    def _activate(self, command: CommandApdu, protection: Condition) -> ResponseApdu:
        self._require_operation(Operation.ACTIVATE, protection)
        if not self._state.chip_key or not self._state.passwords:
            raise Refused(StatusWord.CONDITIONS_NOT_SATISFIED)
        self._succeeded(Operation.ACTIVATE)
        return ResponseApdu(sw=StatusWord.OK)

    def _terminate(self, command: CommandApdu, protection: Condition) -> ResponseApdu:
        self._require_operation(Operation.TERMINATE, protection)
        self._succeeded(Operation.TERMINATE, chip_key=b"", passwords={}, files={})
        return ResponseApdu(sw=StatusWord.OK)

    # --- authentication -----------------------------------------------------------------------------------------

    def _manage_security_environment(self, command: CommandApdu, protection: Condition) -> ResponseApdu:
        match command.p1, command.p2:
            case 0xC1, 0xA4:
                self._require_operation(Operation.PACE, protection)
                return self._channels.begin_pace(command, self._state.passwords)
            case 0x41, 0xA4 | 0xA6:
                self._require_operation(Operation.CHIP_AUTHENTICATION, protection)
                return self._channels.begin_chip_authentication(command, self._state.chip_key)
        raise Refused(StatusWord.INCORRECT_P1_P2)

    def _general_authenticate(self, command: CommandApdu, protection: Condition) -> ResponseApdu:
        return self._channels.general_authenticate(command)

    def _get_challenge(self, command: CommandApdu, protection: Condition) -> ResponseApdu:
        self._require_operation(Operation.BAC, protection)
        return self._channels.get_challenge(self._state.passwords)

    def _bac(self, command: CommandApdu, protection: Condition) -> ResponseApdu:
        self._require_operation(Operation.BAC, protection)
        return self._channels.mutual_authenticate(command.data)

    def _external_or_bac(self, command: CommandApdu, protection: Condition) -> ResponseApdu:
        if command.cla & 0x80:  # GlobalPlatform EXTERNAL AUTHENTICATE; 00 82 is BAC's mutual authentication
            return self._external_authenticate(command, protection)
        return self._bac(command, protection)


_Handler = Callable[[SoftCard, CommandApdu, Condition], ResponseApdu]
_HANDLERS: dict[int, _Handler] = {
    0x22: SoftCard._manage_security_environment,
    0x44: SoftCard._activate,
    0x47: SoftCard._generate_key_pair,
    0x50: SoftCard._initialize_update,
    0x82: SoftCard._external_or_bac,
    0x84: SoftCard._get_challenge,
    0x86: SoftCard._general_authenticate,
    0xA4: SoftCard._select,
    0xB0: SoftCard._read_binary,
    0xB1: SoftCard._read_binary,
    0xD6: SoftCard._update_binary,
    0xD8: SoftCard._put_key,
    0xDA: SoftCard._put_data,
    0xFE: SoftCard._terminate,
}
