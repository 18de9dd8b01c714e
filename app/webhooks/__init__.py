"""Webhooks: which addresses may be sent to, how messages are signed and sent, and when they are tried again."""
