"""Generators: the protocol, the adapters, and the registry that loads them by name."""

from workers.generators.conditions import Condition, Draw, Smoothing, joined
from workers.generators.differentiable import Differentiable, SmoothMap
from workers.generators.outputs import Failure, Made, Picture, Text
from workers.generators.protocol import Generator, Templated, Tokenizing, TokenSnap
from workers.generators.registry import load_generator

__all__ = [
    "Condition",
    "Differentiable",
    "Draw",
    "Failure",
    "Generator",
    "Made",
    "Picture",
    "SmoothMap",
    "Smoothing",
    "Templated",
    "TokenSnap",
    "Tokenizing",
    "Text",
    "joined",
    "load_generator",
]
