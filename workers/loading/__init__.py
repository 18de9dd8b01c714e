"""Loading weights: the device they go to, the check that they are complete, and the message for broken files."""
