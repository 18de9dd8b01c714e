"""The verifier in clients/typescript, compared with Python's on the same certificates. Needs Node and npm."""
