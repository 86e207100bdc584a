"""How DBOS records our values: JSON in ASCII (names that are not UTF-8 survive as escapes), and errors as packed findings,
never as pickled objects: a record must be readable by another version, and must not be able to run code."""

from __future__ import annotations

import json
from typing import Any

from dbos import Serializer

from policies.findings import KhoError
from repository.jobs.errors import StepFailed, pack

__all__ = ["RecordSerializer", "Recorded"]

_MARK = "\0kho error"
"""The only key of a recorded error: no flow uses a NUL in a key."""


class Recorded(Exception):
    """An error on its way into or out of a record."""

    def __init__(self, packed: dict[str, Any]) -> None:
        super().__init__(packed.get("code", ""))
        self.packed = packed

    @classmethod
    def of(cls, error: KhoError) -> Recorded:
        return cls(pack(error))


class RecordSerializer(Serializer):
    """The one serializer of launcher and clients: they must not differ."""

    def name(self) -> str:
        return "kho_json"

    def serialize(self, data: Any) -> str:
        if isinstance(data, BaseException):
            packed = data.packed if isinstance(data, Recorded) else pack(StepFailed("", type(data).__name__, str(data)))
            data = {_MARK: packed}
        return json.dumps(data, separators=(",", ":"))

    def deserialize(self, serialized_data: str) -> Any:
        value = json.loads(serialized_data)
        if isinstance(value, dict) and list(value) == [_MARK]:
            return Recorded(value[_MARK])
        return value
