"""Checks with the table that no cheaper sequence is missing from a certificate's list, and what every one costs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from smoothgen.certificates.exhaustive.certificate import ExhaustiveCertificate
from smoothgen.certificates.verification import Check
from smoothgen.errors import InvalidCertificate, InvalidInput
from smoothgen.tokens import Neighbourhoods, TokenTable, comparison_error, cost_difference, nearest_sequences

COMPLETENESS: Final = "completeness"
"""The name of the check, in the verdict on a document too."""
_SAME: Final = 1e-6
_MOST_ERROR: Final = 1e-6


def check_completeness(certificate: ExhaustiveCertificate, table: TokenTable, tokens: Sequence[int]) -> Check:
    """Returns the check that a certificate lists the nearest sequences of its prompt, all of them and at their costs.

    The sequences are listed again, and every cost and `next_cost` must be the one that is stated. Where another machine
    summed the squares they may differ in their last digits, by `cost_difference` at most, and the check says so.

    table: the rows that the model's snap goes to. tokens: the prompt's ids, without those of a chat template.

    That each output is the model's own takes the model's runs to see.
    """
    try:
        _require_same(certificate, table, tokens)
        detail = _compared(certificate, table, tokens)
    except InvalidInput as error:
        return Check(COMPLETENESS, False, str(error))
    return Check(COMPLETENESS, True, detail)


def _require_same(certificate: ExhaustiveCertificate, table: TokenTable, tokens: Sequence[int]) -> None:
    """Raises InvalidCertificate where table or prompt are not those that the certificate names."""
    threat = certificate.threat
    if threat is None:
        raise InvalidCertificate("the document names no table, so nothing says what its costs are costs of")
    if table.digest != threat.table:
        raise InvalidCertificate(f"the table at hand is {table.digest}, the document's is {threat.table:.80}")
    if len(tokens) != threat.tokens:
        raise InvalidCertificate(f"the prompt has {len(tokens)} tokens, the document says {threat.tokens}")
    evidence = certificate.evidence
    reached = evidence.costs[-1] if evidence.next_cost is None else evidence.next_cost
    least = comparison_error(table.width, float(reached))
    if not least * (1 - _SAME) <= threat.squared_error <= _MOST_ERROR * max(float(reached) ** 2, least):
        raise InvalidCertificate(
            f"threat.squared_error is stated as {threat.squared_error!r}; the snap to this table errs by {least!r}, "
            "and costs of this size leave room for no more than a millionth of their square"
        )


def _compared(certificate: ExhaustiveCertificate, table: TokenTable, tokens: Sequence[int]) -> str:
    """Returns how the lists agree. Raises InvalidCertificate at the first cost where they do not."""
    evidence, others = certificate.evidence, certificate.evidence.runs - 1
    # Behind the sequences that were run stands the end of the list: the next sequence's cost, infinite without one.
    stated = np.append(evidence.costs[1:], math.inf if evidence.next_cost is None else evidence.next_cost)
    listed = nearest_sequences(Neighbourhoods(table), tokens, others + 1)
    found = np.append(listed.costs, math.inf)[: others + 1]
    if len(found) < len(stated):
        raise InvalidCertificate(f"the document lists {others} other sequences, and there are only {len(found) - 1}")
    apart = np.flatnonzero(~np.isclose(stated, found, rtol=cost_difference(table.width), atol=0.0))
    if apart.size:
        k = int(apart[0])
        which = "next_cost" if k == others else f"the cost of run {k + 1}"
        raise InvalidCertificate(
            f"{which} is stated as {_in_words(stated[k])}, from the table it is {_in_words(found[k])}"
        )
    digits = "" if np.array_equal(stated, found) else ", but for the last digits, in which machines may differ"
    end = (
        "there is no other sequence" if evidence.next_cost is None else f"none below {evidence.next_cost!r} is missing"
    )
    return f"checked with the table: all {others} other sequences cost what is stated{digits}, and {end}"


def _in_words(cost: float) -> str:
    return "none" if math.isinf(cost) else repr(float(cost))
