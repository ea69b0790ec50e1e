"""Tells addresses from paths, and shows addresses without what opens other people's doors."""

from __future__ import annotations

import os
import re
from urllib.parse import unquote, urlsplit, urlunsplit

from videoseg.errors import SourceNotFoundError

HIDDEN = "***"
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_FILE = re.compile(r"file:(?://(?P<host>[^/]*))?(?P<path>/.*)", re.IGNORECASE | re.DOTALL)
_DRIVE = re.compile(r"/[A-Za-z]:")
_CAMERA = re.compile(r"camera:(?P<name>.+)", re.IGNORECASE | re.DOTALL)
_HERE = ("", "localhost")
_STORED = re.compile(
    r"(?P<scheme>s3|s3a|gs|gcs|az|abfs|abfss|memory)://(?P<key>.*)", re.IGNORECASE | re.DOTALL
)


def is_address(location: str) -> bool:
    """Whether this begins with a protocol (``https://``, ``rtsp://``) and so is no path.

    A camera of this machine (``camera:0``) counts as one.
    """
    return _ADDRESS.match(location) is not None or camera_name(location) is not None


def is_stored(location: str) -> bool:
    """Whether this names something in object storage (``s3://``, ``gs://``, ``az://``)."""
    return _STORED.match(location) is not None


def stored_parts(location: str) -> tuple[str, str]:
    """Protocol, and bucket with key, of something in object storage.

    Everything behind the protocol is a name as it stands: no query, no fragment, no ``%20``.

    Raises:
        ValueError: It is no such address.
    """
    found = _STORED.fullmatch(location)
    if found is None:
        raise ValueError(f"{without_secrets(location)} is no address of object storage")
    return found["scheme"].lower(), found["key"]


def joined(location: str, name: str) -> str:
    """The address of something below another one in object storage."""
    return f"{location.rstrip('/')}/{name}"


def camera_name(location: str) -> str | None:
    """What follows ``camera:``, a number or a name; None for what is no camera.

    A file or folder that is called so stays one.
    """
    found = _CAMERA.fullmatch(location)
    return None if found is None or os.path.lexists(location) else found["name"]


def local_path(location: str) -> str:
    """The path that a ``file:///...`` address names; everything else comes back as it is.

    A path that was decoded before stays what it is, ``%`` and all.

    Raises:
        SourceNotFoundError: The address names a file of another machine.
    """
    found = _FILE.fullmatch(location)
    if found is None or (found["host"] is None and os.path.lexists(location)):
        return location
    if (found["host"] or "").lower() not in _HERE:
        raise SourceNotFoundError(
            f"{location}: names a file of the machine {found['host']!r}; give a path on this one"
        )
    path = unquote(found["path"], errors="surrogateescape")
    return path[1:] if os.name == "nt" and _DRIVE.match(path) else path


def for_ffmpeg(location: str | os.PathLike[str]) -> str:
    """A path or an address as FFmpeg has to be given it.

    FFmpeg reads a protocol out of every name with a colon (``shot:1.mp4``, ``concat:a|b``) unless
    the name begins with one; what follows ``file:`` is taken as it is.
    """
    name = os.fspath(location)
    return name if is_address(name) else f"file:{name}"


def without_secrets(location: str) -> str:
    """An address without its password and its query, where keys and signatures stand.

    What is no address comes back as it is.
    """
    if not is_address(location) or camera_name(location) is not None:
        return location
    if is_stored(location):
        scheme, key = stored_parts(location)
        place, slash, path = key.partition("/")
        return f"{scheme}://{_without_password(place)}{slash}{path}"
    scheme, place, path, query, _ = urlsplit(location)
    return urlunsplit((scheme, _without_password(place), path, HIDDEN if query else "", ""))


def _without_password(place: str) -> str:
    """The place of an address, its password hidden."""
    user, at, host = place.rpartition("@")
    if ":" in user:
        user = f"{user.partition(':')[0]}:{HIDDEN}"
    return f"{user}{at}{host}"
