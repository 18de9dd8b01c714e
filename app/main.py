"""The gateway as an application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any, Final

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from starlette.middleware.cors import CORSMiddleware

from app.access.keyring import Keyring
from app.access.needed import require_declared
from app.description.document import completed, operation_id
from app.fleet import Fleet
from app.http import problems
from app.http.admission import Admission, is_open
from app.http.dependencies import Gateway
from app.http.offloading import BoundedThreads
from app.http.request_metrics import RequestMetrics
from app.http.request_traces import RequestTraces
from app.http.security_headers import SecurityHeaders
from app.ledger import LedgerKeeper
from app.metrics import Metrics
from app.model_cards import ModelCards
from app.openai import routes as openai
from app.replies import Replies
from app.routes import certificates, events, fleet, generate, health, jobs, ledger, models, pages, plans, well_known
from app.routes import webhooks as webhook_routes
from app.settings import Settings
from app.shown_fleet import ShownFleet
from app.signing import Signer
from app.signing_keys import SigningKeys
from app.webhooks.service import Webhooks
from smoothgen import __version__
from smoothgen.access.store import KeyStore
from smoothgen.access.usage import Usage
from smoothgen.queue import JobStore, Replication, connect, keys

_CORS_ASKED: Final = [
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "Last-Event-ID",
    "Prefer",
    "X-Request-ID",
    "traceparent",
]
_CORS_TOLD: Final = [
    *("Location", "RateLimit", "RateLimit-Policy", "Retry-After", "WWW-Authenticate", "X-Request-ID"),
    *("X-SmoothGen-Certificate", "X-SmoothGen-Job", "X-SmoothGen-Notes", "X-SmoothGen-Status"),
]
"""What pages of other origins may send and read, beside what every page may."""


def create_app(settings: Settings, *, traced: bool = False) -> FastAPI:
    """Returns a gateway for these settings. Connects to Redis when it starts, and starts without it.

    traced: whether requests open spans, which `smoothgen.tracing.start_traces` must have begun to export.
    """
    metrics = Metrics(settings.shown_tenants)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        redis = connect(settings.redis_url)
        store = JobStore(
            redis,
            Replication(settings.wait_replicas, settings.wait_timeout_ms),
            outboxes=list(_outboxes(settings)),
            retention_s=settings.retention_s,
        )
        replies = Replies(store)
        replies.start()
        certified = Fleet(store, settings.fleet_confidence)
        keyring = Keyring(settings, KeyStore(redis))
        shown_fleet = ShownFleet(certified, store, metrics, keyring)
        signer = _signer(settings, store)
        keeper = LedgerKeeper(settings.ledger_url, store, metrics, signer.signature_of)
        keeper.start()
        webhooks = Webhooks(store, settings, metrics)
        webhooks.start()
        app.state.gateway = Gateway(
            settings=settings,
            store=store,
            cards=ModelCards(store),
            replies=replies,
            metrics=metrics,
            threads=BoundedThreads(),
            fleet=certified,
            shown_fleet=shown_fleet,
            keyring=keyring,
            usage=Usage(redis),
            signer=signer,
            ledger=keeper,
            webhooks=webhooks,
        )
        yield
        await webhooks.stop()
        await keeper.stop()
        if signer.keys is not None:
            await signer.keys.stop()
        await shown_fleet.stop()
        await replies.stop()
        await redis.aclose()

    app = _Gateway(
        title="SmoothGen",
        version=__version__,
        lifespan=lifespan,
        generate_unique_id_function=operation_id,
        docs_url=None,  # app.routes.pages has these pages, whose files come from here
        redoc_url=None,
        # FastAPI's own spans have the path and the query, which hold what strangers write (decision 0025).
        telemetry=TelemetryConfig(tracing=False, metrics=False, logs=False, auto_configure=False),
    )
    problems.install(app)
    rooms = (generate, plans, jobs, events, certificates, fleet, ledger, webhook_routes, models, health, well_known)
    for room in (*rooms, pages, openai):
        app.include_router(room.router)
    require_declared(app.routes, is_open)

    # The last one added is the first that sees a request.
    app.add_middleware(Admission, settings=settings)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=_CORS_ASKED,
            expose_headers=_CORS_TOLD,
        )
    app.add_middleware(SecurityHeaders)
    app.add_middleware(RequestMetrics, metrics=metrics)
    if traced:
        app.add_middleware(RequestTraces)
    return app


def _outboxes(settings: Settings) -> Iterator[str]:
    """Yields who is told of ended jobs beside the requests that wait for them."""
    if settings.ledger_url is not None:
        yield keys.LEDGER
    if settings.webhooks:
        yield keys.WEBHOOKS


def _signer(settings: Settings, store: JobStore) -> Signer:
    """Returns what signs certificates. Raises InvalidKeys, OSError for an unusable folder of keys."""
    if settings.signing_keys is None:
        return Signer(store, None, settings.signing_issuer)
    secret = None if settings.signing_secret is None else settings.signing_secret.get_secret_value()
    own = SigningKeys(store, settings.signing_keys, secret)
    own.start()
    return Signer(store, own, settings.signing_issuer)


class _Gateway(FastAPI):
    """FastAPI whose OpenAPI document says more than its routes' code does."""

    def openapi(self) -> dict[str, Any]:
        """Returns the OpenAPI document."""
        if self.openapi_schema is None:
            self.openapi_schema = completed(super().openapi())
        return self.openapi_schema
