"""A certificate's list of sequences against the table: whatever is missing, dearer or cheaper is named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from smoothgen.certificates import ExhaustiveCertificate, SnapThreat
from smoothgen.certificates.exhaustive import check_completeness
from smoothgen.tokens import Neighbourhoods, TokenTable, comparison_error, cost_difference, nearest_sequences
from tests.support.certificates.exhaustive import THREAT, certified

TOKENS = [3, 17, 3]
TABLE = TokenTable(np.random.default_rng(5).normal(size=(40, 6)).astype(np.float32), excluded=[0])


def threat(table: TokenTable = TABLE, tokens: int = len(TOKENS)) -> SnapThreat:
    return replace(THREAT, table=table.digest, tokens=tokens, squared_error=comparison_error(table.width, 10.0))


def certificate(costs: list[float], next_cost: float | None) -> ExhaustiveCertificate:
    return certified([0.0, *costs], [0.0] * (len(costs) + 1), next_cost=next_cost, threat=threat())


def listed(number: int) -> tuple[list[float], float]:
    found = nearest_sequences(Neighbourhoods(TABLE), TOKENS, number)
    return found.costs.tolist(), found.next_cost


@pytest.mark.parametrize("number", [1, 2, 7, 100])
def test_a_true_list_is_complete(number: int) -> None:
    costs, end = listed(number)
    check = check_completeness(certificate(costs, end), TABLE, TOKENS)
    assert check.passed, check.detail
    assert (check.name, f"all {number} other sequences" in check.detail) == ("completeness", True)
    assert f"none below {end!r} is missing" in check.detail
    assert "digits" not in check.detail


def test_a_list_of_the_prompt_alone_and_one_of_everything_are_complete() -> None:
    assert check_completeness(certificate([], listed(1)[0][0]), TABLE, TOKENS).passed
    table = TokenTable(np.eye(3, dtype=np.float32))
    everything = nearest_sequences(Neighbourhoods(table), [0, 1], 8)
    made = replace(certificate(everything.costs.tolist(), None), threat=threat(table, 2))
    check = check_completeness(made, table, [0, 1])
    assert check.passed
    assert "there is no other sequence" in check.detail
    more = replace(certificate([*everything.costs.tolist(), 9.0], None), threat=threat(table, 2))
    assert "there are only 8" in check_completeness(more, table, [0, 1]).detail
    fewer = replace(certificate(everything.costs.tolist()[:7], None), threat=threat(table, 2))
    assert "next_cost is stated as none" in check_completeness(fewer, table, [0, 1]).detail


def test_whichever_sequence_is_left_out_its_lack_is_seen() -> None:
    """Token 3 stands twice, so sequences cost the same in pairs: of two equals one can be left out."""
    costs, end = listed(12)
    assert len(set(costs)) < len(costs)
    for k in range(12):
        check = check_completeness(certificate(costs[:k] + costs[k + 1 :], end), TABLE, TOKENS)
        assert not check.passed


@pytest.mark.parametrize("factor", [1 + 1e-9, 1 - 1e-9, 1 + 1e-12])
def test_a_changed_cost_is_named(factor: float) -> None:
    n = next(n for n in range(3, 50) if listed(n)[0][-2] < listed(n)[0][-1] < listed(n)[1])  # no equals at its end
    costs, end = listed(n)
    check = check_completeness(certificate([*costs[:-1], costs[-1] * factor], end), TABLE, TOKENS)
    assert (check.passed, f"the cost of run {n} is stated as" in check.detail) == (False, True)
    assert f"from the table it is {costs[-1]!r}" in check.detail
    check = check_completeness(certificate(costs, end * factor), TABLE, TOKENS)
    assert (check.passed, "next_cost is stated as" in check.detail) == (False, True)


def test_last_digits_of_another_machine_pass_and_are_told() -> None:
    costs, end = listed(5)
    digits = cost_difference(TABLE.width) / 2
    check = check_completeness(certificate([cost * (1 - digits) for cost in costs], end), TABLE, TOKENS)
    assert check.passed
    assert "but for the last digits" in check.detail


def test_another_table_another_prompt_and_no_table_are_named() -> None:
    costs, end = listed(5)
    made = certificate(costs, end)
    other = TokenTable(TABLE.rows + np.float32(1))
    assert f"the table at hand is {other.digest}" in check_completeness(made, other, TOKENS).detail
    assert "the prompt has 2 tokens, the document says 3" in check_completeness(made, TABLE, TOKENS[:2]).detail
    assert not check_completeness(made, TABLE, [3, 17, 4]).passed
    assert "names no table" in check_completeness(replace(made, threat=None), TABLE, TOKENS).detail
    assert "outside the embedding table" in check_completeness(made, TABLE, [3, 17, 99]).detail


def test_excluding_other_rows_gives_another_list() -> None:
    costs, end = listed(100)
    nearest = nearest_sequences(Neighbourhoods(TABLE), TOKENS, 1).changes[0][0][1]
    narrower = TokenTable(TABLE.rows, excluded=[0, nearest])
    assert narrower.digest == TABLE.digest
    assert not check_completeness(certificate(costs, end), narrower, TOKENS).passed


@pytest.mark.parametrize("stated", [0.0, 1e-30, 1.0, 1e300])
def test_an_error_that_this_snap_does_not_have_is_named(stated: float) -> None:
    made = certificate(*listed(7))
    forged = replace(made, threat=replace(threat(), squared_error=stated))
    check = check_completeness(forged, TABLE, TOKENS)
    assert (check.passed, f"threat.squared_error is stated as {stated!r}" in check.detail) == (False, True)
