"""What a certificate of units defends: which units may be altered, and what around them no attack touches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from smoothgen.certificates.format.json_data import require_list, require_mapping, require_string
from smoothgen.certificates.meaning.sections import require_digest
from smoothgen.certificates.meaning.turns import require_last_turn
from smoothgen.certificates.provenance import RequestIdentity
from smoothgen.errors import InvalidCertificate

PASSAGES: Final = "passages"
WORDS: Final = "words"
KINDS: Final[Mapping[str, str]] = MappingProxyType({PASSAGES: "passage", WORDS: "word"})
"""The kinds of units that requests know, and what one of them is called."""
PROMPT: Final = "the prompt around the units"
TEMPLATE: Final = "the chat template"
TURNS: Final = "the earlier turns of the conversation"
PARAMETERS: Final = "the model and its parameters"
SELECTION: Final = "what chose the units and put them in order, such as a retriever"
HELD_FIXED: Final = (PROMPT, TEMPLATE, TURNS, PARAMETERS, SELECTION)
"""What no attack touches, in the words that this library knows."""


@dataclass(frozen=True)
class UnitsThreat:
    """Attacks that replace, delete or insert units.

    kind: of KINDS, or another's word. held_fixed: what no attack touches, in the words of HELD_FIXED or others'.
    digest: "sha256:<hex>" of the units and what is around them, None where the caller gave none.
    """

    kind: str
    held_fixed: tuple[str, ...] = (PROMPT, SELECTION)
    digest: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON form; without a digest it has no such field."""
        document: dict[str, Any] = {"attack_on": self.kind, "held_fixed": [*self.held_fixed]}
        return document if self.digest is None else {**document, "digest": self.digest}

    @classmethod
    def from_dict(cls, document: Any) -> UnitsThreat:
        """Reads what `to_dict` writes. Raises InvalidCertificate."""
        fields = require_mapping(document, "threat")
        if not {"attack_on", "held_fixed"} <= set(fields) <= {"attack_on", "held_fixed", "digest"}:
            raise InvalidCertificate(
                f"threat of method units/v1 has attack_on and held_fixed, and may have digest, got {sorted(fields)}",
                field="threat",
            )
        return cls(
            kind=require_string(fields["attack_on"], "threat.attack_on"),
            held_fixed=tuple(
                require_string(words, "threat.held_fixed")
                for words in require_list(fields["held_fixed"], "threat.held_fixed")
            ),
            digest=require_string(fields["digest"], "threat.digest") if "digest" in fields else None,
        )

    @property
    def is_known(self) -> bool:
        """Returns whether this library knows what the units are and all that is held fixed."""
        return self.kind in KINDS and set(self.held_fixed) <= set(HELD_FIXED)


def require_units_threat(stated: UnitsThreat, request: RequestIdentity | None) -> None:
    """Raises InvalidCertificate for a threat that names nothing, that leaves open whether what surrounds the units and
    what chose them can be attacked, that holds a chat template or earlier turns where the request has none or the other
    way round, and for a digest of another form."""
    if not stated.kind.strip():
        raise InvalidCertificate("threat.attack_on must name the units", field="threat.attack_on")
    if stated.kind in KINDS and not {PROMPT, SELECTION} <= set(stated.held_fixed):
        raise InvalidCertificate(
            f"threat.held_fixed must have {PROMPT!r} and {SELECTION!r}, got {[*stated.held_fixed]!r:.300}",
            field="threat.held_fixed",
        )
    if stated.kind in KINDS:
        require_last_turn(request)
    if stated.kind in KINDS and request is not None:
        chat, history = request.parameters.get("chat") is True, "history" in request.parameters
        for held, said, there in ((TEMPLATE, "chat is true", chat), (TURNS, "parameters have a history", history)):
            if there != (held in stated.held_fixed):
                raise InvalidCertificate(
                    f"threat.held_fixed must have {held!r} exactly where the request's {said}, got "
                    f"{[*stated.held_fixed]!r:.300}",
                    field="threat.held_fixed",
                )
    if stated.digest is not None:
        require_digest("threat.digest", stated.digest)
