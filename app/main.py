"""The gateway as an application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

from app.description.document import completed, operation_id
from app.fleet import Fleet
from app.http import problems
from app.http.admission import Admission
from app.http.dependencies import Gateway
from app.http.offloading import BoundedThreads
from app.http.request_metrics import RequestMetrics
from app.metrics import Metrics
from app.model_cards import ModelCards
from app.openai import routes as openai
from app.replies import Replies
from app.routes import certificates, events, fleet, generate, health, jobs, models, pages, plans
from app.settings import Settings
from app.shown_fleet import ShownFleet
from smoothgen import __version__
from smoothgen.queue import JobStore, Replication, connect


def create_app(settings: Settings) -> FastAPI:
    """Returns a gateway for these settings. Connects to Redis when it starts, and starts without it."""
    metrics = Metrics()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        redis = connect(settings.redis_url)
        store = JobStore(redis, Replication(settings.wait_replicas, settings.wait_timeout_ms))
        replies = Replies(store)
        replies.start()
        certified = Fleet(store, settings.fleet_confidence)
        shown_fleet = ShownFleet(certified, store, metrics, settings.shown_tenants)
        app.state.gateway = Gateway(
            settings, store, ModelCards(store), replies, metrics, BoundedThreads(), certified, shown_fleet
        )
        yield
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
    )
    problems.install(app)
    for room in (generate, plans, jobs, events, certificates, fleet, models, health, pages, openai):
        app.include_router(room.router)

    # The last one added is the first that sees a request.
    app.add_middleware(Admission, settings=settings)
    app.add_middleware(RequestMetrics, metrics=metrics)
    return app


class _Gateway(FastAPI):
    """FastAPI whose OpenAPI document says more than its routes' code does."""

    def openapi(self) -> dict[str, Any]:
        """Returns the OpenAPI document."""
        if self.openapi_schema is None:
            self.openapi_schema = completed(super().openapi())
        return self.openapi_schema
