"""The metric as the command line takes it: a name, a plug-in's name, or a JSON object."""

from __future__ import annotations

from typing import Any

import typer

from smoothgen.certificates.format.document import parse_json
from smoothgen.certificates.meaning.quoting import PLUGIN
from smoothgen.errors import InvalidCertificate


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
