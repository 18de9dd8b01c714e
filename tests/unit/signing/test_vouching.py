"""Public keys that gateways vouch for by a secret they share."""

from __future__ import annotations

import pytest
from joserfc import jws
from joserfc.jwk import OctKey

from smoothgen.signing import SigningKey, VouchedKey

SECRET, ANOTHER = "a secret of thirty-two characters", "another one of thirty-two characters"
KEY = VouchedKey(SigningKey.make().public_jwk(), 1_800_000_000)


def test_a_vouched_key_is_read_by_holders_of_the_secret() -> None:
    assert VouchedKey.read(KEY.vouch(SECRET), SECRET) == KEY
    assert VouchedKey.read(KEY.vouch(SECRET), ANOTHER) is None


def test_a_vouched_key_that_was_changed_is_not_believed() -> None:
    vouched = KEY.vouch(SECRET)
    for place in range(0, len(vouched), 5):
        swapped = "A" if vouched[place] != "A" else "B"
        assert VouchedKey.read(vouched[:place] + swapped + vouched[place + 1 :], SECRET) is None, place


@pytest.mark.parametrize("text", ["", "a.b.c", "{}", "ä"])
def test_what_nobody_vouches_for_is_not_believed(text: str) -> None:
    assert VouchedKey.read(text, SECRET) is None


@pytest.mark.parametrize("payload", ["[]", "{}", '{"key": {}, "until": 1}', '{"key": 1, "until": 1}'])
def test_what_else_the_secret_signs_is_no_key(payload: str) -> None:
    header = {"alg": "HS256", "typ": "smoothgen-vouched-key+jws"}
    assert VouchedKey.read(jws.serialize_compact(header, payload, OctKey.import_key(SECRET), ["HS256"]), SECRET) is None
    other = jws.serialize_compact({"alg": "HS256", "typ": "JWT"}, payload, OctKey.import_key(SECRET), ["HS256"])
    assert VouchedKey.read(other, SECRET) is None
