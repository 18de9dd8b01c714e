"""Where builds get their Python packages on a machine that reaches the package index its own way.

A build sees nothing of the machine's environment. What pip is told here goes into the base image, the machine's
certificates included, and local wheels are served to the build over loopback, so that no image holds them.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_CERTIFICATES = Path("etc/ssl/certs/host-certificates.crt")
_KEPT = ("index-url", "extra-index-url", "trusted-host", "timeout", "default-timeout")


def pip_options() -> dict[str, str]:
    """Returns what `pip config list` says here, by the option's name; variables of the environment win."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.findall(r"^(\S+?)\.([\w-]+)=(.*)$", listed, re.MULTILINE)
    ordered = sorted(found, key=lambda line: line[0] == ":env:")
    return {name: str(ast.literal_eval(value)) for _, name, value in ordered}


def hand_over(root: Path, options: Mapping[str, str]) -> None:
    """Writes pip's options and the machine's certificates into the base image's files below `root`."""
    lines = ["[global]"]
    for name in _KEPT:
        values = [value for value in options.get(name, "").split() if not value.startswith("file:")]
        if values:
            lines.append(f"{name} = {' '.join(values)}")
    bundle = options.get("cert") or os.environ.get("SSL_CERT_FILE")
    if bundle and Path(bundle).is_file():
        shutil.copyfile(bundle, root / _CERTIFICATES)
        lines.append(f"cert = /{_CERTIFICATES}")
    (root / "etc" / "pip.conf").write_text("\n".join(lines) + "\n")


@contextmanager
def local_wheels(folder: Path, options: Mapping[str, str]) -> Iterator[str | None]:
    """Serves the wheels of pip's `find-links` folders on loopback as a package index, and yields its address; None
    where there are none. folder: an empty folder for links to them."""
    places = [Path(place.removeprefix("file://")) for place in options.get("find-links", "").split()]
    wheels = [wheel for place in places if place.is_dir() for wheel in place.glob("*.whl")]
    for wheel in wheels:
        project = folder / re.sub(r"[-_.]+", "-", wheel.name.split("-")[0]).lower()
        project.mkdir(parents=True, exist_ok=True)
        (project / wheel.name).symlink_to(wheel)
    if not wheels:
        yield None
        return
    handler = partial(_Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Says nothing: pip says what it fetches."""
