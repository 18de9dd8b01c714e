"""Signatures of certificates: who issued one, for which tenant, job, model and output, and when.

`verify_signature` checks one without a server, against public keys. Making one is the gateway's: `SignedFacts` and
`SigningKey.sign`, with keys from a `KeyFolder`.
"""

from smoothgen.signing.facts import SignedFacts, document_sha256
from smoothgen.signing.folder import KeyFolder, StoredKey
from smoothgen.signing.keys import SigningKey, key_set, read_key_set
from smoothgen.signing.verify import verify_signature
from smoothgen.signing.vouching import VouchedKey

__all__ = [
    "KeyFolder",
    "SignedFacts",
    "SigningKey",
    "StoredKey",
    "VouchedKey",
    "document_sha256",
    "key_set",
    "read_key_set",
    "verify_signature",
]
