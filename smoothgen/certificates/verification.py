"""The verdict on a stranger's document: what was checked, and whether it holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from smoothgen.errors import InvalidInput

Meaning = Literal["checked", "not checked"]


@dataclass(frozen=True)
class Check:
    """One thing that was checked, whether it holds, and what was found."""

    name: str
    passed: bool
    detail: str


@dataclass(frozen=True)
class Verification:
    """The verdict: true in a boolean context exactly if every check passed.

    meaning: whether the words of the document are known ones that fix what its numbers are about ("checked"), or are
    those of a plug-in or of a user of the library, who alone can say what was measured ("not checked").
    """

    checks: tuple[Check, ...]
    meaning: Meaning = "not checked"

    @property
    def valid(self) -> bool:
        """Returns whether every check passed."""
        return bool(self.checks) and all(check.passed for check in self.checks)

    def __bool__(self) -> bool:
        return self.valid

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON form, as POST /certificates/verify answers it."""
        return {"valid": self.valid, "meaning": self.meaning, "checks": [vars(check) for check in self.checks]}


def checked(name: str, detail: str, look: Callable[[], object]) -> Check:
    """Returns the check `name`: passed with `detail` where `look` returns, failed with the InvalidInput it raises."""
    try:
        look()
    except InvalidInput as error:
        return Check(name, False, str(error))
    return Check(name, True, detail)
