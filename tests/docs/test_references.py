"""What the pages refer to exists: links and their anchors, files of the repository, modules named after `python -m`."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest
from typer.main import get_command

from smoothgen.cli.main import app

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
OF_THE_PRESENT = [page for page in PAGES if page.parent.name != "decisions" and page.name != "CHANGELOG.md"]
"""Decisions and the changelog name files as they were."""
FOLDERS = "app|benchmarks|docker|docs|smoothgen|tests|workers"
FILE = re.compile(rf"(?<![\w/.{{}}…-])(?:{FOLDERS})/[\w*./-]*[\w*/]")


def read(page: Path) -> str:
    return page.read_text("utf-8")


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def without_code(text: str) -> str:
    return re.sub(r"^(```|    ).*?(^```|$)", "", text, flags=re.DOTALL | re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", read(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(page: Path) -> list[str]:
    found = re.findall(r"\]\(([^)\s]+)\)", without_code(read(page)))
    return [link for link in found if not re.match(r"https?:", link)]


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_to_a_page_and_a_heading(page):
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


@pytest.mark.parametrize("page", OF_THE_PRESENT, ids=named)
def test_files_that_a_page_names_exist(page):
    text = re.sub(r"^```(?:yaml|typescript)\n.*?^```", "", read(page), flags=re.DOTALL | re.MULTILINE)  # the reader's
    text = re.sub(r'"smoothgen/[\w/]+/v\d+"', "", text)  # versions of documents, as JSON has them
    for name in FILE.findall(text.replace("/NAME.json", "/")):
        assert next(ROOT.glob(name.rstrip("/")), None) is not None, name


@pytest.mark.parametrize("package", ["app", "smoothgen", "workers"])
def test_pages_that_code_names_exist(package):
    for file in sorted((ROOT / package).rglob("*.py")):
        for name in re.findall(r"(?<![\w/])docs/[\w./-]*\w", read(file)):
            assert any((ROOT / page).exists() for page in (name, f"{name}.md")) or any(ROOT.glob(f"{name}-*.md")), (
                f"{named(file)} names {name}"
            )


@pytest.mark.parametrize("page", OF_THE_PRESENT, ids=named)
def test_tests_that_a_page_names_exist(page):
    for name in set(re.findall(r"`(test_\w+\.py)`", read(page))):
        assert next((ROOT / "tests").rglob(name), None) is not None, name


@pytest.mark.parametrize("page", OF_THE_PRESENT, ids=named)
def test_modules_that_a_page_runs_exist(page):
    for module in re.findall(r"python -m ([\w.]+\w)", read(page)):
        assert find_spec(module) is not None, module


@pytest.mark.parametrize("page", OF_THE_PRESENT, ids=named)
def test_commands_of_the_command_line_that_a_page_shows_exist(page):
    known = get_command(app).commands
    for command in re.findall(r"(?:^\$ |^ *|`)smoothgen ([a-z][a-z-]*)", read(page), re.MULTILINE):
        assert command in known, command


def test_a_renamed_file_is_noticed():
    assert FILE.findall("see workers/research/neighbours.py, `app/routes/` and docs/pictures/*.png.") == [
        "workers/research/neighbours.py",
        "app/routes/",
        "docs/pictures/*.png",
    ]
    assert FILE.findall("application/json, /docs/x and state/redis/valkey.sock") == []


def test_the_readme_has_at_most_120_lines():
    assert len(read(ROOT / "README.md").splitlines()) <= 120
