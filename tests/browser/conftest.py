"""A real headless Chromium; without it these tests are skipped and say what they need."""

from __future__ import annotations

import shutil

import pytest

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="session")
def browser():
    """Chromium, driven by Playwright."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="the browser tests need playwright: pip install playwright"
    )
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("the browser tests need Chromium: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=path, args=FLAGS)
        yield chromium
        chromium.close()


class Watched:
    """A page with everything that went wrong on it, and every host it asked."""

    def __init__(self, browser, **options) -> None:
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.troubles: list[str] = []
        self.hosts: set[str] = set()
        self.page.on(
            "console",
            lambda message: self.troubles.append(message.text) if message.type in ("error", "warning") else None,
        )
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.troubles.append(f"dialog {dialog.message}"), dialog.dismiss()))
        self.page.on("request", lambda request: self.hosts.add(request.url.split("/")[2]))

    def close(self) -> None:
        self.context.close()


@pytest.fixture
def watched(browser):
    """`watched(width=…, scheme=…)` gives a page that is being watched."""
    made: list[Watched] = []

    def make(width: int = 1280, scheme: str = "light") -> Watched:
        made.append(
            Watched(browser, viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce")
        )
        return made[-1]

    yield make
    for one in made:
        one.close()
