"""What a form asks beside the plain request, and how its answer is shown, on a wide screen and on a phone."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.console.conftest import PATIENCE_MS, Tabs
from tests.console.toolchain import Toolchain
from tests.support.processes import TANH, Gateway

expect.set_options(timeout=PATIENCE_MS)
SCREENS = pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])


@pytest.fixture(scope="module")
def models() -> list[str]:
    return [TANH]


def form(tabs: Tabs, model: str, prompt: str, width: int = 1280, scheme: str = "light") -> Page:
    page = tabs.new(width, scheme).open("")
    page.get_by_label("Model", exact=True).select_option(model)
    page.get_by_label("Prompt", exact=True).fill(prompt)
    return page


def sent(page: Page, gateway: Gateway) -> dict[str, Any]:
    """Sends the form and returns the job once the page shows its end."""
    page.get_by_role("button", name="Generate and certify").click()
    expect(page.get_by_text("About this job")).to_be_visible()
    return dict(gateway.http.get(f"/jobs/{page.url.rsplit('/', 1)[-1]}").json())


def claim(page: Page, place: int) -> Locator:
    page.get_by_role("button", name="Add a claim").click()
    return page.get_by_role("group", name=f"Claim {place}", exact=True)


@SCREENS
def test_claims_on_scores_are_asked_and_shown_with_bound_and_radius(
    tabs: Tabs, gateway: Gateway, toolchain: Toolchain, width: int, scheme: str
) -> None:
    page = form(tabs, TANH, "0.25", width, scheme)
    pattern = claim(page, 1)
    pattern.get_by_label("Pattern (RE2)").fill("^0")
    pattern.get_by_label("Limit").fill("0.8")
    length = claim(page, 2)
    length.get_by_label("Score", exact=True).select_option("length")
    length.get_by_label("Counted in").select_option("characters")
    length.get_by_label("Counted up to").fill("40")
    length.get_by_label("It is to be").select_option("at_most")
    length.get_by_label("Limit").fill("35")
    certificate = sent(page, gateway)["certificate"]
    asked = [(each["score"]["name"], each.get("at_least"), each.get("at_most")) for each in certificate["claims"]]
    assert asked == [("pattern", 0.8, None), ("length", None, 35.0)]
    shown = page.locator(".claims > ul > li")
    expect(shown).to_have_count(2)
    expect(shown.nth(0)).to_contain_text("The share of outputs in which the RE2 pattern '^0' is found is at least 0.8, under")
    expect(shown.nth(0)).to_contain_text("Bound: a share of at least 0.8")
    expect(shown.nth(1)).to_contain_text("length in characters, counted up to 40, is at most 35.0, under every attack of")
    expect(shown.nth(1)).to_contain_text("Bound: a mean of at most ")
    toolchain.assert_accessible(page)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({}, "fill in “Pattern (RE2)”"),
        ({"Pattern (RE2)": "a"}, "“Limit” must be a number, and is empty"),
        ({"Pattern (RE2)": "a", "Limit": "many"}, "and is “many”"),
        ({"Pattern (RE2)": "(", "Limit": "0.5"}, "is not a regular expression"),
        ({"Pattern (RE2)": "a", "Limit": "3"}, "3"),
    ],
)
def test_a_claim_that_is_none_is_told_in_a_sentence(tabs: Tabs, fields: dict[str, str], says: str) -> None:
    page = form(tabs, TANH, "0.25")
    one = claim(page, 1)
    for label, value in fields.items():
        one.get_by_label(label).fill(value)
    page.get_by_role("button", name="Generate and certify").click()
    expect(page.locator(".send [role=alert]")).to_contain_text(says)


def test_a_claim_that_is_removed_is_not_asked(tabs: Tabs, gateway: Gateway) -> None:
    page = form(tabs, TANH, "0.25")
    claim(page, 1)
    page.get_by_role("button", name="Remove claim 1").click()
    assert "claims" not in sent(page, gateway)["certificate"]
