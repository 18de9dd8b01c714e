"""The steps of a run: progress while it goes, kept in a file, and a table at the end."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass
class Step:
    """One step. `result` is what it found, set inside its block."""

    name: str
    seconds: float = 0.0
    result: str = ""
    passed: bool = False


class Steps:
    """Steps of one run, in a file of JSON lines that the run's processes append to, one after another."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Times a block and records how it ended. An exception fails the step and goes on to the caller."""
        found = Step(name)
        print(f"{time.strftime('%H:%M:%S')}  {name} …", flush=True)
        began = time.monotonic()
        try:
            yield found
            found.passed = True
        except BaseException as error:
            found.result = (str(error) or type(error).__name__).splitlines()[0]
            raise
        finally:
            found.seconds = round(time.monotonic() - began, 1)
            with self._path.open("a") as file:
                file.write(json.dumps(asdict(found)) + "\n")
            print(f"{time.strftime('%H:%M:%S')}  {_row(found)}", flush=True)

    def all(self) -> list[Step]:
        """Returns every step recorded so far."""
        lines = self._path.read_text().splitlines() if self._path.exists() else []
        return [Step(**json.loads(line)) for line in lines]

    def table(self) -> str:
        """Returns the final table: step, seconds, what was found."""
        return "\n".join([f"{'step':<44} {'seconds':>8}  result", *map(_row, self.all())])


def _row(step: Step) -> str:
    return f"{step.name:<44} {step.seconds:>8.1f}  {'' if step.passed else 'FAILED: '}{step.result or 'ok'}"
