"""One call to a store: the seam below `Bucket`, with boto3 behind it, and a wrapper that calls again.

boto3 is imported here and nowhere else; this module is only imported where a tier is an S3 one.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, Protocol

import boto3  # type: ignore[import-untyped]
import botocore.exceptions as aws  # type: ignore[import-untyped]
from botocore.config import Config  # type: ignore[import-untyped]

from policies.phrases import phrase
from storage.errors import Cold, Refused, StorageError, Unavailable
from storage.retrying import Again
from storage.s3.errors import Faulty, error_of
from storage.s3.place import S3Place

__all__ = ["BotoCalls", "Calls", "RetryingCalls"]

CONNECT_WITHIN = 10
"""Seconds until a store that does not take the call is Unavailable; the calls are made again a few times."""

ANSWER_WITHIN = 60
"""Seconds of silence within an answer. A part of 16 MiB takes this long at 2 MBit/s only."""

CONNECTIONS = 32
"""Connections that are kept: more than threads that call."""


class Calls(Protocol):
    """One method: an operation of S3 by its boto3 name ("put_object"), the key it is about, its parameters without the bucket.

    Returns the answer as boto3 gives it, with a body as bytes. Raises what `storage.s3.errors` says.
    """

    def call(self, operation: str, key: str, parameters: Mapping[str, Any]) -> dict[str, Any]: ...


class BotoCalls:
    """Calls by boto3, each made once: retries are `RetryingCalls`'s. A profile that is not there is Refused at the first call."""

    def __init__(self, place: S3Place) -> None:
        self._place = place

    def call(self, operation: str, key: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        try:
            client = _client(self._place.endpoint, self._place.region, self._place.profile)
            answer: dict[str, Any] = getattr(client, operation)(Bucket=self._place.bucket, **parameters)
            if operation == "get_object":
                answer["Body"] = answer["Body"].read()
        except aws.ClientError as error:
            raise error_of(error.response, operation, key) from error
        except aws.IncompleteReadError as error:
            raise Faulty(key, phrase("s3-answer-short")) from error
        except aws.ProfileNotFound as error:
            raise Refused(key, phrase("s3-no-profile", profile=self._place.profile)) from error
        except (
            aws.NoCredentialsError,
            aws.PartialCredentialsError,
            aws.ParamValidationError,
            ValueError,
        ) as error:
            raise Refused(key, _words(error)) from error
        except (aws.BotoCoreError, OSError) as error:
            raise Unavailable(key, _words(error)) from error
        except RecursionError as error:  # botocore follows a redirect that leads to itself (a captive portal) until then
            raise Unavailable(key, phrase("s3-redirects")) from error
        return answer


@functools.cache
def _client(endpoint: str, region: str, profile: str) -> Any:
    """A client, which threads may share. Making one takes a quarter of a second."""
    return boto3.Session(profile_name=profile or None).client(
        "s3",
        endpoint_url=endpoint or None,
        region_name=region,
        config=Config(
            s3={"addressing_style": "path" if endpoint else "auto"},
            retries={"max_attempts": 0, "mode": "standard"},
            connect_timeout=CONNECT_WITHIN,
            read_timeout=ANSWER_WITHIN,
            max_pool_connections=CONNECTIONS,
            request_checksum_calculation="when_required",  # the checksums are ours, SHA-256 of each part
            response_checksum_validation="when_required",
        ),
    )


def _words(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


class RetryingCalls:
    """The same call, made again when the store was not available. Answers are never asked for again, nor what is cold.

    A call that took effect although its answer was lost meets its own effect: a create is then AlreadyExists, a swap too, the
    completion of an upload NotFound. Whoever calls compares.
    """

    def __init__(self, calls: Calls, again: Again) -> None:
        self._calls = calls
        self._again = again

    def call(self, operation: str, key: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        body = parameters.get("Body")

        def act() -> dict[str, Any]:
            if body is not None and hasattr(body, "seek"):
                body.seek(0)
            return self._calls.call(operation, key, parameters)

        return self._again(act, unless=_is_cold)


def _is_cold(error: StorageError) -> bool:
    return isinstance(error, Cold)
