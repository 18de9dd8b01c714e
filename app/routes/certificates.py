"""Certificates: read one, verify any."""

from __future__ import annotations

import json
from typing import Any

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from app.body import read_contract
from app.covers import compare
from app.dependencies import GatewayDep, require_api_key
from app.errors import problem_response
from app.routes.jobs import PROBLEMS
from smoothgen.certificates import Verification, verify
from smoothgen.certificates.document import parse_json
from smoothgen.contracts import Covers, CoversRequest, Problem
from smoothgen.errors import InvalidCertificate

router = APIRouter(prefix="/certificates", tags=["certificates"], dependencies=[Depends(require_api_key)])

_VERDICT: dict[str, Any] = {
    "application/json": {
        "example": {
            "valid": False,
            "meaning": "not checked",
            "checks": [{"name": "radius", "passed": False, "detail": "states 0.5, the evidence gives 0.214"}],
        }
    }
}
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "A certificate document, as GET /certificates/{id} gives it.",
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
}


@router.post(
    "/verify", responses={200: {"content": _VERDICT}, **PROBLEMS}, openapi_extra=_BODY, response_class=Response
)
async def verify_certificate(request: Request) -> Response:
    """Recompute every number a certificate states from the evidence it carries, and hold its words to what they mean.

    `meaning` is "not checked" where the words are a plug-in's, or the document names no model and metric.
    """
    # In a thread: reading and checking a million distances takes a second.
    verdict = await run_in_threadpool(_verdict, await request.body())
    # Not JSONResponse: a stranger's field names may hold half a character pair, which UTF-8 cannot carry.
    return Response(json.dumps(verdict.to_dict()), media_type="application/json")


def _verdict(body: bytes) -> Verification:
    try:
        document = parse_json(body)
    except InvalidCertificate as error:
        raise HTTPException(400, f"{error}; send one certificate as a JSON object") from error
    return verify(document)


@router.get("/{certificate_id}", responses=PROBLEMS, response_class=Response)
async def read_certificate(certificate_id: str, gateway: GatewayDep) -> Response:
    """A stored certificate. Its id is its job's."""
    return JSONResponse(await gateway.store.certificate(certificate_id))


@router.post(
    "/{certificate_id}/covers",
    response_model=Covers,
    responses=PROBLEMS,
    openapi_extra={
        "requestBody": {
            "required": True,
            "description": "The prompts, and the confidence of the answer.",
            "content": {"application/json": {"schema": CoversRequest.model_json_schema()}},
        }
    },
)
async def covers(certificate_id: str, request: Request, gateway: GatewayDep) -> Response:
    """What a certificate says of other prompts: how far they are, and how far their outputs can differ from its own.

    A worker embeds the prompts between two batches of its work; nothing is generated. 503 where no worker serves the
    model, 504 where none answers in time.
    """
    reply = await compare(gateway, certificate_id, await read_contract(request, CoversRequest))
    if isinstance(reply, Problem):
        return problem_response(reply)
    return Response(reply.model_dump_json(exclude_none=True), media_type="application/json")
