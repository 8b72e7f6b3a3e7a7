"""What axe, the accessibility checker, finds on a page."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

GRAVE = frozenset({"serious", "critical"})


def serious(page: Page) -> list[str]:
    """Each serious or critical finding as one line: the rule, its meaning, and the first elements that break it."""
    found = Axe().run(page).response["violations"]
    return [
        f"{rule['id']}: {rule['help']}: {', '.join(str(node['target']) for node in rule['nodes'][:3])}"
        for rule in found
        if rule["impact"] in GRAVE
    ]
