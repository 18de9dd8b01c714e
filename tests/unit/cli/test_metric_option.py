"""The metric as the command line takes it."""

from __future__ import annotations

from typing import Any

import pytest
import typer

from smoothgen.cli.metric_option import metric_of_option
from smoothgen.contracts import Robustness

OBJECT = '{"name": "plugin", "plugin": "words-apart", "options": {"keep_case": true}}'
PLUGGED = {"name": "plugin", "plugin": "words-apart", "options": {}, "cap": None}


@pytest.mark.parametrize(
    ("typed", "cap", "meant"),
    [
        ("edit", None, {"name": "edit", "cap": None}),
        ("edit", 0.5, {"name": "edit", "cap": 0.5}),
        ("plugin:words-apart", None, PLUGGED),
        ("plugin:words-apart", 0.5, {**PLUGGED, "cap": 0.5}),
        (OBJECT, 0.25, {**PLUGGED, "options": {"keep_case": True}, "cap": 0.25}),
    ],
)
def test_a_name_a_plug_in_and_an_object(typed: str, cap: float | None, meant: dict[str, Any]) -> None:
    metric = Robustness.model_validate({"metric": metric_of_option(typed, cap)}).metric
    assert metric is not None
    assert metric.model_dump() == meant


@pytest.mark.parametrize("typed", ["{", '{"name": }', '{"name": NaN}'])
def test_what_is_no_json_is_refused(typed: str) -> None:
    with pytest.raises(typer.BadParameter, match="a metric is a name, or a JSON object"):
        metric_of_option(typed, None)


@pytest.mark.parametrize("bare", ["plugin", "plugin:", "plugins:words"])
def test_what_only_looks_like_a_plug_in_is_none(bare: str) -> None:
    with pytest.raises(ValueError, match="metric"):
        Robustness.model_validate({"metric": bare})
