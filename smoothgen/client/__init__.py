"""Typed HTTP clients, synchronous and asynchronous, over one description of the conversation."""

from smoothgen.client.asynchronous import AsyncClient
from smoothgen.client.conversation import Generation
from smoothgen.client.synchronous import Client

__all__ = ["AsyncClient", "Client", "Generation"]
