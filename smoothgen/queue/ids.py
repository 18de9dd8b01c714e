"""Ids of jobs. An id says where the job's keys lie and whose job it is.

An id is `{model}-{tenant}-{random}`: the first twelve hexadecimal digits of the SHA-256 of the model's and of the
tenant's name, and a random UUID (122 random bits). A gateway answers only for ids of its caller's tenant. A caller that
writes another tenant into an id has written the id of a job that does not exist.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from typing import Final

ANYONE: Final = "anyone"
"""The tenant of a gateway that asks for no key."""
_ID: Final = re.compile("[0-9a-f]{12}-([0-9a-f]{12})-[0-9a-f]{32}")
_DIGITS: Final = 12


def tag(name: str) -> str:
    """Returns the short name of a model or tenant in keys and ids."""
    return hashlib.sha256(name.encode()).hexdigest()[:_DIGITS]


def new_id(model: str, tenant: str) -> str:
    """Returns a new job's id. A certificate has the id of its job."""
    return f"{tag(model)}-{tag(tenant)}-{uuid.uuid4().hex}"


def belongs_to(job_id: str, tenant: str) -> bool:
    """Returns whether a job of this id would be this tenant's; False for what is no id."""
    found = _ID.fullmatch(job_id)
    return found is not None and found[1] == tag(tenant)


def model_tag(job_id: str) -> str:
    """Returns the short name of the job's model."""
    return job_id[:_DIGITS]
