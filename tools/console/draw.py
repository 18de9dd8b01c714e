"""Takes the pictures of the console that the documentation shows: python tools/console/draw.py docs/pictures

Starts a Redis, a gateway that signs and a worker, fills in the form in headless Chromium, waits for each answer and
takes a picture of the page. Needs Debian's chromium and the packages of the tests; takes three minutes on two cores.
"""

from __future__ import annotations

import io
import math
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from playwright.sync_api import FloatRect, Locator, Page, expect, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.console.toolchain import require_chromium
from tests.support.processes import Lab

PATIENCE_MS = 600_000
MARGIN, GAP = 16, 20
WIDTH, PHONE_WIDTH, PHONE_HEIGHT = 1280, 390, 1648


def answer(page: Page) -> Image.Image:
    """A text whose answer stays the same, down to the nearest prompt that breaks it."""
    page.get_by_role("button", name="An answer").click()
    certify(page)
    page.locator(".runs summary").click()  # closes the table of the runs
    return down_to(page, ".runs")


def garment(page: Page) -> Image.Image:
    """A picture with a claim on what it shows, down to the sheet of noisy ones."""
    page.get_by_role("button", name="A picture", exact=True).click()
    page.get_by_role("button", name="Add a claim").click()
    claim = page.get_by_role("group", name="Claim 1", exact=True)
    claim.get_by_label("Score", exact=True).select_option("verdict")
    claim.get_by_label("What the picture shows").fill("red sneaker")
    claim.get_by_label("Limit").fill("0.5")
    certify(page)
    return down_to(page, ".sheet")


def passages(page: Page) -> Image.Image:
    """Passages of which one is a lie, down to the runs."""
    page.get_by_role("button", name="Passages, one of them a lie").click()
    unfold(page.get_by_label("Passages", exact=True))
    certify(page)
    return down_to(page, ".runs")


def covers(page: Page) -> Image.Image:
    """The lower part of the same answer: other passages held against the certificate, and its signature."""
    passages(page)
    others = page.get_by_label("Passages", exact=True).input_value().split("\n\n")[:-1]
    field = page.get_by_role("textbox", name="Other passages")
    field.fill("\n\n".join([*others, "Dr Lind sits in room 40."]))
    unfold(field)
    page.get_by_role("button", name="Check", exact=True).click()
    expect(page.locator(".covers [role=status]")).to_contain_text("overed")
    page.get_by_role("button", name="Verify", exact=True).click()
    expect(page.get_by_text("This server's key signed this very certificate")).to_be_visible()
    whole, first, last = taken(page), box(page, ".covers"), box(page, ".certificate")
    left, right = first["x"] - MARGIN, first["x"] + first["width"] + MARGIN
    return whole.crop((int(left), int(first["y"]) - MARGIN, int(right), int(last["y"] + last["height"]) + MARGIN))


def conversation(page: Page) -> Image.Image:
    """A conversation on a phone: the form, and beside it the answer that stands below the form."""
    page.get_by_label("A conversation").check()
    for place, text in enumerate(("What is the capital of Germany?", "Berlin."), start=1):
        page.get_by_role("button", name="Add a turn before the last").click()
        page.get_by_role("group", name=f"Turn {place}", exact=True).get_by_label("Text").fill(text)
    page.get_by_label("The last turn, which the user says").fill("What is the capital of France?")
    page.get_by_label("What is to stay the same").select_option("capitalised")
    page.get_by_label("Tokens at most").fill("3")
    page.get_by_label("Runs at most").fill("32")
    certify(page)
    whole, beside = taken(page), Image.new("RGB", (2 * PHONE_WIDTH + GAP, PHONE_HEIGHT))
    for left, top in ((0, 0), (PHONE_WIDTH + GAP, int(box(page, "#job-title")["y"]) - MARGIN)):
        beside.paste(whole.crop((0, top, PHONE_WIDTH, top + PHONE_HEIGHT)), (left, 0))
    return beside


DRAWN: dict[str, Callable[[Page], Image.Image]] = {
    "console-text": answer,
    "console-picture": garment,
    "console-passages": passages,
    "console-covers": covers,
    "console-phone": conversation,
}


def certify(page: Page) -> None:
    """Sends the form once its cost is known, and waits until the answer has all its parts."""
    expect(page.locator(".plan")).to_contain_text("model run")
    page.get_by_role("button", name="Generate and certify").click()
    expect(page.get_by_text("Done after")).to_be_visible()
    expect(page.locator(".sheet img, .runs table").first).to_be_visible()


def unfold(field: Locator) -> None:
    """Makes a field as high as its text, as a reader can by its handle."""
    field.evaluate("field => { field.style.height = `${field.scrollHeight + 2}px`; field.scrollTop = 0; }")


def taken(page: Page) -> Image.Image:
    """Returns the whole page as a picture, with no ring around what was clicked last."""
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    return Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("RGB")


def box(page: Page, selector: str) -> FloatRect:
    """Returns where an element lies on a page that is scrolled to its top."""
    found = page.locator(selector).bounding_box()
    assert found is not None, f"{selector} is not on the page"
    return found


def down_to(page: Page, selector: str) -> Image.Image:
    """Returns the page from its top to the end of an element and of the form."""
    whole, boxes = taken(page), [box(page, selector), box(page, "form.ask button.main")]
    return whole.crop((0, 0, whole.width, math.ceil(max(each["y"] + each["height"] for each in boxes)) + MARGIN))


def main(folder: Path) -> None:
    """Takes all pictures into a folder."""
    expect.set_options(timeout=PATIENCE_MS)
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        lab = Lab(Path(scratch))
        try:
            gateway = lab.gateway(signing_keys=f"{scratch}/keys", signing_issuer="https://smoothgen.example")
            lab.worker("smollm2-135m", "fashion-32")
            browser = playwright.chromium.launch(executable_path=require_chromium(), args=["--no-sandbox"])
            wide = browser.new_context(viewport={"width": WIDTH, "height": 900}, color_scheme="light")
            phone = browser.new_context(viewport={"width": PHONE_WIDTH, "height": 900}, color_scheme="dark")
            for name, draw in DRAWN.items():
                page = (phone if draw is conversation else wide).new_page()
                page.goto(f"{gateway.url}/console/")
                few = draw(page).quantize(method=Image.Quantize.MAXCOVERAGE, kmeans=2, dither=Image.Dither.NONE)
                few.save(folder / f"{name}.png", optimize=True)
        finally:
            lab.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
