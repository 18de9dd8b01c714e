"""A worker's process ends in time, whatever its event loop and those it says goodbye to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from smoothgen.process.draining import GOODBYE_S
from tests.support.processes import Process
from workers.serving.leaving import ABANDONED

SCRIPT = """
import asyncio, sys, time
from workers.serving.leaving import Leaving

async def goodbye():
    print("goodbye", flush=True)
    {goodbye}

async def main():
    leaving = Leaving(goodbye)
    leaving.after({after})
    {work}
    await leaving.call_off()

asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("goodbye", "work", "said"),
    [
        ("pass", "await asyncio.sleep(600)", "goodbye\n"),
        ("await asyncio.sleep(600)", "await asyncio.sleep(600)", "goodbye\n"),
        ("raise ValueError", "await asyncio.sleep(600)", "goodbye\n"),
        ("pass", "time.sleep(600)", ""),
    ],
    ids=["in good order", "nobody listens", "an error", "the loop stands still"],
)
def test_the_process_ends_in_time(tmp_path: Path, goodbye: str, work: str, said: str) -> None:
    script = SCRIPT.format(goodbye=goodbye, work=work, after=0.1)
    with Process("-c", script, log=tmp_path / "log") as process:
        assert process.wait(GOODBYE_S + 20) == ABANDONED
        assert process.log.startswith(said)


def test_a_process_that_ends_by_itself_is_left_alone(tmp_path: Path) -> None:
    script = SCRIPT.format(goodbye="pass", work="await asyncio.sleep(0.1)", after=60)
    with Process("-c", script, log=tmp_path / "log") as process:
        assert process.wait() == 0
        assert process.log == ""
