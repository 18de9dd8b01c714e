"""What a form asks beside the plain request, and how its answer is shown, on a wide screen and on a phone."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.console.conftest import KEY, PATIENCE_MS, SETTINGS, Tabs
from tests.console.toolchain import Toolchain
from tests.service.conftest import ask, finished, submit
from tests.support.processes import TANH, Gateway, Lab
from tests.support.workers import tiny

expect.set_options(timeout=PATIENCE_MS)
SCREENS = pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])


PASSAGES = ["The door is open.", "The office is shut.", "Nobody is there."]


@pytest.fixture(scope="module")
def gateway(lab: Lab) -> Gateway:
    """A gateway that signs, with a worker of a model whose law is known and of a small one with a chat template."""
    gateway = lab.gateway(**SETTINGS, signing_keys=str(lab.folder / "keys"), signing_issuer="https://one.example")
    gateway.http.headers["authorization"] = f"Bearer {KEY}"
    folder = tiny.save(tiny.llama(), lab.folder / "llama")
    lab.worker(TANH, f"tiny={folder}")
    return gateway


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
    expect(shown.nth(0)).to_contain_text(
        "The share of outputs in which the RE2 pattern '^0' is found is at least 0.8, under"
    )
    expect(shown.nth(0)).to_contain_text(
        re.compile(r"Bound under every attack of a norm up to [\d.e-]+: a share of at least 0\.8")
    )
    expect(shown.nth(1)).to_contain_text(
        "length in characters, counted up to 40, is at most 35.0, under every attack of"
    )
    expect(shown.nth(1)).to_contain_text(": a mean of at most ")
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


@SCREENS
def test_a_conversation_is_certified_against_attacks_on_all_of_the_users_turns(
    tabs: Tabs, gateway: Gateway, toolchain: Toolchain, width: int, scheme: str
) -> None:
    page = tabs.new(width, scheme).open("")
    page.get_by_label("Model", exact=True).select_option("tiny")
    page.get_by_label("A conversation").check()
    for place, (role, text) in enumerate([("user", "7 cats"), ("assistant", "yes")], start=1):
        page.get_by_role("button", name="Add a turn before the last").click()
        turn = page.get_by_role("group", name=f"Turn {place}", exact=True)
        expect(turn.get_by_label("Who says it")).to_have_value(role)
        turn.get_by_label("Text").fill(text)
    page.get_by_label("The last turn, which the user says").fill("no")
    page.get_by_label("What an attack may alter").select_option("user")
    page.get_by_label("Tokens at most").fill("2")
    page.get_by_label("Runs at most").fill("8")
    threat = sent(page, gateway)["certificate"]["threat"]
    assert threat["attack_on"] == "token embeddings of the user's turns"
    assert threat["held_fixed"][-1] == "turns that are not the user's (1)"
    page.get_by_text("About this job").click()
    expect(page.locator(".facts")).to_contain_text("token embeddings of the user's turns")
    toolchain.assert_accessible(page)


@SCREENS
def test_a_tier_says_what_it_means_and_is_asked(
    tabs: Tabs, gateway: Gateway, toolchain: Toolchain, width: int, scheme: str
) -> None:
    page = form(tabs, TANH, "0.25", width, scheme)
    page.get_by_label("Certified is").select_option("universal")
    expect(page.get_by_text("One run: the radius follows from the noise alone")).to_be_visible()
    expect(page.get_by_label("Noisy runs at most")).to_have_count(0)
    page.get_by_label("Certified is").select_option("fleet")
    expect(page.get_by_text("the view Fleet certifies the average request")).to_be_visible()
    toolchain.assert_accessible(page)
    job = sent(page, gateway)
    assert (job["certificate"]["samples"], bool(job["fleet"]["windows"])) == (0, True)
    page.get_by_text("About this job").click()
    expect(page.locator(".facts")).to_contain_text("Counted in the fleet")


def test_other_passages_are_held_against_a_certificate_in_words(
    tabs: Tabs, gateway: Gateway, toolchain: Toolchain
) -> None:
    body = {"model": "tiny", "prompt": "no", "parameters": {"max_new_tokens": 2}, "context": PASSAGES}
    metric = {"name": "label", "extract": {"kind": "regex", "pattern": "(?s)^"}}  # every output has the same answer
    job = finished(gateway.http, submit(gateway.http, {**body, "robustness": {"units": {"size": 1}, "metric": metric}}))
    page = tabs.new(390).open(f"jobs/{job['id']}")
    covers = page.get_by_role("region", name="Does it cover other passages?")
    covers.get_by_role("button", name="Check").click()
    expect(covers.get_by_role("alert")).to_contain_text("Paste the passages")
    for passages, says in [
        ([*PASSAGES[:2], "Somebody is."], "Covered: 1 passage differs"),
        (["One.", "Two.", "Three."], "Not covered: 3 passages differ"),
    ]:
        covers.get_by_label("Other passages, under").fill("\n\n".join(passages))
        covers.get_by_role("button", name="Check").click()
        expect(covers.get_by_role("status")).to_contain_text(says)
    toolchain.assert_accessible(page)


def test_a_signature_is_checked_with_the_certificate_and_a_forged_one_is_rejected(
    tabs: Tabs, gateway: Gateway, toolchain: Toolchain
) -> None:
    job = finished(gateway.http, submit(gateway.http, ask()))
    page = tabs.new(390).open(f"jobs/{job['id']}")
    page.get_by_role("button", name="Verify", exact=True).click()
    told = page.get_by_role("region", name="The certificate").get_by_role("status")
    expect(told).to_contain_text("Valid Every number follows")
    expect(told).to_contain_text("Signed This server's key signed this very certificate")
    toolchain.assert_accessible(page)
    page.get_by_role("button", name="Forge a number, then verify").click()
    expect(told).to_contain_text("Signature rejected The signature is of another document than this one.")
    for checks in told.locator("details").all():
        checks.locator("summary").click()
    expect(told.locator("li.failed", has_text="signed is sha256:")).to_be_visible()
    toolchain.assert_accessible(page)  # the digests wrap on a phone

    others = finished(gateway.http, submit(gateway.http, ask()))["signature"]
    page = tabs.new().open("verify")
    for signature, says in [("", "Signed This server"), (others, "Signature rejected"), ("a.b", "no compact JWS")]:
        page.get_by_label("or its text").fill(json.dumps(job))
        page.get_by_label("Its signature").fill(signature)
        page.get_by_role("button", name="Read").click()
        page.get_by_role("button", name="Verify", exact=True).click()
        expect(page.locator(".certificate [role=status]")).to_contain_text(says)
        expect(page.locator(".certificate [role=status]")).to_contain_text("Valid Every number")
    page.get_by_label("or its text").fill(json.dumps(job["certificate"]))
    page.get_by_label("Its signature").fill("")
    page.get_by_role("button", name="Read").click()
    page.get_by_role("button", name="Verify", exact=True).click()
    expect(page.locator(".certificate [role=status]")).to_contain_text("There is no signature")
