"""Who may do what: acts and roles, as one table. Where somebody may do it is the district's matter (`places`)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from .places import Place


class Role(StrEnum):
    """What an operator is appointed as. One person, one role: an approver who could register needs no second one."""

    REGISTRAR = "registrar"
    APPROVER = "approver"
    KEY_ADMINISTRATOR = "key-administrator"
    AUDITOR = "auditor"
    SYSTEM = "system"  # the authority's own clockwork: publication, retention; nobody signs in as it


class Act(StrEnum):
    """Every act; the names stand in the audit records."""

    REGISTER = "register"
    APPLY = "apply"
    ACCEPT = "accept"
    EXTEND = "extend-deadline"
    APPROVE = "approve"
    REJECT = "reject"
    WITHDRAW = "withdraw"
    CAPTURE = "capture"
    ALLOCATE_BLANK = "allocate-blank"
    RELEASE_BLANK = "release-blank"
    PERSONALISE = "personalise"
    CARD_BOUND = "card-bound"
    CARD_SIGNED = "card-signed"
    CARD_VERIFIED = "card-verified"
    CARD_ACTIVATED = "card-activated"
    CARD_KEYS = "card-keys"
    CARD_ENDORSED = "card-endorsed"
    CARD_VOIDED = "card-voided"
    HAND_OVER = "hand-over"
    PRINT = "print"
    ENDORSE = "endorse"
    CHANGE_ENTITLEMENTS = "change-entitlements"
    CHANGE_ADDRESS = "change-address"
    MOVE_DISTRICT = "move-district"
    REPORT_LOST = "report-lost"
    SUSPEND = "suspend"
    RESTORE = "restore"
    REPLACE = "replace"
    REVOKE = "revoke"
    TERMINATE = "terminate"
    RECEIVE_STOCK = "receive-stock"
    TRANSFER_STOCK = "transfer-stock"
    SPOIL = "spoil"
    TAKE_BACK = "take-back"
    DESTROY = "destroy"
    END_OF_DAY = "end-of-day"
    STATUS_PUBLISHED = "status-published"
    REMIND = "remind"
    PURGE_CAPTURES = "purge-captures"
    ACTIVATE_RULES = "activate-rules"
    CREATE_DISTRICT = "create-district"
    CREATE_OPERATOR = "create-operator"
    CHANGE_OPERATOR = "change-operator"
    CREATE_AGENT = "create-agent"
    REVOKE_AGENT = "revoke-agent"
    SIGN_IN = "sign-in"
    SIGN_IN_FAILED = "sign-in-failed"
    SIGN_OUT = "sign-out"
    READ_HOLDER = "read-holder"
    AUDIT_EXPORT = "audit-export"
    CHECKPOINT = "checkpoint"


_REGISTRAR = frozenset({Role.REGISTRAR})
_APPROVER = frozenset({Role.APPROVER})
_OFFICE = _REGISTRAR | _APPROVER
_CLOCKWORK = frozenset({Role.SYSTEM})
_ADMINISTRATOR = frozenset({Role.KEY_ADMINISTRATOR})
_EVERYONE = frozenset(Role) - _CLOCKWORK

PERMISSIONS = MappingProxyType(
    {
        Act.REGISTER: _REGISTRAR,
        Act.APPLY: _REGISTRAR,
        Act.ACCEPT: _REGISTRAR,
        Act.EXTEND: _APPROVER,
        Act.APPROVE: _APPROVER,
        Act.REJECT: _APPROVER,
        Act.WITHDRAW: _REGISTRAR,
        Act.CAPTURE: _REGISTRAR,
        Act.ALLOCATE_BLANK: _REGISTRAR,
        Act.RELEASE_BLANK: _REGISTRAR,
        Act.PERSONALISE: _REGISTRAR,
        Act.CARD_BOUND: _REGISTRAR,
        Act.CARD_SIGNED: _REGISTRAR,
        Act.CARD_VERIFIED: _REGISTRAR,
        Act.CARD_ACTIVATED: _REGISTRAR,
        Act.CARD_KEYS: _REGISTRAR,
        Act.CARD_ENDORSED: _REGISTRAR,
        Act.CARD_VOIDED: _OFFICE,
        Act.HAND_OVER: _REGISTRAR,
        Act.PRINT: _REGISTRAR,
        Act.ENDORSE: _REGISTRAR,
        Act.CHANGE_ENTITLEMENTS: _REGISTRAR,
        Act.CHANGE_ADDRESS: _REGISTRAR,
        Act.MOVE_DISTRICT: _REGISTRAR,
        Act.REPORT_LOST: _OFFICE,
        Act.SUSPEND: _APPROVER,
        Act.RESTORE: _OFFICE,
        Act.REPLACE: _REGISTRAR,
        Act.REVOKE: _APPROVER,
        Act.TERMINATE: _APPROVER,
        Act.RECEIVE_STOCK: _REGISTRAR,
        Act.TRANSFER_STOCK: _REGISTRAR,
        Act.SPOIL: _REGISTRAR,
        Act.TAKE_BACK: _REGISTRAR,
        Act.DESTROY: _APPROVER,
        Act.END_OF_DAY: _REGISTRAR,
        Act.STATUS_PUBLISHED: _CLOCKWORK | _ADMINISTRATOR,
        Act.REMIND: _CLOCKWORK | _REGISTRAR,
        Act.PURGE_CAPTURES: _CLOCKWORK | _ADMINISTRATOR,
        Act.ACTIVATE_RULES: _ADMINISTRATOR,
        Act.CREATE_DISTRICT: _ADMINISTRATOR,
        Act.CREATE_OPERATOR: _ADMINISTRATOR,
        Act.CHANGE_OPERATOR: _ADMINISTRATOR,
        Act.CREATE_AGENT: _ADMINISTRATOR,
        Act.REVOKE_AGENT: _ADMINISTRATOR,
        Act.SIGN_IN: _EVERYONE,
        Act.SIGN_IN_FAILED: _EVERYONE,
        Act.SIGN_OUT: _EVERYONE,
        Act.READ_HOLDER: _OFFICE | {Role.AUDITOR},
        Act.AUDIT_EXPORT: frozenset({Role.AUDITOR}),
        Act.CHECKPOINT: _CLOCKWORK | _ADMINISTRATOR,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who acts. `operator` is the row's id, 0 for the clockwork; `name` goes into the audit records."""

    operator: int
    name: str
    role: Role
    place: Place

    def may(self, act: Act) -> bool:
        """Whether the role allows it."""
        return self.role in PERMISSIONS[act]


def clockwork(city: Place) -> Actor:
    """The authority itself."""
    return Actor(operator=0, name="system", role=Role.SYSTEM, place=city)
