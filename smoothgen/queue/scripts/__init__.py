"""The Lua scripts: every step of the queue that must happen whole or not at all."""
