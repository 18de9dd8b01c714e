"""Certificates sent over HTTP: bounded before they are checked, and the verdict bounded too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fastapi import HTTPException

from app.http.problems import shortened
from app.http.strict_json import require_few_values, utf8
from smoothgen.certificates import Verification, verify
from smoothgen.certificates.format.document import parse_json
from smoothgen.certificates.units import UNITS_V1
from smoothgen.errors import InvalidCertificate

_MOST_VALUES: Final = 20_000
_LONGEST_LIST: Final = 4_096
"""The most values of any other list: some metrics' centre is a vector with a number for each feature."""
_LONGEST_LISTS: Final[Mapping[tuple[str, ...], int]] = {
    ("lipschitz", "factors"): 256,
    ("curve",): 256,
    ("deviation",): 256,
    ("stays",): 256,
    ("keeps",): 256,
    ("claims",): 64,
    ("claims", "curve"): 256,
    ("looks", "sizes"): 64,
    ("looks", "alphas"): 64,
    ("sigma_selection", "sensitivities"): 8_192,
}
_LONGEST_OF_UNITS: Final[Mapping[tuple[str, ...], int]] = {
    ("curve",): 1_024,
    ("keeps",): 1_024,
    ("claims", "curve"): 1_024,
}
"""A certificate of units has a row for each number of altered ones, in the curve of each claim too."""
_LONGEST_DETAIL: Final = 2_000


def verdict(body: bytes) -> dict[str, Any]:
    """Returns what `verify` says of a document, JSON-ready.

    Raises HTTPException: 400 for what is not JSON, 422 for lists longer than certificates of a server have them. The
    library verifies those too: `smoothgen verify` on a machine of one's own.
    """
    text = utf8(body)
    require_few_values(body, _MOST_VALUES)
    try:
        document = parse_json(text)
    except InvalidCertificate as error:
        raise HTTPException(400, f"{error}; send one certificate as a JSON object") from error
    del text
    _require_short_lists(document)
    return _bounded(verify(document))


def _require_short_lists(document: Any) -> None:
    of_units = isinstance(document, Mapping) and document.get("method") == UNITS_V1
    longest = {**_LONGEST_LISTS, **_LONGEST_OF_UNITS} if of_units else _LONGEST_LISTS
    pending: list[tuple[Any, tuple[str, ...]]] = [(document, ())]
    while pending:
        value, path = pending.pop()
        if isinstance(value, dict):
            pending.extend((inner, (*path, name)[:4]) for name, inner in value.items())
        elif isinstance(value, list):
            most = longest.get(path, _LONGEST_LIST)
            if len(value) > most:
                raise HTTPException(
                    422,
                    f"{shortened('.'.join(path), 100)} lists {len(value)} values; over HTTP at most {most} are "
                    "checked. Verify this certificate with `smoothgen verify`, which has no such limit",
                )
            pending.extend((inner, path) for inner in value)


def _bounded(verification: Verification) -> dict[str, Any]:
    answer = verification.to_dict()
    answer["checks"] = [{**check, "detail": shortened(check["detail"], _LONGEST_DETAIL)} for check in answer["checks"]]
    return answer
