"""Trouble of every kind at random, under load; `python -m tests.chaos` runs it."""
