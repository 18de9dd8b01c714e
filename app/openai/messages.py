"""OpenAI's messages as a prompt and the turns before it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from smoothgen.contracts import ModelCard, Turn
from smoothgen.contracts.turns import MOST_TURNS
from smoothgen.errors import InvalidParameters


def _text(content: object) -> object:
    """Returns the text of a content given in parts, and other contents as they are."""
    if not isinstance(content, list):
        return content
    texts = []
    for place, part in enumerate(content):
        kind = part.get("type") if isinstance(part, dict) else None
        if kind not in ("text", "input_text", "output_text") or not isinstance(part.get("text"), str):
            raise ValueError(f"part {place} has type {kind!r:.40}, and only text is read here; send parts of type text")
        texts.append(part["text"])
    return "".join(texts)


class Message(BaseModel):
    """One message: a role and a text. Other fields, such as `name`, are not read."""

    model_config = ConfigDict(hide_input_in_errors=True)

    role: Literal["system", "developer", "user", "assistant"]
    content: Annotated[str, BeforeValidator(_text)]

    @property
    def turn(self) -> Turn:
        """Returns the message as a turn of a conversation."""
        return Turn(role="system" if self.role == "developer" else self.role, content=self.content)


Messages = Annotated[list[Message], Field(min_length=1, max_length=MOST_TURNS + 1)]


def prompt_of(messages: Sequence[Message], card: ModelCard, field: str) -> tuple[str, dict[str, object]]:
    """Returns the prompt, and the parameters `chat` and `history` for what stands around it.

    The last message is the prompt: it carries the noise or is what an attack alters. The turns before it are held
    fixed, but for the user's where `attacked_turns` says so. A model without a chat template reads one message of the
    user's as it stands. field: where the messages are, for errors. Raises InvalidParameters.
    """
    *before, last = messages
    if last.role != "user":
        raise InvalidParameters(
            f"the last message has role {last.role!r}, and what is certified is the answer to a message of the user's; "
            "send one of role 'user' last",
            field=f"{field}.{len(before)}.role",
        )
    if card.chat:
        history = {"history": tuple(message.turn for message in before)} if before else {}
        return last.content, {"chat": True, **history}
    if before:
        raise InvalidParameters(
            f"model {card.id!r} has no chat template, so that {len(messages)} messages cannot be put to it; send one "
            "message of role 'user'",
            field=field,
        )
    return last.content, {}
