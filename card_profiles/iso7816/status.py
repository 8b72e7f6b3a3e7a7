"""Status words (ISO/IEC 7816-4:2020, 5.6) and what they mean to a person."""

from __future__ import annotations

from enum import IntEnum


class StatusWord(IntEnum):
    """Those that this project sends or tells apart."""

    OK = 0x9000
    CORRUPTED_DATA = 0x6281
    END_OF_FILE = 0x6282
    DEACTIVATED_WARNING = 0x6283
    TERMINATION_WARNING = 0x6285
    AUTHENTICATION_FAILED = 0x6300
    MEMORY_UNCHANGED = 0x6400
    MEMORY_FAILURE = 0x6581
    WRONG_LENGTH = 0x6700
    LOGICAL_CHANNEL_NOT_SUPPORTED = 0x6881
    SECURE_MESSAGING_NOT_SUPPORTED = 0x6882
    LAST_COMMAND_EXPECTED = 0x6883
    CHAINING_NOT_SUPPORTED = 0x6884
    INCOMPATIBLE_FILE = 0x6981
    SECURITY_STATUS_NOT_SATISFIED = 0x6982
    BLOCKED = 0x6983
    REFERENCE_DATA_NOT_USABLE = 0x6984
    CONDITIONS_NOT_SATISFIED = 0x6985
    NO_CURRENT_FILE = 0x6986
    SECURE_MESSAGING_OBJECT_MISSING = 0x6987
    SECURE_MESSAGING_OBJECT_INCORRECT = 0x6988
    WRONG_DATA = 0x6A80
    FUNCTION_NOT_SUPPORTED = 0x6A81
    FILE_NOT_FOUND = 0x6A82
    RECORD_NOT_FOUND = 0x6A83
    NOT_ENOUGH_SPACE = 0x6A84
    INCORRECT_P1_P2 = 0x6A86
    REFERENCED_DATA_NOT_FOUND = 0x6A88
    FILE_EXISTS = 0x6A89
    WRONG_P1_P2 = 0x6B00
    INS_NOT_SUPPORTED = 0x6D00
    CLA_NOT_SUPPORTED = 0x6E00
    NO_PRECISE_DIAGNOSIS = 0x6F00


class Refused(Exception):
    """Raised on the card side of a protocol: the card answers `sw` and nothing else."""

    def __init__(self, sw: int) -> None:
        super().__init__(f"{sw:04X}")
        self.sw = sw


_CLASSES = {
    0x61: "more data is waiting",
    0x62: "warning, memory unchanged",
    0x63: "warning, memory changed",
    0x64: "execution error, memory unchanged",
    0x65: "execution error, memory changed",
    0x66: "security issue",
    0x67: "wrong length",
    0x68: "function of CLA not supported",
    0x69: "command not allowed",
    0x6A: "wrong parameters",
    0x6B: "wrong parameters P1-P2",
    0x6C: "wrong Le",
    0x6D: "instruction not supported",
    0x6E: "class not supported",
    0x6F: "no precise diagnosis",
}


def describe(sw: int) -> str:
    """A short English description, such as ``6982 security status not satisfied``."""
    if sw >> 4 == 0x63C:
        return f"{sw:04X} {sw & 0xF} tries left"
    try:
        text = StatusWord(sw).name.replace("_", " ").lower() if sw != 0x9000 else "success"
    except ValueError:
        text = _CLASSES.get(sw >> 8, "unknown")
    return f"{sw:04X} {text}"


def is_error(sw: int) -> bool:
    """Whether it is an execution or checking error (64xx to 6Fxx), so neither success, warning nor 61xx."""
    return 0x64 <= sw >> 8 <= 0x6F
