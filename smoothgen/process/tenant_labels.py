"""Under which names a tenant's figures stand in metrics, few enough for Prometheus."""

from __future__ import annotations

from typing import Final

UNNAMED: Final = ("(unnamed)", "")
"""Of requests whose key has no name: their tenant is named by a digest of the key, which is nobody's to see."""
OTHERS: Final = ("(others)", "")
"""Of tenants and keys beyond the most that one process tells apart."""
_MOST: Final = 200


class TenantLabels:
    """Gives the values of the labels `tenant` and `key`: names that an operator chose, at most 200 pairs of them in one
    process. No name of a tenant or a key begins with a bracket, so the two above are nobody's."""

    def __init__(self) -> None:
        self._told_apart: set[tuple[str, str]] = set()

    def of(self, tenant: str | None, key: str | None) -> tuple[str, str]:
        """Returns the labels of a tenant and a key of its. tenant: None for one that may not be named. key: None where
        the key has no name of its own."""
        if tenant is None:
            return UNNAMED
        pair = tenant, key or ""
        if pair not in self._told_apart and len(self._told_apart) >= _MOST:
            return OTHERS
        self._told_apart.add(pair)
        return pair
