"""How gateways vouch for one another's public keys, in a Redis that others write to: by a secret they share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from smoothgen.certificates.format.canonical import canonical
from smoothgen.certificates.format.document import parse_json
from smoothgen.errors import InvalidInput
from smoothgen.signing.keys import public_jwk, public_key

_ALGORITHM: Final = "HS256"
_TYPE: Final = "smoothgen-vouched-key+jws"


@dataclass(frozen=True)
class VouchedKey:
    """A public key, and until when it is to be listed, in Unix seconds."""

    public: Mapping[str, Any]
    until: int

    def vouch(self, secret: str) -> str:
        """Returns what tells holders of the secret that one of them says so."""
        header = {"alg": _ALGORITHM, "typ": _TYPE}
        payload = canonical({"key": dict(self.public), "until": self.until})
        return jws.serialize_compact(header, payload, OctKey.import_key(secret), [_ALGORITHM])

    @classmethod
    def read(cls, vouched: str, secret: str) -> VouchedKey | None:
        """Returns the key that a holder of the secret vouches for, None for any other text."""
        try:
            found = jws.deserialize_compact(vouched, OctKey.import_key(secret), [_ALGORITHM])
            stated = parse_json(found.payload)
            key, until = public_key(stated["key"]), stated["until"]
        except (JoseError, InvalidInput, ValueError, TypeError, LookupError):
            return None
        if found.headers().get("typ") != _TYPE or key is None or not isinstance(until, int):
            return None
        return cls(public_jwk(key), until)
