"""Who asks: bearer tokens (RFC 6750). They are entered in kho.toml by digest or by reference; docs/api.md says how."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from repository.api.errors import ApiError
from repository.settings.home import ApiToken

__all__ = ["Caller", "producer_for"]

_bearer: Final = HTTPBearer(auto_error=False, description="A token of kho.toml, [[api.tokens]]")


def _caller(request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> ApiToken:
    """The token of a request; it is compared by its digest, in constant time.

    Raises:
        ApiError: (API-TOKEN) there is none, or nobody's.
    """
    if given is None:
        raise ApiError("API-TOKEN", headers={"WWW-Authenticate": 'Bearer realm="kho"'})
    # Header bytes are shown as Latin-1; a token in a file is UTF-8.
    presented = given.credentials.encode("latin-1", "replace").decode("utf-8", "surrogateescape")
    token: ApiToken | None = request.app.state.door.settings.token(presented)
    if token is None:
        raise ApiError("API-TOKEN", headers={"WWW-Authenticate": 'Bearer realm="kho", error="invalid_token"'})
    request.scope["kho.token"] = token.name
    return token


Caller = Annotated[ApiToken, Depends(_caller)]
"""The parameter of an endpoint that only known callers may use."""


def producer_for(token: ApiToken, wanted: str | None) -> str:
    """The producer a deposit is entered under: the token's own name, or another one that the token may use.

    Raises:
        ApiError: (API-PRODUCER) it may not.
    """
    if wanted is None or wanted == token.name:
        return token.name
    if not token.may_deposit_for(wanted):
        raise ApiError("API-PRODUCER", token=token.name, producer=wanted)
    return wanted
