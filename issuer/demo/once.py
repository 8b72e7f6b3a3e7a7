"""The main job with the commands that everybody uses, on an embedded software card.

Every step is a command that is printed before it runs, so a newcomer can repeat it.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

HERE = Path("build/demo")
SAMPLES = Path(__file__).parents[1] / "samples"
CAN = "123456"

AUTHORITY = "--home {here}/authority --passphrase-file {here}/passphrase"
COUNTER = "--image {here}/card.img --trust {here}/authority/trust --state {here}/counter"

# What happens, the command, and the exit code that it must end with.
STEPS = (
    (
        "An authority makes its keys 签发机关生成密钥",
        f"permit-keys init --authority {{samples}}/authority.json {AUTHORITY}",
        0,
    ),
    ("A blank card 一张空白卡", "permit-softcard new --image {here}/card.img", 0),
    (
        "The desk issues a permit 窗口签发居住证",
        "permit-issuer issue --application {samples}/01-chen-xiaowen.json --photo {samples}/01-chen-xiaowen.jpg"
        f" --image {{here}}/card.img {AUTHORITY} --can {CAN}",
        0,
    ),
    (
        "A hospital counter checks it, with no network 医院窗口离线核验",
        f"permit-verifier check --sector health --can {CAN} {COUNTER}",
        0,
    ),
    (
        "A school checks the same card, portrait and full identity too 学校核验同一张卡,含照片和完整身份数据",
        f"permit-verifier check --sector education --can {CAN} --photo {{here}}/portrait.jpg --identity --lang zh"
        f" {COUNTER}",
        0,
    ),
    (
        "A wrong CAN opens nothing 卡面号码错误,不予读取",
        f"permit-verifier check --sector health --can 654321 {COUNTER}",
        2,
    ),
)


def main() -> int:
    """Exit code 0 when every step ended as it should."""
    started = time.monotonic()
    if HERE.exists():
        shutil.rmtree(HERE)
    HERE.mkdir(parents=True)
    _make_passphrase()
    programs = Path(sys.executable).parent
    for title, template, expected in STEPS:
        command = shlex.split(template.format(here=HERE, samples=os.path.relpath(SAMPLES)))
        print(f"\n\033[1m── {title}\033[0m" if sys.stdout.isatty() else f"\n── {title}")
        print("$ " + shlex.join(command), flush=True)
        code = subprocess.call([str(programs / command[0]), *command[1:]])  # noqa: S603 - the commands above
        if code != expected:
            print(f"demo: {command[0]} ended with {code} in place of {expected}", file=sys.stderr)
            return 1
    print(f"\nOne card in {time.monotonic() - started:.1f} s. State is in {HERE}; run the commands again as you like.")
    return 0


def _make_passphrase() -> None:
    """A passphrase for this demonstration alone."""
    path = HERE / "passphrase"
    path.write_text(os.urandom(16).hex())
    path.chmod(0o600)
