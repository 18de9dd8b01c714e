"""The whole way from typing to a verified certificate, by keyboard alone."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.console.conftest import KEY, LANGUAGE, PATIENCE_MS, Tabs

expect.set_options(timeout=PATIENCE_MS)
MOST_STOPS = 80


@pytest.fixture(scope="module")
def models() -> list[str]:
    return [LANGUAGE]


def focused(page: Page) -> str:
    """What a screen reader would call the focused control: its label, or its text."""
    script = """() => {
      const here = document.activeElement;
      const label = here.labels?.[0]?.textContent;
      return (here.getAttribute('aria-label') ?? label ?? here.textContent).trim();
    }"""
    return str(page.evaluate(script))


def tab_to(page: Page, name: str) -> None:
    """Presses Tab until the control of this name has the focus."""
    passed = []
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        passed.append(focused(page))
        if passed[-1] == name:
            return
    raise AssertionError(f"Tab never came to {name!r}, but to {passed}")


def write(page: Page, field: str, text: str) -> None:
    tab_to(page, field)
    page.keyboard.press("Control+A")
    page.keyboard.type(text)


@pytest.mark.parametrize("width", [1280, 390])
def test_from_typing_to_a_verified_certificate_by_keyboard(tabs: Tabs, width: int) -> None:
    tab = tabs.new(width)
    page = tab.page
    page.goto(f"{tab.url}/console")
    expect(page.get_by_role("alert").first).to_contain_text("asks for an API key")
    write(page, "API key", KEY)
    page.keyboard.press("Enter")

    expect(page.get_by_label("Model", exact=True)).to_have_value(LANGUAGE)
    write(page, "Prompt", "The capital of France is")
    tab_to(page, "What is to stay the same")
    page.keyboard.type("the first capitalised word")
    write(page, "Tokens at most", "3")
    write(page, "Runs at most", "32")
    expect(page.get_by_text("33 model runs at most")).to_be_visible()
    tab_to(page, "Generate and certify")
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="The answer")).to_be_focused()
    expect(page.get_by_text("Certified", exact=True)).to_be_visible()
    expect(page.get_by_role("region", name="Output", exact=True)).to_contain_text("Paris")
    expect(page.get_by_text("The answer 'Paris' stays")).to_be_visible()
    expect(page.get_by_text("The nearest one that breaks it is")).to_contain_text("Germany")
    expect(page.get_by_role("img", name="The bound rises")).to_be_visible()

    write(page, "Another prompt, in other words", "The capital of France is ")
    page.keyboard.press("Enter")
    expect(page.locator(".covers [role=status]")).to_contain_text("overed")
    tab_to(page, "Verify")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Every number follows from the evidence")).to_be_visible()
    tab_to(page, "Forge a number, then verify")
    page.keyboard.press("Enter")
    expect(page.locator(".checks")).to_contain_text("Rejected")
    expect(page.locator(".checks")).to_contain_text("radius")
