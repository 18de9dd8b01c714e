"""What the Lua scripts share: how one is kept, and the steps that several of them take."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Final


@dataclass(frozen=True)
class Script:
    """A Lua script and the name Redis keeps it under. `replicated`: its answer counts once replicas have what it wrote,
    where the operator asked for that."""

    text: str
    replicated: bool = False

    @cached_property
    def sha(self) -> str:
        """SHA-1, as EVALSHA wants it."""
        return hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()


# Work that was accepted must also be finished by a full Redis: ending jobs is how it empties. Only SUBMIT is refused.
EVEN_WHEN_FULL: Final = "#!lua flags=allow-oom\n"

LIVES: Final = """
local function lives(status)
  return status == 'queued' or status == 'running'
end
"""

# A job that started over is on its next attempt: what comes of a piece of an earlier one changes nothing.
CURRENT: Final = (
    LIVES
    + """
local function current(job, attempt)
  local state = redis.call('HMGET', job, 'status', 'attempt')
  return lives(state[1]) and (state[2] or '0') == attempt
end
"""
)

ACKNOWLEDGE: Final = """
local function acknowledge(stream, group, entry)
  if stream ~= '' then
    redis.call('XACK', stream, group, entry)
    redis.call('XDEL', stream, entry)
  end
end
"""

# Samples that are done, or will never be, are no longer owed: neither by the job nor by the model's backlog.
PAY: Final = """
local function pay(job, backlog, count)
  local owed = tonumber(redis.call('HGET', job, 'owed') or 0)
  local paid = math.min(owed, count)
  if paid > 0 then
    redis.call('HINCRBY', job, 'owed', -paid)
    redis.call('DECRBY', backlog, paid)
  end
end
"""

# A job has at most `window` chunks in the stream, so that a large one shares the workers with those that come after it.
# Where its batches are fixed, chunks end with a whole block wherever a look does not end before: a block cut in two is
# computed twice.
POST: Final = """
local function post(job, stream, id, chunks)
  local plan = redis.call('HMGET', job, 'posted', 'look_end', 'chunk', 'batch_size', 'attempt')
  local posted, look_end, chunk = tonumber(plan[1]), tonumber(plan[2]), tonumber(plan[3])
  local block = tonumber(plan[4] or 1)
  while chunks > 0 and posted < look_end do
    local count = math.min(chunk - posted % block, look_end - posted)
    redis.call('XADD', stream, '*', 'job', id, 'first', posted, 'count', count, 'attempt', plan[5] or 0)
    posted, chunks = posted + count, chunks - 1
  end
  redis.call('HSET', job, 'posted', posted)
end
"""
