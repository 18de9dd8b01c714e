"""What the console says when something goes wrong, and what it keeps."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.console.conftest import KEY, LONG, PATIENCE_MS, SETTINGS, Tabs
from tests.service.conftest import ask, submit
from tests.support.processes import SLOW, TANH, Gateway, Lab

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def models() -> list[str]:
    return [TANH, SLOW]


def test_a_wrong_key_is_told_and_a_key_stays_in_the_tab(tabs: Tabs) -> None:
    tab = tabs.new()
    page = tab.open("", key="of-nobody")
    expect(page.get_by_role("alert").first).to_contain_text("does not know this API key")
    page.get_by_label("API key").fill(KEY)
    page.get_by_role("button", name="Use").click()
    expect(page.get_by_label("Model", exact=True)).to_be_visible()
    assert page.evaluate("sessionStorage.getItem('smoothgen-api-key')") == KEY
    assert page.evaluate("localStorage.length") == 0
    assert page.context.cookies() == []


def test_a_full_server_is_told_with_the_time_to_wait(tabs: Tabs, gateway: Gateway) -> None:
    waiting = submit(gateway.http, ask(SLOW, samples=LONG))
    page = tabs.new().open("")
    page.get_by_label("Model", exact=True).select_option(SLOW)
    page.get_by_label("Prompt").fill("0.5")
    page.get_by_label("Noisy runs at most").fill("500")
    page.get_by_role("button", name="Generate and certify").click()
    told = page.locator(".send [role=alert]")
    expect(told).to_contain_text("Nothing was accepted")
    expect(told).to_contain_text("send it again in")
    gateway.http.delete(f"/jobs/{waiting}")


def test_an_output_is_not_certified_before_its_certificate_and_a_job_can_be_cancelled(
    tabs: Tabs, gateway: Gateway
) -> None:
    job = submit(gateway.http, ask(SLOW, samples=LONG))
    page = tabs.new().open(f"jobs/{job}")
    expect(page.get_by_text("Not certified yet")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("The job was cancelled")).to_be_visible()
    expect(page.get_by_text("Certified", exact=True)).to_have_count(0)
    assert gateway.http.get(f"/jobs/{job}").json()["status"] == "cancelled"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"Prompt": ""}, "Write a prompt first"),
        ({"Change tolerated": "much"}, "“much” is no number"),
        ({"Noise level": "-1"}, "greater than or equal to"),
        ({"Prompt": "no number at all"}, "takes a number between"),
        ({"Prompt": "<img src=x onerror=alert(1)>"}, "takes a number between"),
    ],
)
def test_nonsense_is_told_in_a_sentence(tabs: Tabs, changes: dict[str, str], says: str) -> None:
    page = tabs.new().open("")
    page.get_by_label("Model", exact=True).select_option(TANH)
    page.get_by_label("Prompt").fill("0.5")
    for label, value in changes.items():
        page.get_by_label(label, exact=True).fill(value)
    page.get_by_role("button", name="Generate and certify").click()
    expect(page.locator("main")).to_contain_text(says)


@pytest.mark.parametrize("filled_by", ["typing", "an example"])
def test_a_refusal_goes_when_the_form_is_filled(tabs: Tabs, filled_by: str) -> None:
    page = tabs.new().open("")
    told = page.locator(".send [role=alert]")
    page.get_by_role("button", name="Generate and certify").click()
    expect(told).to_contain_text("Write a prompt first")
    if filled_by == "typing":
        page.get_by_label("Prompt").fill("0.5")
    else:
        page.get_by_role("button", name="A radius out of reach").click()
    expect(told).to_be_empty()


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"radius": 1}', "3"])
def test_what_is_no_certificate_is_told_in_a_sentence(tabs: Tabs, text: str) -> None:
    page = tabs.new().open("verify")
    page.get_by_label("or its text").fill(text)
    page.get_by_role("button", name="Read").click()
    expect(page.get_by_role("alert").first).not_to_be_empty()


def test_a_dead_server_is_told_and_the_job_followed_again_when_it_is_back(tabs: Tabs, lab: Lab) -> None:
    gateway = lab.gateway(**SETTINGS)
    gateway.http.headers["authorization"] = f"Bearer {KEY}"
    job = submit(gateway.http, ask(SLOW, samples=LONG))
    page = tabs.new(gateway=gateway).open(f"jobs/{job}")
    expect(page.get_by_text("Not certified yet")).to_be_visible()
    expect(page.get_by_label("Prompt")).to_be_visible()  # the models are known
    gateway.kill()
    expect(page.get_by_text("The connection to the server is lost")).to_be_visible()
    page.get_by_label("Prompt").fill("0.5")
    page.get_by_role("button", name="Generate and certify").click()
    expect(page.locator(".send [role=alert]")).to_contain_text("The server does not answer")
    again = lab.gateway(port=gateway.port, **SETTINGS)
    again.http.delete(f"/jobs/{job}", headers={"authorization": f"Bearer {KEY}"})
    expect(page.get_by_text("The job was cancelled")).to_be_visible()
