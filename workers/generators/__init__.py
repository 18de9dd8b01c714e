"""Generators: the protocol, the adapters, and the registry that loads them by name."""

from workers.generators.protocol import (
    Condition,
    Differentiable,
    Draw,
    Failure,
    Generator,
    Made,
    Picture,
    Smoothing,
    SmoothMap,
    Templated,
    Text,
    joined,
)
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
    "Text",
    "joined",
    "load_generator",
]
