"""SMOOTHGEN_API_KEYS: names of tenants and their keys."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from app.settings import Settings


def test_a_key_alone_is_a_tenant_of_its_own_and_keys_of_one_name_are_one_tenants() -> None:
    settings = Settings(api_keys=["clinic:one", "clinic:two", "alone=="])
    assert settings.tenants == [("one", "clinic"), ("two", "clinic"), ("alone==", "key-952f0d8f22314940")]
    assert settings.shown_tenants == ["clinic"]
    assert Settings().shown_tenants == ["anyone"]


@pytest.mark.parametrize(
    "entry",
    [":key", "name:", "*:key", "two words:key", "name/x:key", "n" * 65 + ":key", "-n:key", "a: key", "a:key "],
)
def test_what_is_no_name_and_key_is_refused_without_showing_the_key(entry: str) -> None:
    with pytest.raises(ValidationError, match=r"entry 2 of SMOOTHGEN_API_KEYS is no name:key") as refused:
        Settings(api_keys=["good:secret", entry])
    assert "secret" not in refused.value.errors()[0]["msg"]


def test_a_key_of_two_tenants_is_refused() -> None:
    with pytest.raises(ValidationError, match="one key twice"):
        Settings(api_keys=["a:key", "b:key"])
