"""A conversation as a chat template sees it: which of its turns are attacked, and the texts around these."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Final

from smoothgen.contracts import AttackedTurns, Turn

NEUTRAL: Final = ("@@smoothgen-prompt@@", "Neutral text of another length, in two lines\nand with 7 digits: 1234567")
"""What stands for "another turn". They differ in whatever a template might look at."""
_USER: Final = "user"

Contents = tuple[str, ...]
"""What each of the attacked turns says, in order."""


class Conversation:
    """The turns of one request, the prompt last. Attacked is the prompt alone, or every turn of the user's."""

    def __init__(self, prompt: str, history: Sequence[Turn] = (), attacked: AttackedTurns = "last") -> None:
        self._messages = [*(turn.model_dump() for turn in history), {"role": _USER, "content": prompt}]
        roles = [message["role"] for message in self._messages]
        self.places = [k for k, role in enumerate(roles) if role == _USER] if attacked == "user" else [len(history)]
        """Where the attacked turns stand among all turns, in order."""

    def __str__(self) -> str:
        """Returns what is attacked, for messages."""
        return (
            "one of the user's turns" if len(self.places) > 1 else f"the prompt {self._messages[-1]['content']!r:.80}"
        )

    @property
    def remedy(self) -> str:
        """Returns what to send where a template does more with what is attacked than set it in its place."""
        return "use attacked_turns 'last'" if len(self.places) > 1 else "send chat=false"

    @property
    def history(self) -> list[str]:
        """Returns what the turns before the prompt say."""
        return [message["content"] for message in self._messages[:-1]]

    @property
    def contents(self) -> Contents:
        """Returns what the attacked turns say."""
        return tuple(self._messages[place]["content"] for place in self.places)

    def saying(self, contents: Contents) -> list[dict[str, str]]:
        """Returns the messages, with other contents in the attacked turns."""
        messages = [dict(message) for message in self._messages]
        for place, content in zip(self.places, contents, strict=True):
            messages[place]["content"] = content
        return messages


@dataclass(frozen=True)
class Framing:
    """The texts around the attacked turns: one before each, and one behind the last. trims: of each of these turns,
    whether white space at its ends is taken off."""

    fixed: tuple[str, ...]
    trims: tuple[bool, ...]

    def given(self, contents: Contents) -> Contents:
        """Returns the contents as the template leaves them."""
        return tuple(text.strip() if trims else text for text, trims in zip(contents, self.trims, strict=True))

    def text(self, contents: Contents) -> str:
        """Returns the rendering around contents as the template leaves them; of the first few, all that comes before
        the next turn."""
        return "".join(chain.from_iterable(zip_longest(self.fixed[: len(contents) + 1], contents, fillvalue="")))


def neutral(count: int) -> Contents:
    """Returns contents that say nothing particular, for so many attacked turns."""
    return (NEUTRAL[0],) * count


def other_neutrals(count: int) -> Iterator[Contents]:
    """Yields other contents that say nothing particular: another text in each turn alone, and in all together."""
    yield from (with_turn(neutral(count), place, NEUTRAL[1]) for place in range(count))
    if count > 1:
        yield (NEUTRAL[1],) * count


def with_turn(contents: Contents, place: int, text: str) -> Contents:
    """Returns the contents with another text in one of the turns."""
    return (*contents[:place], text, *contents[place + 1 :])


def holds_once(rendered: str, contents: Contents) -> bool:
    """Returns whether a rendering has every one of these neutral contents as often as they were given."""
    return all(rendered.count(text) == contents.count(text) for text in contents)
