"""Addresses of clusters, and the key that guards a script on one."""

from __future__ import annotations

import pytest
from redis.crc import key_slot

from smoothgen.errors import InvalidInput
from smoothgen.queue import connect, keys
from smoothgen.queue.cluster import ClusterRedis
from smoothgen.queue.cluster.addresses import read_address
from smoothgen.queue.cluster.slots import Node
from smoothgen.queue.scripts.jobs import Tell
from smoothgen.queue.scripts.work import Void


@pytest.mark.parametrize(
    ("url", "nodes", "first"),
    [
        ("redis-cluster://one", [Node("one", 6379)], "redis://one:6379/0"),
        (
            "redis-cluster://me:a%40b@one:1,two:2,[::1]:3/0",
            [Node("one", 1), Node("two", 2), Node("::1", 3)],
            "redis://me:a%40b@one:1/0",
        ),
        (
            "rediss-cluster://:pw@one:1?ssl_ca_certs=ca.pem",
            [Node("one", 1)],
            "rediss://:pw@one:1/0?ssl_ca_certs=ca.pem",
        ),
    ],
)
def test_addresses_of_clusters_are_read(url: str, nodes: list[Node], first: str) -> None:
    address = read_address(url)
    assert list(address.nodes) == nodes
    assert address.url_of(nodes[0]) == first
    assert isinstance(connect(url), ClusterRedis)


def test_a_node_of_an_ipv6_address_is_written_in_brackets() -> None:
    assert read_address("redis-cluster://one").url_of(Node("::1", 3)) == "redis://[::1]:3/0"


@pytest.mark.parametrize(
    "url",
    [
        "redis-cluster://",
        "redis-cluster://me:secret@a:99999",
        "redis-cluster://me:secret@a:1,,b:2",
        "redis-cluster://me:secret@a:1/3",
        "redis-cluster://me:secret@a:1?db=2",
        "redis-cluster://me:sec/ret@a:1",
        "redis-cluster://me:secret@a:1?nonsense=1",
        "redis-cluster:/a:1",
    ],
)
def test_an_address_that_is_none_is_refused_without_the_password(url: str) -> None:
    with pytest.raises(InvalidInput, match="SMOOTHGEN_REDIS_URL") as refused:
        connect(url)
    assert "redis-cluster://[user:password@]host:port" in str(refused.value)
    assert "secret" not in str(refused.value)
    assert "sec/ret" not in str(refused.value)


def test_a_database_is_refused_by_its_reason() -> None:
    with pytest.raises(InvalidInput, match="a cluster has database 0 alone"):
        connect("redis-cluster://a:1/3")


@pytest.mark.parametrize(
    "key",
    [keys.job("0123456789ab-x-y"), keys.MODELS, keys.replies("gateway"), keys.quota_of_key("k"), keys.WEBHOOK_DUE],
)
def test_guards_and_probes_lie_in_the_slot_of_the_key_they_are_beside(key: keys.Key) -> None:
    slot = key_slot(key.encode())
    assert {key_slot(beside(key).encode()) for beside in (keys.guard, keys.probe_beside)} == {slot}
    assert len({key, keys.guard(key), keys.probe_beside(key)}) == 3


@pytest.mark.parametrize("script", [Tell.script, Void.script])
def test_a_guarded_script_differs_by_the_line_that_drops_its_guard(script: object) -> None:
    plain, guarded = script.text, script.guarded_text  # type: ignore[attr-defined]
    assert guarded.replace("table.remove(KEYS)\n", "", 1) == plain
    assert guarded.startswith("#!lua flags=allow-oom\ntable.remove(KEYS)\n")
    assert script.sha != script.guarded_sha  # type: ignore[attr-defined]
