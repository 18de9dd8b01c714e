"""What an exhaustive certificate defends: which embeddings are attacked, the table they snap to, what is held fixed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from smoothgen.certificates.format.json_data import (
    require_list,
    require_mapping,
    require_number,
    require_string,
    require_whole_number,
)
from smoothgen.certificates.meaning.held import EMPTY_TEMPLATE, MASK, TEMPLATE
from smoothgen.certificates.meaning.metrics import METRICS, Modality
from smoothgen.certificates.meaning.quoting import PLUGIN
from smoothgen.certificates.meaning.sections import require_digest
from smoothgen.certificates.meaning.threats import (
    EARLIER_TURNS,
    EMPTY_PROMPT,
    NEGATIVE_PROMPT,
    parameter_of,
)
from smoothgen.certificates.meaning.turns import USER_TURNS, require_held_beside_turns, require_turns_as_asked
from smoothgen.certificates.provenance import MetricIdentity, RequestIdentity
from smoothgen.errors import InvalidCertificate

TOKEN_EMBEDDINGS: Final = "token embeddings of the prompt"  # noqa: S105  (no password)
GIVEN_EMBEDDINGS: Final = "token embeddings sent in place of the prompt"
"""What is attacked where a request brings embeddings: its prompt is a label that no model reads. Certificates of before
call these the prompt's too."""
INPUT_EMBEDDINGS: Final = "input token embeddings of the text encoder"
"""What is attacked before a picture model draws: the rows that its text encoder begins with."""
SURROUNDING: Final = "start, end and padding tokens"
"""What stands around a prompt's own tokens in a text encoder."""
MODALITIES: Final[Mapping[str, Modality]] = MappingProxyType(
    {TOKEN_EMBEDDINGS: "text", USER_TURNS: "text", GIVEN_EMBEDDINGS: "text", INPUT_EMBEDDINGS: "image"}
)
"""The words that our adapters write, and what the model makes."""


@dataclass(frozen=True)
class SnapThreat:
    """Attacks of bounded l2 norm, over all positions together, on embeddings that are snapped to their nearest rows.

    attack_on: of `MODALITIES`, or a plug-in's words. table: "sha256:<hex>" of the rows in the order
    and precision they are snapped to. tokens: how many positions snap. squared_error: the u that the costs were
    computed with (`certified_cost`). held_fixed: what no attack touches, in our adapters' words.
    """

    attack_on: str
    table: str
    tokens: int
    squared_error: float
    held_fixed: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON form."""
        return {
            "attack_on": self.attack_on,
            "norm": "l2",
            "table": self.table,
            "tokens": self.tokens,
            "squared_error": self.squared_error,
            "held_fixed": [*self.held_fixed],
        }

    @classmethod
    def from_dict(cls, document: Any) -> SnapThreat:
        """Reads what `to_dict` writes. Raises InvalidCertificate."""
        fields = require_mapping(document, "threat")
        names = ["attack_on", "norm", "table", "tokens", "squared_error", "held_fixed"]
        if set(fields) != set(names) or fields["norm"] != "l2":
            raise InvalidCertificate(
                f"threat of method exhaustive/v1 must have exactly {names}, and norm 'l2', got {dict(fields)!r:.200}",
                field="threat",
            )
        return cls(
            attack_on=require_string(fields["attack_on"], "threat.attack_on"),
            table=require_string(fields["table"], "threat.table"),
            tokens=require_whole_number(fields["tokens"], "threat.tokens"),
            squared_error=require_number(fields["squared_error"], "threat.squared_error"),
            held_fixed=tuple(
                require_string(words, "threat.held_fixed")
                for words in require_list(fields["held_fixed"], "threat.held_fixed")
            ),
        )


def require_snap_threat(
    stated: SnapThreat, request: RequestIdentity | None, metric: MetricIdentity | None = None
) -> None:
    """Raises InvalidCertificate for words that neither we nor a plug-in write, a table without a digest, no tokens, an
    impossible error, a metric of other outputs, and for what is held fixed where it does not fit the tokens and the
    request."""
    require_digest("threat.table", stated.table)
    if stated.tokens < 1:
        raise _invalid("tokens", f"must be at least 1, got {stated.tokens!r}")
    if not (math.isfinite(stated.squared_error) and stated.squared_error >= 0):
        raise _invalid("squared_error", f"must be a finite number of at least 0, got {stated.squared_error!r}")
    if stated.attack_on.startswith(PLUGIN) and stated.attack_on != PLUGIN:
        return
    modality = MODALITIES.get(stated.attack_on)
    if modality is None:
        raise _invalid(
            "attack_on",
            f"must be one of {[*MODALITIES]}, or begin with '{PLUGIN}' for a plug-in's, got {stated.attack_on!r:.120}",
        )
    measured = None if metric is None else METRICS.get(metric.name)
    if measured is not None and measured.modality != modality:
        raise _invalid("attack_on", f"is on {modality}s, and metric {measured.name!r} is not, got {stated.attack_on!r}")
    require_turns_as_asked(stated.attack_on, request)
    if modality == "image":
        _require_held_by_pictures(stated, request)
        return
    if stated.attack_on == USER_TURNS:
        tokens = require_held_beside_turns(stated.held_fixed, request)
        if stated.tokens != tokens:
            raise _invalid("tokens", f"is {stated.tokens}, and the user's turns have {tokens} tokens together")
        return
    sent = request is not None and "prompt_embeds" in request.parameters
    if stated.attack_on == GIVEN_EMBEDDINGS and request is not None and not sent:
        raise _invalid("attack_on", f"is {GIVEN_EMBEDDINGS!r}, and the request has no prompt_embeds")
    plain = (f"token count ({stated.tokens})", MASK)
    around = stated.held_fixed[len(plain) :]
    rendered = [pattern.fullmatch(held) for pattern, held in zip((TEMPLATE, EARLIER_TURNS), around, strict=False)]
    possible = len(around) <= len(rendered) and None not in rendered
    if stated.held_fixed[: len(plain)] != plain or not possible or not _fits(len(around), request):
        raise _invalid(
            "held_fixed",
            f"must be {[*plain]}, behind them 'chat template (N tokens)' exactly where the request renders one, and "
            "'earlier turns of the conversation (N)' exactly where it has a history, got "
            f"{[*stated.held_fixed]!r:.200}",
        )


def held_by_pictures(tokens: int, *, negative: bool) -> tuple[str, ...]:
    """Returns what no attack on a text encoder's input embeddings touches. negative: whether the request has a negative
    prompt."""
    return f"token count ({tokens})", SURROUNDING, MASK, NEGATIVE_PROMPT if negative else EMPTY_PROMPT


def _require_held_by_pictures(stated: SnapThreat, request: RequestIdentity | None) -> None:
    possible = [held_by_pictures(stated.tokens, negative=negative) for negative in (False, True)]
    if request is not None:
        if parameter_of(request, "image") is not None:
            raise _invalid("attack_on", f"does not go with a seed image, got {stated.attack_on!r}")
        possible = [possible[bool(parameter_of(request, "negative_prompt"))]]
    if stated.held_fixed not in possible:
        named = " or ".join(str([*held]) for held in possible)
        raise _invalid("held_fixed", f"must be {named}, got {[*stated.held_fixed]!r:.200}")


def _fits(around: int, request: RequestIdentity | None) -> bool:
    """Returns whether a chat template is held fixed exactly where the request's rendering puts tokens around the
    prompt, and earlier turns besides exactly where it has some. around: how many of the two are."""
    if request is None:
        return True
    parameters: Mapping[str, Any] = request.parameters
    chat = parameters.get("chat") is True and request.template != EMPTY_TEMPLATE
    return around == chat + (chat and "history" in parameters)


def _invalid(name: str, message: str) -> InvalidCertificate:
    return InvalidCertificate(f"threat.{name} {message}", field=f"threat.{name}")
