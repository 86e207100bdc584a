"""Users of this machine, as people call them."""

from __future__ import annotations

import pwd

__all__ = ["user_name"]


def user_name(user: int) -> str:
    """The login name of a user; his number where he has none, as in containers."""
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)
