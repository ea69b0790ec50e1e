"""Addresses as they may be shown and written down: without what opens other people's doors."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

HIDDEN = "***"


def without_secrets(location: str) -> str:
    """An address without its password and its query, where keys and signatures stand.

    What is no address comes back as it is.
    """
    if "://" not in location:
        return location
    scheme, place, path, query, _ = urlsplit(location)
    user, at, host = place.rpartition("@")
    if ":" in user:
        user = f"{user.partition(':')[0]}:{HIDDEN}"
    return urlunsplit((scheme, f"{user}{at}{host}", path, HIDDEN if query else "", ""))
