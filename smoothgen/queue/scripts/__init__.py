"""The Lua scripts: every step of the queue that must happen whole or not at all.

Each script is a file, and what several of them share is in `shared/`. Beside the files stand the calls: a class a
script whose fields name every key and every argument (`jobs`, `work`, `presence`, `probes`, `access`).

A job's way through them is SUBMIT → TAKE → OPEN → (TAKE → STORE)* → ADVANCE → … → FINISH, and RESTART where it must
start over (docs/decisions/0009 and 0012). Every script may be sent twice: an answer can be lost on its way, and a
worker that was taken for dead can come back. A second arrival finds the job further on, or on its next attempt, and
changes nothing. `#!lua flags=allow-oom` begins every script that a full Redis must take too: ending jobs is how it
empties, so only SUBMIT and PROBE are refused.
"""
