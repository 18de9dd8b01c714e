"""The folder of a gateway's signing keys: one file a key. The newest key signs."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from smoothgen.certificates.format.document import parse_json
from smoothgen.errors import InvalidCertificate, InvalidKeys
from smoothgen.signing.keys import SigningKey, public_jwk, public_key

_OTHERS: Final = 0o007
"""What of a file's mode is everybody's. A group may read keys: Kubernetes mounts secrets so."""


@dataclass(frozen=True)
class StoredKey:
    """A key of the folder. created, retired: Unix seconds; retired is None while its private half is kept.

    withdrawn: its public half is not published any more, since others may have the private one. pair: None where it is
    retired or withdrawn, and its private half destroyed.
    """

    public: Mapping[str, Any]
    created: int
    retired: int | None = None
    withdrawn: bool = False
    pair: SigningKey | None = None

    @property
    def kid(self) -> str:
        """Returns the key's id."""
        return str(self.public["kid"])

    @property
    def state(self) -> str:
        """Returns "withdrawn", "retired" or "active"."""
        return "withdrawn" if self.withdrawn else "active" if self.retired is None else "retired"


class KeyFolder:
    """Signing keys in files of mode 0600, in a folder of mode 0700. Every method may raise OSError."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def stored(self) -> list[StoredKey]:
        """Returns the keys, the newest first; none where there is no folder yet. Raises InvalidKeys for a file
        that is no key, and for one that everybody on the machine may read."""
        files = sorted(self.path.glob("*.json")) if self.path.is_dir() else []
        return sorted((_read(file) for file in files), key=lambda key: (key.created, key.kid), reverse=True)

    def changed_ns(self) -> int:
        """Returns a number that is another one after the folder's files were changed, 0 where there is no folder."""
        return self.path.stat().st_mtime_ns if self.path.is_dir() else 0

    def signing_key(self, now: int) -> SigningKey:
        """Returns the newest key that may sign, made here where there is none. now: Unix seconds. Raises
        InvalidKeys."""
        active = next((key.pair for key in self.stored() if key.pair is not None), None)
        return active or self.make(now)

    def make(self, now: int) -> SigningKey:
        """Makes a key, which signs from now on, and returns it.

        It is dated after the others, also where they were made within the same second or by a clock that was ahead.
        """
        pair, created = SigningKey.make(), max([now, *(key.created + 1 for key in self.stored())])
        self._write(StoredKey(pair.public_jwk(), created, pair=pair))
        return pair

    def rotate(self, now: int) -> SigningKey:
        """Makes a key that signs from now on, and destroys the private halves of the others. Returns it."""
        earlier = self.stored()
        made = self.make(now)
        for key in earlier:
            if key.retired is None:
                self._write(replace(key, retired=now, pair=None))
        return made

    def withdraw(self, kid: str, now: int) -> None:
        """Marks a key as withdrawn, and destroys its private half. Raises InvalidKeys for a key that is not here."""
        keys = {key.kid: key for key in self.stored()}
        if kid not in keys:
            raise InvalidKeys(f"{self.path} has no key {kid!r:.80}; it has {', '.join(keys) or 'none'}")
        self._write(replace(keys[kid], retired=keys[kid].retired or now, withdrawn=True, pair=None))

    def _write(self, key: StoredKey) -> None:
        """Writes a key whole or not at all."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        stored = {
            "key": key.public if key.pair is None else key.pair.private_jwk(),
            "created": key.created,
            "retired": key.retired,
            "withdrawn": key.withdrawn,
        }
        draft = self.path / f".{key.kid}.{os.getpid()}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(stored, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.path / f"{key.kid}.json")


def _read(file: Path) -> StoredKey:
    if file.stat().st_mode & _OTHERS:
        raise InvalidKeys(
            f"{file} may be read or changed by everybody on this machine; chmod 600 it, or make another key"
        )
    try:
        stored = parse_json(file.read_bytes())
        jwk, created, retired = stored["key"], stored["created"], stored["retired"]
        pair = SigningKey.read(jwk) if retired is None else None
        public = public_key(jwk)
        if public is None or not all(isinstance(time, int) for time in (created, retired or 0)):
            raise InvalidKeys("it holds no Ed25519 key with the times it was made and retired at")
        listed = public_jwk(public)
        withdrawn = bool(stored["withdrawn"])
    except (InvalidCertificate, InvalidKeys, LookupError, TypeError) as error:
        raise InvalidKeys(f"{file} is no signing key ({error}); remove it, or put it back from a copy") from error
    if file.stem != listed["kid"]:
        raise InvalidKeys(f"{file} holds the key {listed['kid']}; a key's file is named by its id")
    return StoredKey(listed, created, retired, withdrawn, pair)
