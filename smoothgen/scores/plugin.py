"""A plug-in as a score: whatever it does, one output is one number in its range, or NaN."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smoothgen.certificates.score_claims import ScoreIdentity
from smoothgen.certificates.score_claims.asked import PLUGIN_V1
from smoothgen.errors import InvalidClaim
from smoothgen.plugins import FAULTS, SCORES, ScorePlugin, load

_LOG = logging.getLogger(__name__)


class PluggedIn:
    """The score of an installed plug-in. Its name in certificates is "plugin:<name>"."""

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        """Raises UnknownName where it is not installed, InvalidPlugin where it cannot be loaded, InvalidClaim where it
        refuses the options or is no score."""
        loaded = load(name, SCORES, "robustness.claims")
        self._name = name
        try:
            plugin = loaded.factory(dict(options))
            self._plugin: ScorePlugin = plugin
            least, most = (float(end) for end in plugin.range)
            two_valued = bool(plugin.two_valued)
        except FAULTS as error:
            raise InvalidClaim(
                f"plug-in {name!r} does not take the options {dict(options)!r:.200}: {type(error).__name__}: {error}",
                field="robustness.claims",
            ) from error
        if not isinstance(plugin, ScorePlugin):
            raise InvalidClaim(
                f"plug-in {name!r} has no method score(output); smoothgen.plugins.ScorePlugin says what it needs",
                field="robustness.claims",
            )
        self.identity = ScoreIdentity(
            f"plugin:{name}",
            least,
            most,
            two_valued=two_valued,
            options={"distribution": loaded.distribution, **({"options": dict(options)} if options else {})},
            digest=loaded.digest,
            wording=PLUGIN_V1,
        )
        self.last_failure = ""

    def values(self, contents: Sequence[Any]) -> NDArray[np.float64]:
        """Returns the score of each output; NaN where the plug-in raises, or returns NaN or a number out of range."""
        return np.array([self._value(content) for content in contents])

    def _value(self, content: Any) -> float:
        score = self.identity
        try:
            value = float(self._plugin.score(content))
        except FAULTS as error:
            return self._failed(f"raised {type(error).__name__}: {error}")
        ends = (score.least, score.most)
        if not (score.least <= value <= score.most) or (score.two_valued and value not in ends):  # refuses NaN too
            return self._failed(
                f"returned {value!r}, which is not {'one of' if score.two_valued else 'in'} {list(ends)}"
            )
        return value

    def _failed(self, reason: str) -> float:
        self.last_failure = f"plug-in {self._name!r} {reason}"[:500]
        _LOG.warning("score_failed: %s", self.last_failure)
        return float("nan")
