"""A small disk of its own for a test, which can be filled without filling the machine's."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Self

from tests.support.processes import eventually


class SmallDisk:
    """A tmpfs in a mount namespace of its own, so that no privileges are needed. Gone when it is closed.

    `path` leads there from outside the namespace, as long as nobody resolves it.
    """

    def __init__(self, at: Path, megabytes: int) -> None:
        """at: an existing folder, which the disk covers inside its namespace."""
        script = f"mount -t tmpfs -o size={megabytes}m none {at} && touch {at}/mounted && exec sleep infinity"
        command = ["unshare", "--map-root-user", "--mount", "sh", "-c", script]
        self._holder = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.path = Path(f"/proc/{self._holder.pid}/root") / at.relative_to("/")
        eventually(lambda: (self.path / "mounted").exists() or self._holder.poll() is not None)
        assert self._holder.poll() is None, self._holder.stderr.read()

    def fill(self) -> None:
        """Fill it to the last block."""
        with (self.path / "filler").open("wb", buffering=0) as file:
            for block in (2**20, 4096):
                try:
                    while file.write(bytes(block)) == block:
                        pass
                except OSError:  # no space left for a block of this size
                    continue

    def free(self) -> None:
        """Take away what `fill` wrote."""
        (self.path / "filler").unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._holder.kill()
        self._holder.wait()
        self._holder.stderr.close()
