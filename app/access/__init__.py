"""Who asks: the caller behind a request, the keys that are accepted, and what each route needs."""
