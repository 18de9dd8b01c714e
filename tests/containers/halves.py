"""How the halves of a run end."""

from __future__ import annotations

import sys
from collections.abc import Callable

from tests.containers.engine import CannotStart, CommandFailed
from tests.containers.preflight import NOT_RUN, not_run


def exit_code(half: Callable[[], int]) -> int:
    """Returns the exit code of one half, after what it has to say of a failure on standard error."""
    try:
        return half()
    except CannotStart as error:
        not_run(f"dockerd does not start here: {error}")
        return NOT_RUN
    except CommandFailed as error:
        print(error, file=sys.stderr)
        return 1
