"""What an installer may set, and what is refused with a sentence."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from card_profiles.entitlements.catalogue import Sector
from verifier.kiosk.settings import SettingsWrong, load
from verifier.texts import Language


def test_a_file_and_the_command_line_before_it(tmp_path: Path) -> None:
    path = tmp_path / "kiosk.toml"
    path.write_text(
        'sector = "health"\nname = "3 号窗口"\nreaders = ["ACR"]\nlanguages = ["en"]\nport = 9000\n'
        "[freshness_days]\nstatus_warn = 1\nstatus_services = 7\n"
    )
    found = load(str(path), {"sector": "education", "port": None})
    assert (found.sector, found.name, found.port) == (Sector.EDUCATION, "3 号窗口", 9000)
    assert found.languages == (Language.EN,)
    assert found.freshness == {"status_warn": timedelta(days=1), "status_services": timedelta(days=7)}
    assert found.uses("ACS ACR1252 00 00")
    assert not found.uses("Other")


def test_the_example_of_the_documentation(tmp_path: Path) -> None:
    import re

    docs = Path(__file__).parents[4] / "docs" / "INTEGRATION.md"
    (example,) = re.findall(r"```toml\n(.*?)```", docs.read_text(), re.S)
    (tmp_path / "kiosk.toml").write_text(example)
    assert load(str(tmp_path / "kiosk.toml"), {}).sector is Sector.HEALTH


@pytest.mark.parametrize(
    "wrong",
    [
        "", 'sector = "permit"', 'sector = "pets"', "sector = 1", "sector =",
        *('sector = "health"\n' + line for line in (
            "languages = []", 'languages = ["fr"]', 'languages = ["zh", "zh"]', 'port = "1"', "portrait = 1",
            'readers = "A"', 'host = "0.0.0.0"', "name = 3", "check_seconds = 1", "freshness_days = 3",
            'colour = "red"', "[freshness_days]\nstatus_refuse = 31", "[freshness_days]\nstatus_warn = 0",
            "[freshness_days]\nstatus_warn = true", "[freshness_days]\nother = 1",
            "[freshness_days]\nstatus_refuse = 1",
        )),
    ],
)  # fmt: skip
def test_what_cannot_be(tmp_path: Path, wrong: str) -> None:
    path = tmp_path / "kiosk.toml"
    path.write_text(wrong)
    with pytest.raises(SettingsWrong):
        load(str(path), {})
    with pytest.raises(SettingsWrong):
        load(str(tmp_path / "nowhere"), {"sector": "health"})
