"""Pages for browsers: the console, and two views of the OpenAPI document. `npm run build` in console/ writes the files.

`console/`, `docs/` and `redoc/` hold nothing else, and no page asks another host for anything.
"""
