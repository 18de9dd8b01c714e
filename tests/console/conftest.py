"""A browser on a real gateway and worker."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.console.toolchain import Toolchain, require_chromium
from tests.support.processes import FASHION, TANH, Gateway, Lab

LANGUAGE = "smollm2-135m"
KEY = "a-key-of-the-console"
LONG = 500_000
"""Samples of a job that lasts for minutes on closed-form-slow, and fills the queue of its key."""
SETTINGS = {"api_keys": [f"console:{KEY}"], "max_samples": LONG, "max_queued_samples_per_key": 1_000}
PATIENCE_MS = 300_000
"""A picture, or a text of a model that is read first, takes minutes on a machine that others keep busy."""
_FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)


@pytest.fixture(scope="session")
def toolchain(tmp_path_factory: pytest.TempPathFactory) -> Toolchain:
    return Toolchain(tmp_path_factory.mktemp("console"))


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    lab = Lab(tmp_path_factory.mktemp("lab"))
    yield lab
    lab.close()


@pytest.fixture(scope="module")
def models() -> list[str]:
    """The models that the worker serves; a file that needs fewer overrides it."""
    return [LANGUAGE, FASHION, TANH]


@pytest.fixture(scope="module")
def gateway(lab: Lab, models: list[str]) -> Gateway:
    """A gateway that asks for a key, and a worker."""
    gateway = lab.gateway(**SETTINGS)
    gateway.http.headers["authorization"] = f"Bearer {KEY}"
    lab.worker(*models)
    return gateway


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # Not for the session: while Playwright runs, no other test of the process could run an event loop.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=require_chromium(), args=_FLAGS.split())
        yield browser
        browser.close()


class Watched:
    """A page, and what it asked for and complained about."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.url, self.page = url, context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.outside: list[str] = []
        self.errors: list[str] = []
        self.page.on("request", lambda request: self._asked(request.url))
        self.page.on("requestfailed", lambda request: self._blocked(request.url, request.failure))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda message: self._said(message.text))

    def _asked(self, url: str) -> None:
        if not url.startswith((self.url, "data:", "blob:")):
            self.outside.append(url)

    def _blocked(self, url: str, why: str | None) -> None:
        if why == "csp" and url in self.outside:  # the policy held it back: nothing was sent
            self.outside.remove(url)

    def _said(self, text: str) -> None:
        if "Content Security Policy" in text:
            self.errors.append(text)

    def open(self, view: str, *, key: str = KEY) -> Page:
        """Opens a view with this key in the tab."""
        self.page.goto(f"{self.url}/console/")
        self.page.evaluate("key => sessionStorage.setItem('smoothgen-api-key', key)", key)
        self.page.goto(f"{self.url}/console/#/{view}")
        self.page.reload()
        return self.page


class Tabs:
    """Opens pages of any width and colour scheme, and closes them with the test."""

    def __init__(self, browser: Browser, gateway: Gateway) -> None:
        self._browser, self._gateway = browser, gateway
        self._contexts: list[BrowserContext] = []
        self.opened: list[Watched] = []

    def new(self, width: int = 1280, scheme: Any = "light", gateway: Gateway | None = None) -> Watched:
        context = self._browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        self._contexts.append(context)
        self.opened.append(Watched(context, (gateway or self._gateway).url))
        return self.opened[-1]

    def close(self) -> None:
        for context in self._contexts:
            context.close()


@pytest.fixture
def tabs(browser: Browser, gateway: Gateway) -> Iterator[Tabs]:
    """Every page that a test opens asks this server alone, breaks no policy and throws nothing."""
    tabs = Tabs(browser, gateway)
    yield tabs
    tabs.close()
    assert [tab.outside for tab in tabs.opened if tab.outside] == []
    assert [tab.errors for tab in tabs.opened if tab.errors] == []
