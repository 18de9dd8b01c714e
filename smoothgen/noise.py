"""Random numbers that belong to (seed, stream, index) and to nothing else.

Sample 17 of a job draws the same numbers in a batch of 1 or of 64, on any worker, on the first try or the
third. This is what makes a retry harmless: redrawing after a crash would bias the sample, because a crash can
depend on the output (theory §3).

Generator: Philox4x64-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011) in numpy's
implementation. Key: the 128-bit seed. Counter: word 0 counts blocks, word 1 is a step, word 2 the sample
index, word 3 the stream, so no two of them can ever overlap. Raw 64-bit words become uniforms on the 2⁵²-point grid
of midpoints, and uniforms become normals by the inverse CDF: one word, one normal.
"""

from __future__ import annotations

import operator
import secrets
import threading
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from smoothgen.errors import InvalidSeed

SCHEME: Final = "philox4x64-10/ndtri/v1"
"""Name of this file's construction, recorded in certificates. Another construction gets another name."""

CLIENT_SEED_LIMIT: Final = 2**63
_MAX_INDEX: Final = 2**63
_WORD: Final = 2**64 - 1
_DROPPED_BITS: Final = np.uint64(12)
_NO_WORDS: Final = (0, 0, 0, 0)
_THREAD: Final = threading.local()


class Stream(IntEnum):
    """What the numbers are for. Streams never share a number, so selection can never see certification noise."""

    SELECTION = 0
    CERTIFICATION = 1
    SERVED = 2
    GENERATOR = 3
    GENERATOR_SELECTION = 4
    GENERATOR_SERVED = 5
    GENERATOR_COMMON = 6
    CALIBRATION = 7
    SENSITIVITY = 8
    TEXT_SELECTION = 9
    TEXT_CERTIFICATION = 10
    TEXT_SERVED = 11
    EDITS = 12
    UNITS_SELECTION = 13
    UNITS_CERTIFICATION = 14


@dataclass(frozen=True)
class Seed:
    """A 128-bit seed and who chose it.

    A probability statement against an attacker needs a seed the attacker did not know, so `fresh()` is drawn
    after the prompt arrived. A client's seed reproduces a run; the certificate then says `seed_origin: client`.
    """

    value: int
    origin: Literal["server", "client"]

    def __post_init__(self) -> None:
        if not (isinstance(self.value, int) and 0 <= self.value < 2**128):
            raise InvalidSeed(f"seed must be a whole number in [0, 2^128), got {self.value!r}")

    @classmethod
    def fresh(cls) -> Seed:
        """Returns a secret seed from the operating system's entropy."""
        return cls(secrets.randbits(128), "server")

    @classmethod
    def from_client(cls, value: int) -> Seed:
        """Returns a seed given with a request. Raises InvalidSeed outside [0, 2⁶³)."""
        if not (isinstance(value, int) and 0 <= value < CLIENT_SEED_LIMIT):
            raise InvalidSeed(f"seed must be a whole number in [0, 2^63), got {value!r}", field="seed")
        return cls(value, "client")

    def __str__(self) -> str:
        return f"{self.value:032x}"


def uniforms(seed: Seed, stream: Stream, index: int, count: int, *, step: int = 0) -> NDArray[np.float64]:
    """Returns `count` independent uniforms in the open interval (0, 1), shape (count,).

    `step` opens a further sequence for the same sample: a generator that draws token by token asks once a token.
    """
    # A numpy integer shifted by 128 bits is 0, and every sample would draw the same noise.
    index, step = operator.index(index), operator.index(step)
    if not (0 <= index < _MAX_INDEX and 0 <= step < _MAX_INDEX):  # beyond, it would run into the next word
        raise InvalidSeed(f"sample index and step must lie in [0, 2^63), got {index} and {step}")
    words = _words(seed, (0, step, index, int(stream)), count)
    # 52 bits and a half step: neither 0 nor 1 can occur, so the inverse CDF below is always finite.
    drawn = (words >> _DROPPED_BITS).astype(np.float64)
    drawn += 0.5
    drawn *= 2.0**-52
    return drawn


def _words(seed: Seed, counter: tuple[int, int, int, int], count: int) -> NDArray[np.uint64]:
    """Returns `count` raw words from this counter on.

    One generator a thread, put where it is needed: to make one takes ten times as long as to move it, and longer than
    all else that a short draw does.
    """
    try:
        philox = _THREAD.philox
    except AttributeError:
        philox = _THREAD.philox = np.random.Philox(0)
    philox.state = {
        "bit_generator": "Philox",
        "state": {"counter": counter, "key": (seed.value & _WORD, seed.value >> 64)},
        "buffer": _NO_WORDS,
        "buffer_pos": len(_NO_WORDS),  # nothing left over from the draw before
        "has_uint32": 0,
        "uinteger": 0,
    }
    words: NDArray[np.uint64] = philox.random_raw(count)
    return words


def generator(seed: Seed, stream: Stream, index: int) -> np.random.Generator:
    """Returns a numpy generator for one sample: equal arguments give generators that draw equal numbers.

    Its words are those of `uniforms` at step 0; what numpy makes of them may change with numpy's version.
    """
    index = operator.index(index)
    if not 0 <= index < _MAX_INDEX:
        raise InvalidSeed(f"sample index must lie in [0, 2^63), got {index}")
    key = [seed.value & _WORD, seed.value >> 64]
    return np.random.Generator(np.random.Philox(counter=[0, 0, index, int(stream)], key=key))


def normals(seed: Seed, stream: Stream, index: int, count: int, *, step: int = 0) -> NDArray[np.float64]:
    """Returns `count` independent standard normals, shape (count,)."""
    drawn: NDArray[np.float64] = ndtri(uniforms(seed, stream, index, count, step=step))
    return drawn


def gumbels(seed: Seed, stream: Stream, index: int, count: int, *, step: int = 0) -> NDArray[np.float64]:
    """Returns `count` independent standard Gumbel variables, shape (count,).

    argmax(logits + gumbels) is an exact draw from softmax(logits) (Gumbel-max), and sharing the Gumbels couples
    two draws from nearby logits so that they mostly agree.
    """
    return -np.log(-np.log(uniforms(seed, stream, index, count, step=step)))
