"""GET /.well-known/jwks.json: the public keys of this server's signatures."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from app.description.responses import problems
from app.http.dependencies import GatewayDep
from smoothgen.errors import NotFound

router = APIRouter(prefix="/.well-known", tags=["certificates"])

_CACHED: Final = {"Cache-Control": "public, max-age=300"}
_KEYS: dict[str, Any] = {
    "application/json": {
        "schema": {
            "type": "object",
            "required": ["keys"],
            "properties": {"keys": {"type": "array", "items": {"type": "object"}}},
        },
        "example": {
            "keys": [{"kty": "OKP", "crv": "Ed25519", "x": "…", "use": "sig", "alg": "Ed25519", "kid": "…"}],
        },
    }
}


@router.get(
    "/jwks.json", responses={200: {"content": _KEYS}, **problems("not-found", key=False)}, response_class=Response
)
async def get_signing_keys(gateway: GatewayDep) -> Response:
    """The public keys that signatures of certificates are checked with, as a JWK Set (RFC 7517).

    A key is listed for as long as a certificate that it signed is kept. 404 where this server does not sign.
    """
    if gateway.signer.keys is None:
        raise NotFound("this server does not sign certificates: its setting SMOOTHGEN_SIGNING_KEYS names no folder")
    return JSONResponse(gateway.signer.keys.listed(), headers=_CACHED)
