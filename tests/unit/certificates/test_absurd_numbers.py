"""`verify` gives a verdict on finite numbers that nobody means, wherever a document has a number, and never raises."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from smoothgen import verify
from smoothgen.certificates.format.document import content_digest
from tests.unit.certificates.test_units_document import DRAWN, FULL

STORED = Path(__file__).parents[2] / "data/v2"
DOCUMENTS: dict[str, Any] = {
    "units": FULL,
    "units drawn": DRAWN,
    **{name: json.loads((STORED / f"{name}.json").read_text()) for name in ("full", "exhaustive-scored")},
}
SAID = {"request", "threat", "metric"}
"""Sections that say what a certificate is about: no claim rests on their numbers."""
ABSURD = (1e308, -1e308, 5e-324, 2**63 - 1)


def numbers(document: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The places of a document's numbers. Of a list, those of its first entry."""
    if isinstance(document, dict):
        for key, value in document.items():
            yield from numbers(value, (*place, key))
    elif isinstance(document, list):
        for at, value in enumerate(document[:1]):
            yield from numbers(value, (*place, at))
    elif isinstance(document, int | float) and not isinstance(document, bool):
        yield place


@pytest.mark.parametrize("name", DOCUMENTS)
def test_an_absurd_number_fails_a_check(name: str) -> None:
    accepted = set()
    for place in numbers(DOCUMENTS[name]):
        for absurd in ABSURD:
            document = copy.deepcopy(DOCUMENTS[name])
            inside = document
            for step in place[:-1]:
                inside = inside[step]
            inside[place[-1]] = absurd
            document["digest"] = content_digest(document)
            if verify(document).valid:
                accepted.add(place[0])
    assert accepted <= SAID
