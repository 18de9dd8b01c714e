"""What is attacked and what is held fixed: the closed vocabulary of our adapters, and which noise goes with which.

Every adapter writes `attack_on` and `held_fixed` in these words (tests/workers/test_vocabulary.py holds them to it). In
a document the words, the mechanism and the generation parameters must fit each other.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from smoothgen.certificates.meaning.denoising import require_forward_noise, require_latent, require_steps
from smoothgen.certificates.meaning.held import EMPTY_TEMPLATE, MASK, TEMPLATE
from smoothgen.certificates.meaning.metrics import METRICS, Modality
from smoothgen.certificates.meaning.quoting import PLUGIN
from smoothgen.certificates.meaning.turns import (
    COUNTED_TURNS,
    OTHER_TURNS,
    USER_TURNS,
    require_held_beside_turns,
    require_turns_as_asked,
)
from smoothgen.certificates.provenance import MetricIdentity, RequestIdentity, Threat
from smoothgen.errors import InvalidCertificate
from smoothgen.mechanisms import (
    ForwardDiffusion,
    Gaussian,
    GaussianPerStep,
    LatentSchedule,
    Mechanism,
    ShapedGaussian,
    SynonymClasses,
)

NO_SCHEDULER: Final = "none"
"""The scheduler of a picture network that has none: of the adapters, the one whose constants are proven."""
DRAWN: Final = "token count of each drawn text"
PROMPT: Final = "prompt"
SEED_IMAGE: Final = "seed image"
_COUNTED: Final = re.compile(r"token count \(([1-9][0-9]{0,9})\)")
EARLIER_TURNS: Final = re.compile(r"earlier turns of the conversation \([1-9][0-9]{0,2}\)")
NEGATIVE_PROMPT: Final = "unconditional embedding (negative prompt)"
EMPTY_PROMPT: Final = "unconditional embedding (empty prompt)"
_HELD: Final = frozenset({MASK, DRAWN, PROMPT, SEED_IMAGE, NEGATIVE_PROMPT, EMPTY_PROMPT})
_HELD_COUNTS: Final = (_COUNTED, TEMPLATE, EARLIER_TURNS, COUNTED_TURNS, OTHER_TURNS)

_FURTHEST: Final = 1024.0
"""How many sigmas along the longest half-axis an x may lie out under shaped noise, which refuses to be drawn beyond."""
_ON_PROMPT: Final = frozenset({Gaussian.name, GaussianPerStep.name, ShapedGaussian.name})
_GAUSSIAN: Final = frozenset({Gaussian.name})


@dataclass(frozen=True)
class Attack:
    """One thing that adapters noise.

    kind: the adapter's. attack_on: its words; a number in them is that of x. mechanisms: the noise that may go on it.
    words: whether it comes from a prompt of words, which may be drawn from synonym classes before. tampered: what is
    attacked, for people who know no models.
    """

    kind: str
    attack_on: re.Pattern[str]
    modality: Modality
    mechanisms: frozenset[str]
    words: bool
    tampered: str


def _attack(
    kind: str, attack_on: str, modality: Modality, mechanisms: frozenset[str], *, words: bool, tampered: str
) -> Attack:
    return Attack(kind, re.compile(attack_on), modality, mechanisms, words, tampered)


_NUMBER: Final = "([1-9][0-9]{0,9})"
_READ_FOR_PROMPT: Final = "the numbers that the model reads instead of your prompt"
ATTACKS: Final = (
    _attack("language", "token embeddings of the prompt", "text", _GAUSSIAN, words=True, tampered=_READ_FOR_PROMPT),
    _attack(
        "conversation",
        re.escape(USER_TURNS),
        "text",
        _GAUSSIAN,
        words=False,
        tampered="the numbers that the model reads for any of the user's turns",
    ),
    _attack(
        "bottleneck",
        rf"sentence condition \({_NUMBER} numbers\)",
        "text",
        _GAUSSIAN,
        words=True,
        tampered=_READ_FOR_PROMPT,
    ),
    _attack("closed form", "input number", "text", _GAUSSIAN, words=False, tampered="the number that the model reads"),
    _attack(
        "pipeline",
        r"prompt embedding \(the text encoder's last hidden states\)",
        "image",
        _ON_PROMPT,
        words=True,
        tampered=_READ_FOR_PROMPT,
    ),
    _attack(
        "head",
        rf"prompt's point in the {_NUMBER}-dimensional conditioning space",
        "image",
        _ON_PROMPT,
        words=True,
        tampered=_READ_FOR_PROMPT,
    ),
    _attack(
        "latent",
        "initial latent",
        "image",
        frozenset({LatentSchedule.name}),
        words=False,
        tampered="the random numbers that the picture starts from",
    ),
    _attack(
        "seed image",
        "seed image's latent",
        "image",
        frozenset({LatentSchedule.name, ForwardDiffusion.name}),
        words=False,
        tampered="the numbers that the model reads instead of your seed image",
    ),
)


@lru_cache(maxsize=256)
def attack_named(attack_on: str) -> Attack | None:
    """Returns the attack of these words, None where no adapter of ours writes them."""
    return next((attack for attack in ATTACKS if attack.attack_on.fullmatch(attack_on)), None)


def is_known_to_be_held(words: str) -> bool:
    """Returns whether an adapter of ours names what it holds fixed in these words."""
    return words in _HELD or any(pattern.fullmatch(words) for pattern in _HELD_COUNTS)


def is_one_pass(request: RequestIdentity | None) -> bool:
    """Returns whether the request was to a picture network of one pass, the only adapter with proven constants."""
    return request is not None and request.parameters.get("scheduler") == NO_SCHEDULER


def require_threat(
    stated: Threat,
    mechanism: Mechanism,
    rounding_slack: float,
    request: RequestIdentity | None,
    metric: MetricIdentity | None,
) -> Attack | None:
    """Holds a document's threat section to our adapters' vocabulary. Returns the attack, None for a plug-in's.

    Raises InvalidCertificate where what is attacked, what is held fixed, the mechanism, the dimension, the rounding
    slack, the generation parameters and the metric cannot stand together, and for words that neither an adapter of
    ours nor a plug-in writes.
    """
    attack = attack_named(stated.attack_on)
    if attack is None:
        if stated.attack_on.startswith(PLUGIN) and stated.attack_on != PLUGIN:
            return None
        raise _invalid(
            f"attack_on is {stated.attack_on!r:.120}, which no adapter writes; a plug-in's begin with '{PLUGIN}'"
        )
    measured = None if metric is None else METRICS.get(metric.name)
    if measured is not None and measured.modality != attack.modality:
        raise _invalid(
            f"an attack on the {stated.attack_on} is on {attack.modality}s, and metric {measured.name!r} is not"
        )
    require_turns_as_asked(stated.attack_on, request)
    drawn = isinstance(mechanism, SynonymClasses)
    noise = mechanism.then if isinstance(mechanism, SynonymClasses) else mechanism
    one_pass = is_one_pass(request)
    fitting = _GAUSSIAN if drawn or one_pass else attack.mechanisms
    if noise.name not in fitting or (drawn and not attack.words):
        raise _invalid(f"mechanism {mechanism.name!r} puts no noise on the {stated.attack_on}")
    _require_dimension(stated, attack)
    least = mechanism.rounding_slack(stated.dimension)
    if rounding_slack < least * (1 - 1e-12):
        raise InvalidCertificate(
            f"rounding_slack must be at least {least!r} for {stated.dimension} numbers, got {rounding_slack!r}",
            field="rounding_slack",
        )
    _require_embedding_norm(stated, noise)
    _require_held_fixed(stated, attack, drawn=drawn, request=request)
    if request is not None and attack.modality == "image":
        require_steps(noise, request.parameters)
        require_forward_noise(noise, request.parameters)
        if attack.kind in ("latent", "seed image"):
            require_latent(stated.dimension, request.parameters)
    return attack


def _require_dimension(stated: Threat, attack: Attack) -> None:
    """Raises InvalidCertificate unless the words that count numbers count those of x."""
    named = attack.attack_on.fullmatch(stated.attack_on)
    counted = int(named[1]) if named is not None and named.groups() else None
    if attack.kind == "closed form":
        counted = 1
    if stated.dimension < 1 or counted not in (None, stated.dimension):
        raise _invalid(f"dimension is {stated.dimension}, and attacked is the {stated.attack_on}")


def _require_embedding_norm(stated: Threat, noise: Mechanism) -> None:
    """Raises InvalidCertificate for what is no norm, and for x further out than shaped noise is drawn around."""
    norm, furthest = stated.embedding_norm, math.inf
    if isinstance(noise, ShapedGaussian):
        furthest = _FURTHEST * noise.sigma * noise.shape.half_axes[1] * (1 + 1e-9) + 1e-6  # written to 6 decimals
    if not (math.isfinite(norm) and 0 <= norm <= furthest):
        raise _invalid(f"embedding_norm must be a finite number in [0, {furthest:.6g}], got {norm!r}")


def _require_held_fixed(stated: Threat, attack: Attack, *, drawn: bool, request: RequestIdentity | None) -> None:
    if attack.kind == "conversation":
        tokens = require_held_beside_turns(stated.held_fixed, request)
        if stated.dimension % tokens:
            raise _invalid(f"dimension {stated.dimension} is no multiple of the {tokens} tokens of the user's turns")
        return
    possible = _held_fixed(attack, stated.held_fixed, drawn=drawn, request=request)
    if stated.held_fixed not in possible:
        named = " or ".join(str([*held]) for held in possible)
        raise _invalid(
            f"held_fixed must be {named} for an attack on the {stated.attack_on} with these parameters, got "
            f"{[*stated.held_fixed]!r:.200}"
        )
    counted = _COUNTED.fullmatch(stated.held_fixed[0]) if attack.kind == "language" else None
    if counted is not None and stated.dimension % int(counted[1]):
        raise _invalid(f"dimension {stated.dimension} is no multiple of the {counted[0]}")


def _held_fixed(
    attack: Attack, stated: tuple[str, ...], *, drawn: bool, request: RequestIdentity | None
) -> list[tuple[str, ...]]:
    """Returns everything an adapter of this kind may hold fixed for this request. Counts are taken as stated."""
    if attack.kind in ("bottleneck", "closed form"):
        return [()]
    if attack.kind == "language":
        counted = DRAWN if drawn else next(filter(_COUNTED.fullmatch, stated), "token count (N)")
        plain = (counted, MASK)
        chat = (*plain, next(filter(TEMPLATE.fullmatch, stated), "chat template (N tokens)"))
        turns = (*chat, next(filter(EARLIER_TURNS.fullmatch, stated), "earlier turns of the conversation (N)"))
        if request is None:
            return [plain, chat, turns]
        if parameter_of(request, "chat") is not True:
            return [plain]
        if "history" in request.parameters:
            return [turns]
        return [plain] if request.template == EMPTY_TEMPLATE else [chat]
    negatives: tuple[bool, ...] = (True, False)
    images: tuple[bool, ...] = (True, False)
    if request is not None:
        negatives = (bool(parameter_of(request, "negative_prompt")),)
        images = (parameter_of(request, "image") is not None,)
        if parameter_of(request, "scheduler") == NO_SCHEDULER:
            if attack.kind != "head":
                raise _invalid(f"a network of one pass has no {attack.attack_on.pattern}")
            return [()]
    if attack.kind in ("latent", "seed image") and (attack.kind == "seed image") not in images:
        raise _invalid(f"an attack on the {attack.attack_on.pattern} does not fit parameters.image")
    possible = [(NEGATIVE_PROMPT if negative else EMPTY_PROMPT,) for negative in negatives]
    if attack.kind in ("latent", "seed image"):
        return [(PROMPT, *held) for held in possible]
    held_fixed = [(*held, *([SEED_IMAGE] if image else [])) for held in possible for image in images]
    return held_fixed if request is not None or attack.kind != "head" else [*held_fixed, ()]


def parameter_of(request: RequestIdentity, name: str) -> Any:
    """Returns a generation parameter that decides what is held fixed. Raises InvalidCertificate where it is missing."""
    parameters: Mapping[str, Any] = request.parameters
    if name not in parameters:
        raise InvalidCertificate(
            f"request.parameters must say {name!r}, which decides what is held fixed; it has "
            f"{sorted(parameters)!r:.200}",
            field="request.parameters",
        )
    return parameters[name]


def _invalid(message: str) -> InvalidCertificate:
    return InvalidCertificate(f"threat: {message}", field="threat")
