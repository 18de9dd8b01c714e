"""Decisions at a look: when a job stops drawing samples, and when what it asks for is out of reach."""
