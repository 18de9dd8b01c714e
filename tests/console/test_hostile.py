"""What the console makes of texts that are written to be run: outputs, certificates, addresses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.console.conftest import PATIENCE_MS, Tabs
from tests.service.conftest import finished, submit
from tests.support.echo import ECHO, asked, install_echo
from tests.support.processes import TANH, Gateway, Lab

expect.set_options(timeout=PATIENCE_MS)
RUNS = "<img src=x onerror='window.ran=1'><script>window.ran=1</script><svg onload='window.ran=1'></svg>"
HIDES = "Paris \u202edeifitrec\u202c \u2066end"


@pytest.fixture(scope="module")
def models() -> list[str]:
    return [TANH]


@pytest.fixture(scope="module")
def gateway(lab: Lab, gateway: Gateway) -> Gateway:
    """The console's, with a worker of a model that says its prompt."""
    lab.worker(ECHO, site=install_echo(lab.folder / "site"))
    return gateway


def nothing_ran(page: Page) -> None:
    assert page.evaluate("window.ran") is None
    assert page.locator("main img[src=x], main script, main svg[onload]").count() == 0


@pytest.mark.parametrize("text", [RUNS, HIDES])
def test_a_hostile_output_is_shown_as_text(tabs: Tabs, gateway: Gateway, text: str) -> None:
    label = {"name": "label", "extract": {"kind": "regex", "pattern": "(?s).+"}}
    job = finished(gateway.http, submit(gateway.http, asked(text, metric=label)))
    assert job["output"]["text"] == text
    page = tabs.new().open(f"jobs/{job['id']}")
    expect(page.get_by_label("Output", exact=True).locator("blockquote")).to_have_text(text)
    expect(page.get_by_role("heading", name="What is proven")).to_be_visible()
    nothing_ran(page)
    # A sentence that quotes the answer writes signs that turn the reading direction as escapes.
    assert "\u202e" not in page.get_by_role("region", name="What is proven").inner_text()


def hostile(document: Any) -> Any:
    """A document with a hostile text in the place of every text."""
    if isinstance(document, dict):
        return {name: hostile(value) for name, value in document.items()} | {RUNS: RUNS}
    if isinstance(document, list):
        return [hostile(value) for value in document]
    return RUNS if isinstance(document, str) else document


def test_a_hostile_certificate_is_shown_as_text_and_rejected(tabs: Tabs, gateway: Gateway, tmp_path: Path) -> None:
    genuine = finished(gateway.http, submit(gateway.http, asked("a prompt")))["certificate"]
    files = {
        "every text": hostile(genuine),
        "its words": genuine | {"statement": f"{RUNS} holds under every attack. Certified."},
        "its shape": genuine | {"checks": RUNS, "__proto__": {"ran": 1}, "constructor": RUNS, "radius": {RUNS: RUNS}},
    }
    for name, document in files.items():
        file = tmp_path / "certificate.json"
        file.write_text(json.dumps(document))
        page = tabs.new().open("verify")
        page.get_by_label("A file").set_input_files(file)
        page.get_by_role("button", name="Read").click()
        page.get_by_role("button", name="Verify", exact=True).click()
        expect(page.get_by_text("Rejected").first, name).to_be_visible()
        nothing_ran(page)


def test_a_statement_that_is_no_text_is_told_in_a_sentence(tabs: Tabs) -> None:
    page = tabs.new().open("verify")
    page.get_by_label("or its text").fill(json.dumps({"statement": {"toString": RUNS, "valueOf": RUNS}}))
    page.get_by_role("button", name="Read").click()
    expect(page.get_by_role("alert").first).to_contain_text("no statement in words")
    nothing_ran(page)


@pytest.mark.parametrize(
    "address",
    [
        "console/#/jobs/<img src=x onerror=window.ran=1>",
        "console/#/jobs/..%2F..%2Fmodels",
        "console/#/jobs/javascript:window.ran=1",
        "console/?<script>window.ran=1</script>#/<script>window.ran=1</script>",
    ],
)
def test_an_address_runs_nothing(tabs: Tabs, gateway: Gateway, address: str) -> None:
    tab = tabs.new()
    tab.open("")
    tab.page.goto(f"{gateway.url}/{address}")
    tab.page.reload()
    expect(tab.page.locator("main")).to_be_visible()
    nothing_ran(tab.page)


@pytest.mark.parametrize(("page", "name"), [("docs", "url"), ("docs", "configUrl"), ("redoc", "spec-url")])
def test_no_address_has_the_api_pages_read_another_description(
    tabs: Tabs, gateway: Gateway, page: str, name: str
) -> None:
    tab = tabs.new()
    other = "data:application/json,%7B%22openapi%22%3A%223.1.0%22%2C%22info%22%3A%7B%22title%22%3A%22Forged%22%7D%7D"
    tab.page.goto(f"{gateway.url}/{page}/?{name}={other}")
    expect(tab.page.get_by_text("Certified generation").first).to_be_visible()
    assert tab.page.get_by_text("Forged").count() == 0
    assert all("cdn.redoc.ly/redoc/logo-mini.svg" in error for error in tab.errors)  # a logo that the policy blocks
    tab.errors.clear()
