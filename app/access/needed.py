"""Which scope each route needs. `create_app` refuses to make a gateway with a route that is not in this table."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute, compile_path

from smoothgen.access.scopes import Scope

NEEDED: Final[dict[tuple[str, str], Scope]] = {
    ("POST", "/generate"): "generate",
    ("POST", "/plans"): "read",
    ("GET", "/jobs"): "read",
    ("GET", "/jobs/{job_id}"): "read",
    ("DELETE", "/jobs/{job_id}"): "generate",
    ("DELETE", "/jobs/{job_id}/content"): "generate",
    ("GET", "/jobs/{job_id}/events"): "read",
    ("GET", "/jobs/{job_id}/output"): "read",
    ("GET", "/jobs/{job_id}/outputs"): "read",
    ("GET", "/jobs/{job_id}/samples"): "read",
    ("POST", "/certificates/verify"): "read",
    ("GET", "/certificates/{certificate_id}"): "read",
    ("GET", "/certificates/{certificate_id}/signature"): "read",
    ("POST", "/certificates/{certificate_id}/covers"): "read",
    ("GET", "/certificates/{certificate_id}/neighbours"): "read",
    ("GET", "/certificates/{certificate_id}/neighbours/{rank}/picture"): "read",
    ("GET", "/fleet"): "read",
    ("GET", "/ledger"): "read",
    ("GET", "/ledger/head"): "read",
    ("GET", "/ledger/{certificate_id}"): "read",
    ("POST", "/webhooks"): "operate",
    ("GET", "/webhooks"): "operate",
    ("DELETE", "/webhooks/{webhook_id}"): "operate",
    ("POST", "/webhooks/{webhook_id}/rotate"): "operate",
    ("POST", "/webhooks/{webhook_id}/test"): "operate",
    ("GET", "/models"): "read",
    ("GET", "/v1/models"): "read",
    ("GET", "/v1/models/{model:path}"): "read",
    ("POST", "/v1/chat/completions"): "generate",
    ("POST", "/v1/images/generations"): "generate",
    ("POST", "/v1/responses"): "generate",
    ("GET", "/v1/responses/{response_id}"): "read",
    ("POST", "/v1/responses/{response_id}/cancel"): "generate",
    ("DELETE", "/v1/responses/{response_id}"): "generate",
}
_PATTERNS: Final = [(method, compile_path(path)[0], scope) for (method, path), scope in NEEDED.items()]


def scopes_needed(method: str, path: str) -> frozenset[Scope]:
    """Returns the scopes that a request needs; none for a path that no route of the table has, which is no route."""
    method = "GET" if method == "HEAD" else method
    return frozenset(scope for its, pattern, scope in _PATTERNS if its == method and pattern.match(path))


def require_declared(routes: Iterable[BaseRoute], is_open: Callable[[str], bool]) -> None:
    """Raises ValueError for a route that neither is open to everyone nor is in the table."""
    for route in iter_route_contexts(list(routes)):
        path = getattr(route, "path", None)
        if path is None:
            raise ValueError(f"no scope can be declared for {route!r}, which has no path; use a route that has one")
        for method in () if is_open(path) else sorted(getattr(route, "methods", None) or ["any"]):
            if (method, path) not in NEEDED:
                raise ValueError(f"{method} {path} declares no scope; add it to NEEDED in app/access/needed.py")
