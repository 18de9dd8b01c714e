"""Synonym classes: a published partition of words, and texts drawn from it (docs/theory/synonyms.md)."""

from smoothgen.synonyms.partition import DEFAULT, Canonical, Partition, Slot

__all__ = ["DEFAULT", "Canonical", "Partition", "Slot"]
