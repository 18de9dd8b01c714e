"""Loading weights: onto which device, whole or not at all, and what is said of broken files."""
