"""Ed25519 keys as JSON Web Keys (RFC 8037), and sets of public ones (RFC 7517)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from smoothgen.certificates.format.document import parse_json
from smoothgen.errors import InvalidCertificate, InvalidKeys
from smoothgen.signing.facts import SignedFacts

ALGORITHM: Final = "Ed25519"
"""The algorithm of the signatures made here, by its name of RFC 9864."""
TYPE: Final = "smoothgen-signature+jws"
"""Stands in the header, so that nothing else that is signed by the same key passes for a signature of a certificate."""


@dataclass(frozen=True)
class SigningKey:
    """A key pair. kid: the thumbprint of its public half (RFC 7638), which nobody can choose."""

    pair: OKPKey

    @classmethod
    def make(cls) -> SigningKey:
        """Returns a new key, from the operating system's random numbers."""
        return cls(OKPKey.generate_key("Ed25519"))

    @classmethod
    def read(cls, private_jwk: Any) -> SigningKey:
        """Returns the key that a private JWK holds. Raises InvalidKeys for anything but a whole Ed25519 pair."""
        pair = _imported(private_jwk, ("kty", "crv", "x", "d"))
        if pair is None or not pair.is_private or pair.thumbprint() != OKPKey.import_key(pair.private_key).thumbprint():  # type: ignore[arg-type]
            raise InvalidKeys("it holds no private Ed25519 key (a JWK of kty 'OKP', crv 'Ed25519', with x and d)")
        return cls(pair)

    @property
    def kid(self) -> str:
        """Returns the key's id."""
        return self.pair.thumbprint()

    def private_jwk(self) -> dict[str, Any]:
        """Returns the whole pair, which is secret."""
        return dict(self.pair.as_dict(private=True))

    def public_jwk(self) -> dict[str, Any]:
        """Returns the public half, as a key set lists it."""
        return public_jwk(self.pair)

    def sign(self, facts: SignedFacts) -> str:
        """Returns a JWS in compact form over the facts."""
        header = {"alg": ALGORITHM, "kid": self.kid, "typ": TYPE}
        return jws.serialize_compact(header, facts.payload(), self.pair, [ALGORITHM])


def public_jwk(key: OKPKey) -> dict[str, Any]:
    """Returns the public half of a key as a key set lists it."""
    public = key.as_dict(private=False)
    return {name: public[name] for name in ("kty", "crv", "x")} | {
        "use": "sig",
        "alg": ALGORITHM,
        "kid": key.thumbprint(),
    }


def key_set(keys: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Returns public JWKs as a JWK Set."""
    return {"keys": [dict(key) for key in keys]}


def public_key(jwk: Any) -> OKPKey | None:
    """Returns the public half of an Ed25519 JWK, None for a key of another kind. Raises
    InvalidKeys for one that cannot be read."""
    return _imported(jwk, ("kty", "crv", "x"))


def read_key_set(keys: Mapping[str, Any] | str | bytes) -> dict[str, OKPKey]:
    """Returns the Ed25519 keys of a JWK Set by their `kid`; keys of other kinds are passed over.

    Raises InvalidKeys for what is no JWK Set, for a key that cannot be read, and where two have one `kid`.
    """
    try:
        document = parse_json(keys) if isinstance(keys, str | bytes) else keys
    except InvalidCertificate as error:
        raise InvalidKeys(f"the key set is no JSON: {error}") from error
    listed = document.get("keys") if isinstance(document, Mapping) else None
    if not isinstance(listed, list):
        raise InvalidKeys("a key set is a JSON object with a list `keys`, as /.well-known/jwks.json gives it")
    found: dict[str, OKPKey] = {}
    for jwk in listed:
        if (key := public_key(jwk)) is None:
            continue
        kid = jwk.get("kid")
        if not isinstance(kid, str) or kid in found:
            raise InvalidKeys(f"the key set has a key whose kid {kid!r:.80} is missing or another key's too")
        found[kid] = key
    return found


def _imported(jwk: Any, names: tuple[str, ...]) -> OKPKey | None:
    """Returns the key that these members of a JWK make, None for a JWK of another kind. Raises InvalidKeys."""
    if not isinstance(jwk, Mapping) or (jwk.get("kty"), jwk.get("crv")) != ("OKP", "Ed25519"):
        return None
    try:
        return OKPKey.import_key({name: jwk[name] for name in names})
    except (JoseError, ValueError, TypeError, LookupError) as error:
        raise InvalidKeys(f"a key of the set is no Ed25519 key ({type(error).__name__}: {error})") from error
