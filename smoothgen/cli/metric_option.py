"""The metric as the command line takes it: a name, a JSON object, or a rule that extracts answers."""

from __future__ import annotations

from typing import Any, Final

import typer

from smoothgen.certificates.format.document import parse_json
from smoothgen.certificates.meaning.quoting import PLUGIN
from smoothgen.errors import InvalidCertificate

_RULES: Final = "number, first_line, json_field:PATH or regex:PATTERN"


def label_of_option(typed: str) -> dict[str, Any]:
    """Returns the label metric whose answers are extracted by this rule. Raises typer.BadParameter for no rule.

    typed: number, first_line, json_field:PATH or regex:PATTERN.
    """
    kind, _, option = typed.partition(":")
    named = {"json_field": "field", "regex": "pattern"}.get(kind)
    if named is None and kind not in ("number", "first_line"):
        raise typer.BadParameter(f"there is no rule {typed!r:.80}; give {_RULES}")
    if (named is None) != (not option):
        raise typer.BadParameter(f"{typed!r:.80} is not how {kind} is written; give {_RULES}")
    return {"name": "label", "extract": {"kind": kind} | ({} if named is None else {named: option})}


def metric_of_option(typed: str, cap: float | None) -> Any:
    """Returns the metric of a request. Raises typer.BadParameter for what begins like JSON and is none.

    typed: a name of a model's card, such as edit or plugin:words-apart, or a JSON object with name and options.
    """
    if typed.startswith("{"):
        try:
            asked = parse_json(typed)
        except InvalidCertificate as error:
            raise typer.BadParameter(
                f'a metric is a name, or a JSON object such as {{"name": "plugin", "plugin": "words-apart"}}; {error}'
            ) from error
        return asked if cap is None else {**asked, "cap": cap}
    if cap is None:
        return typed
    if typed.startswith(PLUGIN):
        return {"name": "plugin", "plugin": typed.removeprefix(PLUGIN), "cap": cap}
    return {"name": typed, "cap": cap}
