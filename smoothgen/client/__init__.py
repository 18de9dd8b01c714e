"""Typed HTTP clients, synchronous and asynchronous, over one description of the conversation."""

from smoothgen.client.asynchronous import AsyncClient
from smoothgen.client.following import JobEvent
from smoothgen.client.results import FleetReading, Generation
from smoothgen.client.synchronous import Client

__all__ = ["AsyncClient", "Client", "FleetReading", "Generation", "JobEvent"]
