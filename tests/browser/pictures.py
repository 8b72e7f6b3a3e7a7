"""Screenshots, kept for people to look at."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

HERE = Path("build/pictures")


def save(page: Page, name: str) -> Path:
    """The whole page as build/pictures/NAME.png."""
    HERE.mkdir(parents=True, exist_ok=True)
    path = HERE / f"{name}.png"
    page.screenshot(path=path, full_page=True)
    return path
