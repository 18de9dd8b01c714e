"""The rule that extracts answers, as the command line takes it."""

from __future__ import annotations

from typing import Any, get_args

import pytest
import typer
from typer.testing import CliRunner

from smoothgen.cli.main import app
from smoothgen.cli.metric_option import label_of_option
from smoothgen.contracts import Label, Robustness
from smoothgen.contracts.metrics import ExtractionRule

TYPED = {
    "number": {"kind": "number"},
    "first_line": {"kind": "first_line"},
    "json_field:a.b": {"kind": "json_field", "field": "a.b"},
    "regex:[A-Z]:[a-z]+": {"kind": "regex", "pattern": "[A-Z]:[a-z]+"},
}


@pytest.mark.parametrize(("typed", "meant"), TYPED.items())
def test_a_rule_is_the_label_metric_that_extracts_by_it(typed: str, meant: dict[str, Any]) -> None:
    metric = Robustness.model_validate({"metric": label_of_option(typed)}).metric
    assert isinstance(metric, Label)
    assert metric.extract.model_dump() == meant


def test_every_rule_that_requests_have_can_be_typed() -> None:
    union, _ = get_args(ExtractionRule)
    kinds = {get_args(rule.model_fields["kind"].annotation)[0] for rule in get_args(union)}
    assert kinds == {rule["kind"] for rule in TYPED.values()}


@pytest.mark.parametrize("typed", ["", "numbers", "number:3", "json_field", "json_field:", "regex:", "first-line"])
def test_what_is_no_rule_is_refused_with_those_there_are(typed: str) -> None:
    with pytest.raises(typer.BadParameter, match="number, first_line, json_field:PATH or regex:PATTERN"):
        label_of_option(typed)


def test_two_options_that_choose_the_metric_are_refused() -> None:
    told = CliRunner().invoke(app, ["generate", "x", "--answer", "a", "--extract", "number"])
    assert told.exit_code == 2
    assert "--answer and --extract" in " ".join(told.stderr.split())
