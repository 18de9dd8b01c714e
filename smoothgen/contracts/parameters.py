"""Generation parameters, by what the model makes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self, get_args

from pydantic import Field, GetJsonSchemaHandler, TypeAdapter, ValidationInfo, field_validator, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from smoothgen.contracts.base import Contract
from smoothgen.contracts.prompt_embeds import PromptEmbeds
from smoothgen.contracts.turns import AttackedTurns, History, history_digest

Modality = Literal["text", "image"]
MODALITIES: Final[tuple[Modality, ...]] = get_args(Modality)
LARGEST_SIDE: Final = 4096
LONGEST_IMAGE: Final = 16 * 1024 * 1024
"""The characters of base64 that a seed image may have. The gateway's own limit on bodies usually comes first."""
MOST_STOPS: Final = 4
LONGEST_STOP: Final = 64


class TextParameters(Contract):
    """How a text model generates. Greedy unless a temperature is given."""

    max_new_tokens: int = Field(default=32, ge=1, le=4096)
    temperature: float = Field(default=0.0, ge=0, le=10, description="0 is greedy decoding.")
    top_k: int | None = Field(default=None, ge=1, le=2**31 - 1, description="Sample among the k likeliest tokens only.")
    top_p: float | None = Field(
        default=None, gt=0, le=1, description="Sample among the likeliest tokens of mass p only."
    )
    chat: bool = Field(
        default=False,
        description="Wrap the prompt in the model's chat template. The template's tokens are the server's own: "
        "they carry no noise and the certificate lists them as held fixed.",
    )
    history: History | None = Field(
        default=None,
        description="With chat: the turns before the prompt, which is the last turn and the user's. They are held "
        "fixed, but for the user's under attacked_turns user: an attack on what is held fixed is outside of the "
        "certificate, which names the turns by their digest.",
    )
    attacked_turns: AttackedTurns = Field(
        default="last",
        description="With chat: which turns attacks are certified on. last: the prompt alone. user: all turns of the "
        "user's, those of the history too; turns of others stay held fixed. For mechanisms tokens and embedding.",
    )
    stop: (
        Annotated[
            tuple[Annotated[str, Field(min_length=1, max_length=LONGEST_STOP)], ...],
            Field(strict=False, min_length=1, max_length=MOST_STOPS),
        ]
        | None
    ) = Field(
        default=None,
        description="Texts before the first of which every output ends. A function of the output, so that certificates "
        "hold for what is left of it; the model still generates up to max_new_tokens.",
    )
    prompt_embeds: PromptEmbeds | None = Field(
        default=None,
        description="Token embeddings in place of the prompt, for mechanism tokens: each is read as the token nearest "
        "to it. The prompt is then a label that the model never reads.",
    )

    def for_certificate(self) -> dict[str, Any]:
        """Returns what a certificate records: everything, with earlier turns and embeddings in the prompt's place named
        by their sha256."""
        recorded = self.named().model_dump(mode="json")
        for name in ("history", "stop", "prompt_embeds"):
            if recorded[name] is None:  # documents made before there were such parameters do not have them
                del recorded[name]
        if self.attacked_turns == "last":
            del recorded["attacked_turns"]
        if self.history is not None:
            recorded["history"] = history_digest(self.history)
        return recorded

    def for_batch(self) -> Self:
        """Returns what samples that share a batch have in common: how a text goes on, and not what it goes on from."""
        return self.model_copy(update={"prompt_embeds": None, "history": None})

    def named(self) -> Self:
        """Returns the parameters with their megabytes named and no longer held."""
        if self.prompt_embeds is None:
            return self
        return self.model_copy(update={"prompt_embeds": self.prompt_embeds.named()})

    @model_validator(mode="after")
    def _history_of_a_chat(self) -> Self:
        if self.history is not None and not self.chat:
            raise ValueError(
                f"history has {len(self.history)} turns before the prompt, and only a chat template can render them; "
                "send chat=true, or leave history out"
            )
        return self

    @model_validator(mode="after")
    def _turns_that_can_be_attacked(self) -> Self:
        if self.attacked_turns == "last":
            return self
        if not self.chat:
            raise ValueError(
                f"attacked_turns={self.attacked_turns!r} speaks of a conversation, and only a chat template can render "
                "one; send chat=true, or leave attacked_turns out"
            )
        if self.prompt_embeds is not None:
            raise ValueError(
                f"prompt_embeds with attacked_turns={self.attacked_turns!r}: they stand in the place of the last turn "
                "alone; leave one of the two out"
            )
        return self


Pixels = Annotated[int, Field(ge=8, le=LARGEST_SIDE, multiple_of=8)]


class ImageParameters(Contract):
    """How a text-to-image model generates. A field left out takes the model's own default (GET /models)."""

    num_inference_steps: int | None = Field(default=None, ge=1, le=1000, description="Denoising steps.")
    guidance_scale: float | None = Field(default=None, ge=1, le=100, description="1 is no guidance.")
    negative_prompt: str | None = Field(default=None, max_length=32_768)
    width: Pixels | None = Field(default=None, description="Pixels, a multiple of 8.")
    height: Pixels | None = Field(default=None, description="Pixels, a multiple of 8.")
    scheduler: str | None = Field(default=None, max_length=100, description="A diffusers scheduler, by class name.")
    image: str | None = Field(
        default=None,
        min_length=1,
        max_length=LONGEST_IMAGE,
        description="A seed image for image-to-image: PNG, JPEG or WebP as base64.",
    )
    strength: float | None = Field(
        default=None, gt=0, le=1, description="How much of the seed image is noised away; with an image only."
    )

    @field_validator("strength")
    @classmethod
    def _strength_of_an_image(cls, strength: float | None, others: ValidationInfo) -> float | None:
        if strength is not None and others.data.get("image", "") is None:  # an image that was refused is not in `data`
            raise ValueError(
                f"strength={strength!r} says how far to leave a seed image, and none is given; send one, or leave "
                "strength out"
            )
        return strength

    def for_certificate(self) -> dict[str, Any]:
        """Returns what a certificate records: everything, with the seed image replaced by the sha256 of its base64."""
        recorded = self.model_dump()
        if self.image is not None:
            recorded["image"] = f"sha256:{hashlib.sha256(self.image.encode()).hexdigest()}"
        return recorded

    def for_batch(self) -> Self:
        """Returns what samples that share a batch have in common: all of it."""
        return self


Parameters = TextParameters | ImageParameters
_OF_MODALITY: Final[dict[Modality, type[TextParameters] | type[ImageParameters]]] = {
    "text": TextParameters,
    "image": ImageParameters,
}


class DescribedAsParameters:
    """An annotation of an object that is read late, as the model's kind of parameters: it has their JSON schema."""

    @classmethod
    def __get_pydantic_json_schema__(cls, _: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(TypeAdapter(Parameters).core_schema)


def read_parameters(modality: Modality, given: Mapping[str, Any]) -> Parameters:
    """Returns the parameters of a request for a model of this modality. Raises pydantic.ValidationError."""
    return _OF_MODALITY[modality].model_validate(dict(given))


def parameter_names(modality: Modality) -> frozenset[str]:
    """Returns the names of the parameters of a modality."""
    return frozenset(_OF_MODALITY[modality].model_fields)
