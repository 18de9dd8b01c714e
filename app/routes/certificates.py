"""Certificates: read one, verify any, compare prompts with one, read the runs behind one."""

from __future__ import annotations

import json
from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Path, Query, Request, Response
from fastapi.responses import JSONResponse

from app.covers import compare
from app.description.certificates import CERTIFICATE
from app.description.problem_kinds import OF_EVERY_BODY
from app.description.responses import problems
from app.examples import COVERS
from app.http.dependencies import GatewayDep, OwnCertificateId, TenantDep
from app.http.documents import verdict
from app.http.problems import problem_response
from app.http.strict_json import LARGE_BYTES, StrictRoute
from app.neighbours import neighbours_of
from smoothgen.contracts import Covers, CoversRequest, NeighboursView, Problem, VerdictView
from smoothgen.errors import NotFound

router = APIRouter(prefix="/certificates", tags=["certificates"], route_class=StrictRoute)

_JOSE: Final = "application/jose"
_PROBLEMS: Final = problems("not-found")
_CONFLICTING: Final = problems("not-found", "conflict", "invalid-request")
_OF_COMPARISONS: Final = (
    *("not-found", "conflict", "model-replaced", "no-worker", "no-answer"),
    *("worker-error", "worker-hung", "job-unreadable"),
)
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "A certificate document, as GET /certificates/{id} gives it.",
        "content": {"application/json": {"schema": {"anyOf": [CERTIFICATE, {"type": "object", "title": "Other"}]}}},
    }
}


@router.post("/verify", response_model=VerdictView, responses=problems(*OF_EVERY_BODY), openapi_extra=_BODY)
async def verify_certificate(request: Request, gateway: GatewayDep) -> Response:
    """Recompute every number a certificate states from the evidence it carries, and hold its words to what they mean.

    `meaning` is "not checked" where the words are a plug-in's, or the document names no model and metric.
    """
    body = await request.body()
    answer = await gateway.threads.run(verdict, body, large=len(body) > LARGE_BYTES)
    # Not JSONResponse: a stranger's field names may hold half a character pair, which UTF-8 cannot carry.
    return Response(json.dumps(answer), media_type="application/json")


@router.get(
    "/{certificate_id}",
    responses={200: {"content": {"application/json": {"schema": CERTIFICATE}}}, **_PROBLEMS},
    response_class=Response,
)
async def get_certificate(certificate_id: OwnCertificateId, gateway: GatewayDep) -> Response:
    """A stored certificate. Its id is its job's."""
    return JSONResponse(await gateway.store.certificate(certificate_id))


@router.get(
    "/{certificate_id}/signature",
    responses={200: {"content": {_JOSE: {"schema": {"type": "string"}}}}, **_PROBLEMS},
    response_class=Response,
)
async def get_signature(certificate_id: OwnCertificateId, gateway: GatewayDep, tenant: TenantDep) -> Response:
    """The signature of a stored certificate: a JWS in compact form, by a key of GET /.well-known/jwks.json.

    `smoothgen verify --jwks` checks it. 404 where this server does not sign.
    """
    signature = await gateway.signer.signature_of(tenant, certificate_id)
    if signature is None:
        raise NotFound(f"certificate {certificate_id!r} is not signed: this server's SMOOTHGEN_SIGNING_KEYS is not set")
    return Response(signature, media_type=_JOSE)


@router.get("/{certificate_id}/neighbours", response_model=NeighboursView, responses=_CONFLICTING)
async def get_neighbours(
    certificate_id: OwnCertificateId,
    gateway: GatewayDep,
    changed: Annotated[bool, Query(description="Only those that changed the answer, or failed.")] = False,
    limit: Annotated[int, Query(ge=1, le=1000, description="How many of them at most, the nearest first.")] = 100,
) -> Response:
    """The prompts that the model was run on for a certificate of mechanism `tokens` or `edits`, nearest first.

    `runs` and `changed` count all of them. Texts and outputs are there for as long as the job's output is kept. 409 for
    a certificate of noise.
    """
    view = await neighbours_of(gateway, certificate_id, changed=changed, limit=limit)
    return Response(view.model_dump_json(), media_type="application/json")


@router.get(
    "/{certificate_id}/neighbours/{rank}/picture",
    responses={
        200: {"content": {"image/png": {"schema": {"type": "string", "contentMediaType": "image/png"}}}},
        **problems("not-found", "invalid-request"),
    },
    response_class=Response,
)
async def get_neighbour_picture(
    certificate_id: OwnCertificateId,
    rank: Annotated[int, Path(ge=1, le=1_000_000, description="The neighbour's place by cost, from 1 on.")],
    gateway: GatewayDep,
) -> Response:
    """A small picture of what the model drew for a neighbour, of a certificate of mechanism `tokens`.

    An illustration, no part of the certificate. It is kept of the first runs, for as long as the job's output.
    """
    return Response(await gateway.store.run_picture(certificate_id, rank - 1), media_type="image/png")


@router.post(
    "/{certificate_id}/covers",
    response_model=Covers,
    responses=problems(*OF_EVERY_BODY, *_OF_COMPARISONS),
)
async def compare_prompts(
    certificate_id: OwnCertificateId,
    asked: Annotated[CoversRequest, Body(description="The prompts, or a context.", openapi_examples=COVERS)],
    gateway: GatewayDep,
) -> Response:
    """What a certificate says of other prompts: how far they are, and how far their outputs can differ from its own.

    A worker embeds the prompts between two batches of its work; nothing is generated. 503 where no worker serves the
    model, 504 where none answers in time.
    """
    reply = await compare(gateway, certificate_id, asked)
    if isinstance(reply, Problem):
        return problem_response(reply)
    return Response(reply.model_dump_json(exclude_none=True), media_type="application/json")
