"""Every certificate of a fixed set is, byte for byte, the one that was kept.

digests.json was first written by the code of revision 632de68. The digests of jobs were written again when results got
a decision and its kin, and certificates by noise plain words and `keeps`; without those fields, the statement and the
certificate's own digest, all results were equal before and after. Those of exhaustive certificates were written again
when these got plain words: in their words of before all six were equal. Those of language models were written again
when `usage.tokens` came: without it all were equal. That of a picture of unknown words was when the note `word_unknown`
came: without it the result was equal. A digest may change only with a decision that certificates do;
`python -m tests.golden.digests` then writes it again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from tests.golden.cases import CASES
from tests.golden.digests import DIGESTS, DOCUMENTS, digest, machine, result_of_case

KEPT: dict[str, Any] = json.loads(DIGESTS.read_text(encoding="utf-8"))
HERE = machine()
OTHER = {name: (was, HERE[name]) for name, was in KEPT["machine"].items() if HERE[name] != was}
SAME_MACHINE = pytest.mark.skipif(bool(OTHER), reason=f"torch's floats may differ from those kept: {OTHER}")


def _cases(names: Iterable[str]) -> list[Any]:
    """Returns the names as parameters. What a network computed is compared on the machine of the digests only."""
    closed_form = ("number-", "exhaustive-")
    return [pytest.param(name, marks=[] if name.startswith(closed_form) else SAME_MACHINE) for name in names]


@pytest.mark.parametrize("name", _cases(CASES))
def test_the_result_of_a_job_is_the_one_that_was_kept(name: str) -> None:
    assert digest(result_of_case(name)) == KEPT["digests"][name]


@pytest.mark.parametrize("name", _cases(DOCUMENTS))
def test_the_document_is_the_one_that_was_kept(name: str) -> None:
    assert digest(DOCUMENTS[name]()) == KEPT["digests"][name]


def test_every_digest_kept_is_compared() -> None:
    assert set(KEPT["digests"]) == {*CASES, *DOCUMENTS}
