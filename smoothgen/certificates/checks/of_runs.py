"""The verdict on documents of methods that run the model on listed prompts and draw no noise."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from smoothgen.certificates.format.document import content_digest
from smoothgen.certificates.verification import Check, Verification

_LONGEST: Final = 200
"""Characters of a value that a verdict shows: a list of claims holds the evidence of each."""


def same(name: str, stated: Any, derived: Any, in_words: Callable[[Any], str] = repr) -> Check:
    """Returns the check that a stated value is the one the evidence gives. in_words: how people read it."""
    equal = bool(stated == derived)
    gives = _cut(in_words(derived))
    return Check(name, equal, gives if equal else f"states {_cut(in_words(stated))}, the evidence gives {gives}")


def _cut(words: str) -> str:
    return words if len(words) <= _LONGEST else f"{words[:_LONGEST]}…"


def verdict_on_runs(
    document: Mapping[str, Any],
    rebuilt: Mapping[str, Any],
    *,
    evidence_digest: str,
    derived: Iterable[Check],
    twice: Sequence[str],
    unchecked: Check,
    judged: Iterable[Check],
    known: bool,
    in_words: Callable[[Any], str] = repr,
) -> Verification:
    """Returns the verdict on a document that could be read.

    rebuilt: the document that its certificate writes. evidence_digest: of the evidence it holds. derived: a check for
    every claim. twice: fields that are stated beside the evidence that gives them. unchecked: what the document alone
    cannot show. judged: a check for every section's words. known: whether the words fix what the numbers mean.
    """
    checks = (
        Check("document", True, f"reads as {document['schema']}"),
        Check("method", True, str(rebuilt["method"])),
        same("digest", document["digest"], content_digest(document), in_words),
        same("evidence", document["evidence"]["sha256"], evidence_digest, in_words),
        *derived,
        *(same(name, document[name], rebuilt[name], in_words) for name in twice),
        _statement(document["statement"], rebuilt["statement"]),
        unchecked,
        *judged,
    )
    verdict = Verification(checks)
    return Verification(checks, "checked") if known and verdict.valid else verdict


def _statement(stated: str, rebuilt: str) -> Check:
    equal = stated == rebuilt
    return Check("statement", equal, "says what the numbers say" if equal else f"differs; the numbers say: {rebuilt}")
