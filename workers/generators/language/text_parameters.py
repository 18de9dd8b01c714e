"""The parameters that language models take."""

from __future__ import annotations

from smoothgen.contracts import Parameters, TextParameters
from smoothgen.errors import InvalidParameters


def text_parameters(parameters: Parameters) -> TextParameters:
    """Returns the parameters as those of a text model. Raises InvalidParameters for those of another kind."""
    if isinstance(parameters, TextParameters):
        return parameters
    raise InvalidParameters(f"a language model takes text parameters, got {parameters!r:.200}", field="parameters")
