"""Redis Cluster and Valkey Cluster: the queue over several servers (docs/decisions/0030).

`addresses` reads `redis-cluster://`, `slots` knows which node serves what, `client` sends commands there, `scripts` the
calls of scripts, and `waiting` waits at several nodes at once. With one server nothing of this runs.
"""

from smoothgen.queue.cluster.client import ClusterRedis

__all__ = ["ClusterRedis"]
