"""Tokens as rows of a public embedding table: snapping to them, and which token sequences an attack can reach.

Claims and proofs: docs/theory/neighbours.md. Needs numpy only.
"""

from smoothgen.tokens.candidates import FirstPass, MakesFirstPass
from smoothgen.tokens.distances import comparison_error, cost_difference
from smoothgen.tokens.neighbourhoods import Neighbourhoods, TokenRows
from smoothgen.tokens.neighbours import Change, Neighbours, cost_of, nearest_sequences
from smoothgen.tokens.table import TokenTable
from smoothgen.tokens.writable import Written, written

__all__ = [
    "Change",
    "FirstPass",
    "MakesFirstPass",
    "Neighbourhoods",
    "Neighbours",
    "TokenRows",
    "TokenTable",
    "Written",
    "comparison_error",
    "cost_difference",
    "cost_of",
    "nearest_sequences",
    "written",
]
