"""OpenAI's requests as requests to POST /generate.

A field that changes what is served or claimed, and that is not offered, is refused by its name unless it asks for
nothing. Fields that are not known are left aside, and the answer names them: OpenAI's clients send new ones with every
release.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from app.openai.certified import OURS
from app.openai.messages import Message, Messages, prompt_of
from smoothgen.contracts import Extension, GenerateRequest, ModelCard, Parameters, TextParameters
from smoothgen.contracts.parameters import LONGEST_STOP, MOST_STOPS, Modality
from smoothgen.errors import InvalidParameters
from smoothgen.noise import CLIENT_SEED_LIMIT

_SIZE: Final = re.compile("([0-9]{1,5})x([0-9]{1,5})")
_LONGEST_METADATA: Final = 512
_MOST_METADATA: Final = 12
"""Of OpenAI's 16 entries: the server adds up to four."""


def _as_list(stop: object) -> object:
    return [stop] if isinstance(stop, str) else stop


Seed = Annotated[int, Field(ge=0, lt=CLIENT_SEED_LIMIT)]
Stops = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=LONGEST_STOP)]],
    Field(max_length=MOST_STOPS),
    BeforeValidator(_as_list, json_schema_input_type=str | list[str]),
]


def _not_ours(name: str) -> str:
    if name.startswith(OURS):
        raise PydanticCustomError(
            "reserved", "names that begin with {ours} are the server's; choose another", {"ours": OURS}
        )
    return name


Metadata = Annotated[
    dict[
        Annotated[str, Field(max_length=64), AfterValidator(_not_ours)],
        Annotated[str, Field(max_length=_LONGEST_METADATA)],
    ],
    Field(max_length=_MOST_METADATA),
]
Count = Annotated[int, Field(strict=True)]


class _Asked(BaseModel):
    """What all of OpenAI's requests have. modality: what is asked for. refused: the fields that are not offered, each
    with the values that ask for nothing, in which they are taken. unread: the fields that change neither what is served
    nor what is claimed."""

    model_config = ConfigDict(extra="allow", hide_input_in_errors=True)

    modality: ClassVar[Modality] = "text"
    refused: ClassVar[Mapping[str, tuple[Any, ...]]] = {}
    unread: ClassVar[frozenset[str]] = frozenset()

    model: str = Field(min_length=1, max_length=300)
    smoothgen: Extension = Extension()

    @property
    def names(self) -> Mapping[str, str]:
        """Returns the fields of POST /generate that have another name in this request, each with that name, dotted."""
        return {"parameters.attacked_turns": "smoothgen.attacked_turns"}

    @property
    def ignored(self) -> tuple[str, ...]:
        """Returns the names of fields that are not known here, sorted."""
        known = {*self.refused, *self.unread}
        return tuple(sorted(name[:80] for name in self.model_extra or {} if name not in known))

    def _generate(
        self, prompt: str, parameters: dict[str, Any], seed: int | None, defaults: Extension
    ) -> GenerateRequest:
        self._require_offered()
        given: dict[str, Any] = {**defaults.given, **self.smoothgen.given}
        attacked = self.smoothgen.attacked_turns or defaults.attacked_turns
        if attacked is not None and parameters.get("chat"):
            # Without a template there is one message, and it is all that the user says.
            parameters = {**parameters, "attacked_turns": attacked}
        if seed is not None:
            given["seed"] = seed
        return GenerateRequest(model=self.model, prompt=prompt, parameters=parameters, **given)

    def _require_offered(self) -> None:
        """Raises InvalidParameters for a field that is not offered and asks for something."""
        for name, value in (self.model_extra or {}).items():
            if name in self.refused and value is not None and value not in self.refused[name]:
                raise InvalidParameters(
                    f"{name} is not offered here: it would change what is served, and the certificate would not cover "
                    "it; leave it out",
                    field=name,
                )


_TOOLS: Final[Mapping[str, tuple[Any, ...]]] = {
    "tools": ([],),
    "tool_choice": ("none", "auto"),
    "top_logprobs": (0,),
    "moderation": (),
}
_UNREAD: Final = frozenset(
    {"metadata", "parallel_tool_calls", "prompt_cache_key", "prompt_cache_retention", "safety_identifier"}
    | {"service_tier", "store", "user"}
)


class ChatRequest(_Asked):
    """A request to POST /v1/chat/completions."""

    refused = {
        **_TOOLS,
        "audio": (),
        "frequency_penalty": (0,),
        "function_call": ("none", "auto"),
        "functions": ([],),
        "logit_bias": ({},),
        "logprobs": (False,),
        "modalities": (["text"],),
        "n": (1,),
        "prediction": (),
        "presence_penalty": (0,),
        "response_format": ({"type": "text"},),
        "web_search_options": (),
    }
    unread = _UNREAD | {"stream_options"}

    messages: Messages
    max_tokens: Count | None = None
    max_completion_tokens: Count | None = Field(default=None, description="Default: 32.")
    temperature: float | None = Field(default=None, description="Default: 0, greedy decoding.")
    top_p: float | None = None
    stop: Stops | None = None
    seed: Seed | None = None
    stream: bool | None = None
    metadata: Metadata | None = None

    @property
    def names(self) -> Mapping[str, str]:
        """Returns the fields of POST /generate that have another name in this request, each with that name, dotted."""
        most = "max_completion_tokens" if self.max_tokens is None else "max_tokens"
        return {**super().names, **_conversation("messages"), "parameters.max_new_tokens": most}

    def generate(self, card: ModelCard, defaults: Extension) -> GenerateRequest:
        """Returns the request to POST /generate. Raises InvalidParameters, pydantic.ValidationError."""
        prompt, around = prompt_of(self.messages, card, "messages")
        most = self.max_completion_tokens if self.max_tokens is None else self.max_tokens
        if self.max_completion_tokens not in (None, most):
            raise InvalidParameters(
                f"max_tokens={self.max_tokens} and max_completion_tokens={self.max_completion_tokens} are two names of "
                "one limit; send one of them",
                field="max_completion_tokens",
            )
        return self._generate(prompt, {**around, **_decoding(self, most, self.stop)}, self.seed, defaults)


class ResponsesRequest(_Asked):
    """A request to POST /v1/responses."""

    refused = {
        **_TOOLS,
        "conversation": (),
        "include": ([],),
        "previous_response_id": (),
        "prompt": (),
        "stream": (False,),
        "text": ({"format": {"type": "text"}},),
    }
    unread = _UNREAD | {"truncation"}

    input: str | list[Message] = Field(min_length=1)
    instructions: str | None = None
    background: bool | None = None
    max_output_tokens: Count | None = Field(default=None, description="Default: 32.")
    temperature: float | None = Field(default=None, description="Default: 0, greedy decoding.")
    top_p: float | None = None
    metadata: Metadata | None = None

    @property
    def names(self) -> Mapping[str, str]:
        """Returns the fields of POST /generate that have another name in this request, each with that name, dotted."""
        return {**super().names, **_conversation("input"), "parameters.max_new_tokens": "max_output_tokens"}

    @property
    def echo(self) -> dict[str, Any]:
        """Returns the fields that the answer repeats, with the defaults that were used where none was given."""
        said = {"background": bool(self.background), "instructions": self.instructions}
        return {**said, **kept(TextParameters.model_validate(_decoding(self, self.max_output_tokens)))}

    def generate(self, card: ModelCard, defaults: Extension) -> GenerateRequest:
        """Returns the request to POST /generate. Raises InvalidParameters, pydantic.ValidationError."""
        said = [Message(role="user", content=self.input)] if isinstance(self.input, str) else self.input
        told = [] if self.instructions is None else [Message(role="system", content=self.instructions)]
        prompt, around = prompt_of([*told, *said], card, "input")
        return self._generate(prompt, {**around, **_decoding(self, self.max_output_tokens)}, None, defaults)


class ImagesRequest(_Asked):
    """A request to POST /v1/images/generations."""

    modality = "image"
    refused = {
        "background": ("auto", "opaque"),
        "n": (1,),
        "output_format": ("png",),
        "partial_images": (0,),
        "stream": (False,),
    }
    unread = frozenset({"moderation", "output_compression", "quality", "safety_identifier", "style", "user"})

    prompt: str
    size: str | None = Field(default=None, description='"auto" or WIDTHxHEIGHT in pixels.')
    response_format: Literal["b64_json"] | None = Field(
        default=None, description="Pictures are answered as base64; this server keeps none under a URL."
    )

    @property
    def names(self) -> Mapping[str, str]:
        """Returns the fields of POST /generate that have another name in this request, each with that name, dotted."""
        return {**super().names, "parameters.width": "size", "parameters.height": "size"}

    def generate(self, card: ModelCard, defaults: Extension) -> GenerateRequest:
        """Returns the request to POST /generate. Raises InvalidParameters, pydantic.ValidationError."""
        del card  # a picture model takes a prompt as it stands
        if self.smoothgen.attacked_turns is not None:
            raise InvalidParameters(
                f"attacked_turns={self.smoothgen.attacked_turns!r} speaks of a conversation, and a picture has one "
                "prompt; leave it out",
                field="smoothgen.attacked_turns",
            )
        return self._generate(self.prompt, self._sides(), None, defaults)

    def _sides(self) -> dict[str, int]:
        if self.size in (None, "auto"):
            return {}
        found = _SIZE.fullmatch(str(self.size))
        if found is None:
            raise InvalidParameters(
                f"size {self.size!r:.40} is no size; send 'auto' or WIDTHxHEIGHT, such as '32x32'", field="size"
            )
        return {"width": int(found[1]), "height": int(found[2])}


def kept(parameters: Parameters) -> dict[str, Any]:
    """Returns what a job keeps of a request to POST /v1/responses, by OpenAI's names: how its text is generated."""
    if not isinstance(parameters, TextParameters):
        return {}
    most = parameters.max_new_tokens
    return {"max_output_tokens": most, "temperature": parameters.temperature, "top_p": parameters.top_p}


def _decoding(asked: ChatRequest | ResponsesRequest, most: int | None, stop: list[str] | None = None) -> dict[str, Any]:
    """Returns the text parameters that were given. An empty list of stops asks for nothing."""
    said = {"max_new_tokens": most, "temperature": asked.temperature, "top_p": asked.top_p, "stop": stop or None}
    return {name: value for name, value in said.items() if value is not None}


def _conversation(field: str) -> dict[str, str]:
    """Returns the fields of POST /generate that are made of messages. field: where those are."""
    return dict.fromkeys(("prompt", "parameters.chat", "parameters.history"), field)
