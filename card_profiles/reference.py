"""Renders a profile as its reference page: `python -m card_profiles.reference > docs/CARD_PROFILE.md`."""

from __future__ import annotations

from .model import Application, CardProfile, Content, ElementaryFile, Grant, LifeCycle, Operation, Slot
from .residence_permit_v1 import RESIDENCE_PERMIT_V1

HOLDS = {
    Content.SECURITY_INFOS: "PACE parameters on offer (9303-11 §9.2)",
    Content.ATR_INFO: "largest command and response (ISO/IEC 7816-4 §12.7.1)",
    Content.DIRECTORY: "the applications (ISO/IEC 7816-4 §12.2.2)",
    Content.COM: "LDS version, data groups present (9303-10 §4.6.1)",
    Content.DG1: "machine-readable zone, TD1 (9303-5)",
    Content.DG2: "portrait in an ISO/IEC 19794-5 record, JPEG or JPEG 2000",
    Content.DG11: "native name, personal number, address",
    Content.DG12: "issuing authority, date of issue",
    Content.DG14: "Chip Authentication key, copy of the PACE parameters",
    Content.SOD: "signed digests of the data groups (9303-10 §4.6.2)",
    Content.ACTIVE: "active slot, update counter, length of each file of that slot",
    Content.MSO: "COSE_Sign1 over the MobileSecurityObject (ISO/IEC 18013-5 §9.1.2)",
    Content.PERMIT: "IssuerSignedItem `permit`: number, names, birth date, class, authority, digest of DG2",
    Content.SECTOR: "IssuerSignedItem: service code → valid until",
    Content.SIGNER_CERTIFICATE: "entitlement signer; read only when its kid is unknown",
}


def render(profile: CardProfile) -> str:
    """The page, in Markdown."""
    lines = [
        f"# Card profile `{profile.name}`",
        "",
        "Generated from the declaration by `python -m card_profiles.reference`; do not edit.",
        "",
        f"- Digest of the declaration: `{profile.digest().hex()}`",
        f"- docType `{profile.doc_type}`, one namespace `{profile.namespace}`",
        f"- ATR `{profile.atr.hex().upper()}`",
        f"- Extended length: commands to {profile.max_command}, responses to {profile.max_response} bytes",
        "- PACE: " + ", ".join(f"`{offer.oid}` over parameters {offer.parameter_id}" for offer in profile.pace),
        f"- BAC: {'on' if profile.bac else 'off'}",
        f"- Chip Authentication v1: key {profile.chip_key_id}, domain parameters {profile.chip_key_parameter_id}",
        f"- SCP03: i={profile.scp03.i:02X}, level {profile.scp03.level:02X}, AES-{8 * profile.scp03.key_length}; key"
        f" version {profile.scp03.transport_key_version:02X} transport, {profile.scp03.authority_key_version:02X}"
        " the authority's",
        "",
        "What is not allowed below is denied.",
        "",
        "## Life cycle",
        "",
        "| State | LCS byte | Leaves by | To |",
        "|---|---|---|---|",
    ]
    for state in LifeCycle:
        rows = [row for row in profile.life_cycle if row.source is state]
        lines += [f"| {state.name} | {state:02X} | {row.on} | {row.target.name} |" for row in rows]
        if not rows:
            lines.append(f"| {state.name} | {state:02X} | — | — |")
    lines += ["", "## Operations", "", "| Operation | " + " | ".join(state.name for state in LifeCycle) + " |"]
    lines.append("|---" * (1 + len(LifeCycle)) + "|")
    lines += [f"| {operation} | " + " | ".join(_cells(profile.grants(operation))) + " |" for operation in Operation]
    for application in (profile.master_file, *profile.applications):
        lines += ["", *_application(application)]
    return "\n".join(lines) + "\n"


def _application(application: Application) -> list[str]:
    aid = f", AID `{application.aid.hex().upper()}`" if application.aid else ""
    lines = [
        f"## {application.name}{aid}",
        "",
        "| File | FID | SFI | Bytes | Holds | Read | Update |",
        "|---|---|---|---|---|---|---|",
    ]
    return lines + [_row(file, application) for file in application.files if file.slot is not Slot.B]


def _row(file: ElementaryFile, application: Application) -> str:
    fid, sfi, name = f"{file.fid:04X}", f"{file.sfi:02X}", file.name
    if file.slot is Slot.A:
        twin = application.by_content(file.content, slot=Slot.B, element=file.element)
        name, fid, sfi = name.removesuffix("/A"), f"{fid} / {twin.fid:04X}", f"{sfi} / {twin.sfi:02X}"
    access = f"{_grants(file.read)} | {_grants(file.update)}"
    return f"| {name} | {fid} | {sfi} | {file.size} | {HOLDS[file.content]} | {access} |"


def _cells(grants: tuple[Grant, ...]) -> list[str]:
    return [", ".join(grant.condition for grant in grants if grant.state is state) or "—" for state in LifeCycle]


def _grants(grants: tuple[Grant, ...]) -> str:
    by_condition: dict[str, list[str]] = {}
    for grant in grants:
        by_condition.setdefault(grant.condition, []).append(grant.state.name.lower())
    return "; ".join(f"{condition} ({', '.join(states)})" for condition, states in by_condition.items()) or "never"


if __name__ == "__main__":
    print(render(RESIDENCE_PERMIT_V1), end="")
