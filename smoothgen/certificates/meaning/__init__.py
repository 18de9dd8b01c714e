"""What documents mean: a closed vocabulary of metrics and threats, and what must stand together in one document.

quoting ← metrics ← threats ← sections ← proven ← judgement, which `verify` asks.
"""
