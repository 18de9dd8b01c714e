"""Addresses of a cluster: redis-cluster://[user:password@]host:port[,host:port…], rediss-cluster:// for TLS."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, urlsplit

from smoothgen.queue.addresses import PartError
from smoothgen.queue.cluster.slots import Node

SCHEMES: Final = ("redis-cluster", "rediss-cluster")
_FORM: Final = "redis-cluster://[user:password@]host:port[,host:port…]"
_PORT: Final = 6379


@dataclass(frozen=True)
class ClusterAddress:
    """Some nodes of a cluster, and how every node of it is spoken to.

    scheme: redis or rediss. credentials: as they stand in the address, with the @, empty where there are none. query:
    options of connections, as in every other address.
    """

    nodes: tuple[Node, ...]
    scheme: str
    credentials: str
    query: str

    def url_of(self, node: Node) -> str:
        """Returns the address of one node."""
        host = f"[{node.host}]" if ":" in node.host else node.host
        query = f"?{self.query}" if self.query else ""
        return f"{self.scheme}://{self.credentials}{host}:{node.port}/0{query}"


def is_cluster(url: str) -> bool:
    """Returns whether the address names a cluster."""
    return url.partition("://")[0].lower() in SCHEMES


def read_address(url: str) -> ClusterAddress:
    """Returns the parts of an address. Raises ValueError that says what is wrong."""
    parts = urlsplit(url)
    credentials, at, hosts = parts.netloc.rpartition("@")
    if parts.path.strip("/") not in ("", "0") or parse_qs(parts.query).get("db", ["0"]) != ["0"]:
        raise PartError("a cluster has database 0 alone, so leave the database out")
    return ClusterAddress(
        nodes=tuple(_node(host) for host in hosts.split(",")),
        scheme=parts.scheme.lower().removesuffix("-cluster"),
        credentials=credentials + at,
        query=parts.query,
    )


def _node(text: str) -> Node:
    read = re.fullmatch(r"(?:\[([0-9a-fA-F:.]+)\]|([^:\[\]]+))(?::(\d{1,5}))?", text)
    if read is None or int(read[3] or _PORT) > 65535:
        raise ValueError(f"{text!r} is no host and port of a node: write the address {_FORM}")
    return Node(read[1] or read[2], int(read[3] or _PORT))
