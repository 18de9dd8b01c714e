"""The console's own tools: a copy of its sources with `npm ci` run in it, beside a folder the build writes to."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from playwright.sync_api import Page

from tests.support.processes import ROOT

CHROMIUM = "/usr/bin/chromium"


def require_chromium() -> str:
    """The browser's path. Fails with what to install where it is missing."""
    found = CHROMIUM if Path(CHROMIUM).exists() else shutil.which("chromium")
    assert found, "tests/console needs Chromium: apt-get install -y --no-install-recommends chromium"
    return found


class Toolchain:
    """`console/` copied, so that a test neither uses nor changes what a developer has installed there."""

    def __init__(self, folder: Path) -> None:
        """Installs the locked packages. Fails with what to install where Node is missing."""
        self._npm = shutil.which("npm")
        assert self._npm, "tests/console needs Node 20 or later with npm, which builds the console: install nodejs"
        self.console = folder / "console"
        left_out = shutil.ignore_patterns("node_modules")
        shutil.copytree(ROOT / "console", self.console, ignore=left_out)
        shared = "clients/typescript/src"  # the types of the API, and the check of signatures
        shutil.copytree(ROOT / shared, folder / shared)
        self.run("ci", "--ignore-scripts", "--no-audit", "--no-fund")

    def run(self, *arguments: str) -> str:
        """What `npm ARGUMENTS` prints. Fails with all of it where npm does."""
        done = subprocess.run([str(self._npm), *arguments], cwd=self.console, capture_output=True, text=True)
        assert done.returncode == 0, f"npm {' '.join(arguments)} failed:\n{done.stdout}\n{done.stderr}"
        return done.stdout

    @property
    def pages(self) -> Path:
        """Where the build writes."""
        return self.console.parent / "app" / "pages"

    def assert_accessible(self, page: Page) -> None:
        """Fails where axe finds a violation, or the page is wider than its window."""
        page.evaluate((self.console / "node_modules/axe-core/axe.min.js").read_text())
        found = page.evaluate("axe.run()")
        assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found["violations"]] == []
        assert found["passes"]
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
