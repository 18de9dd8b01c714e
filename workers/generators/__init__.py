"""Generators: the protocol, the adapters, and the registry that loads them by name."""

from workers.generators.protocol import Condition, Draw, Failure, Generator, Made, Picture, Smoothing, Text, joined
from workers.generators.registry import load_generator

__all__ = [
    "Condition",
    "Draw",
    "Failure",
    "Generator",
    "Made",
    "Picture",
    "Smoothing",
    "Text",
    "joined",
    "load_generator",
]
