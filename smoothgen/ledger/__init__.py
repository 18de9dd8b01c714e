"""The ledger: certificates that outlive the queue, in a hash chain that shows whether any was changed.

`chain` defines the bytes that are hashed, `records` what is exported and checked without a database, `ledger` adds and
finds entries, `reading` exports and checks a whole ledger, and `database` reaches SQLite or PostgreSQL.
"""
