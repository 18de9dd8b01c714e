"""API keys: what they are, where they are kept, and what each may still use up."""
