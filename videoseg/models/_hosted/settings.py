"""Settings that all models that are services have, and what is made of them."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from annotated_types import Ge, Gt, Le
from typing_extensions import Doc

from videoseg.errors import UsageError
from videoseg.models._hosted.cache import AUTO, OFF, AnswerCache, cache_folder
from videoseg.models._hosted.keys import find_key, require_key
from videoseg.models._hosted.meter import Meter
from videoseg.models._hosted.prices import price_of
from videoseg.models._hosted.reading import Limits, UnreadableError
from videoseg.models._hosted.retry import Patience
from videoseg.models._hosted.service import Service, check_address, host_of, is_local
from videoseg.models._hosted.wire import Wire
from videoseg.settings import Guarded
from videoseg.types import ModelCard
from videoseg.types.usage import Destination, Usage

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Provider:
    """Who runs a service.

    Attributes:
        name: For people.
        table: Table of its prices.
        url: Its own address.
        keys: Environment variables that may hold a key for it.
        header: Header that takes the key.
        prefix: Stands before the key in the header.
    """

    name: str
    table: str
    url: str
    keys: tuple[str, ...]
    header: str
    prefix: str = ""


@dataclass
class Hosted:
    """A model that other machines run. Subclasses say what is asked and how answers are read."""

    card: ClassVar[ModelCard]

    model: Annotated[str, Doc("name of the model; empty = the service's own choice")] = ""
    url: Annotated[
        str,
        Doc("address of a compatible server; empty = the service's own"),
        Guarded("an address"),
    ] = ""
    key_from: Annotated[
        str,
        Doc(
            "environment variable, or user name in the keyring, that holds the key for `url`; "
            "empty = the service's usual one, for its own address alone"
        ),
        Guarded("a key"),
    ] = ""
    concurrency: Annotated[int, Doc("frames asked about at once, 1 to 64"), Ge(1), Le(64)] = 8
    timeout: Annotated[float, Doc("seconds for one call, above 0"), Gt(0)] = 60.0
    attempts: Annotated[
        int, Doc("calls for one answer, with repetitions, 1 to 20"), Ge(1), Le(20)
    ] = 6
    first_wait: Annotated[
        float, Doc("seconds before the first repetition; doubles each time"), Ge(0)
    ] = 0.5
    long_side: Annotated[
        int, Doc("longest side of the picture that is sent, pixels; 0 = the frame's own"), Ge(0)
    ] = 1024
    quality: Annotated[int, Doc("JPEG quality of it, 1 to 100"), Ge(1), Le(100)] = 90
    cache: Annotated[
        str,
        Doc("folder of earlier answers; auto = the user's own, or off"),
        Guarded("a folder", harmless=(AUTO, OFF)),
    ] = AUTO
    max_calls: Annotated[
        int,
        Doc("requests that may be sent, at the limit a run ends with what is done; 0 = all"),
        Ge(0),
    ] = 0
    max_cost: Annotated[
        float, Doc("US dollars that may be spent, a run ends likewise; 0 = any"), Ge(0)
    ] = 0.0
    prices: Annotated[
        str,
        Doc("TOML file of prices; empty = the one that comes along"),
        Guarded("a file that limits on cost rest on"),
    ] = ""
    most_bytes: Annotated[
        int, Doc("bytes of one answer; one that is longer is not read"), Ge(1024), Le(2**26)
    ] = 2**22
    most_entries: Annotated[
        int, Doc("objects, boxes or points of one answer; one with more is not used"), Ge(1)
    ] = 500
    most_rings: Annotated[int, Doc("closed outlines of one answer, likewise"), Ge(1)] = 1_000
    most_segments: Annotated[
        int, Doc("lines and curves of all outlines of one answer, likewise"), Ge(1)
    ] = 20_000
    most_pixels: Annotated[
        int, Doc("pixels of all masks of one answer; 4 times the frame always fit"), Ge(1)
    ] = 2**26

    _service: Service | None = field(init=False, repr=False, default=None)
    _meter: Meter | None = field(init=False, repr=False, default=None)

    @property
    def provider(self) -> Provider:
        """Who runs it."""
        raise NotImplementedError

    @property
    def address(self) -> str:
        """Where it is asked."""
        return check_address(self.url or self.provider.url)

    @property
    def sends_frames_to(self) -> str | None:
        """Where frames go; None where they stay on this machine."""
        return None if is_local(self.address) else host_of(self.address)

    @property
    def destinations(self) -> tuple[Destination, ...]:
        """Where frames go, and what names the key that goes along; empty where they stay here."""
        host = self.sends_frames_to
        return () if host is None else (Destination(host, self._key_name()),)

    @property
    def limits(self) -> Limits:
        """What one answer may hold at most."""
        return Limits(
            self.most_entries,
            self.most_rings,
            self.most_segments,
            self.most_pixels,
            model=self.card.name,
        )

    @property
    def usage(self) -> Usage:
        """What has been used since the model was prepared."""
        return self._meter.usage if self._meter is not None else Usage()

    def connect(self) -> Service:
        """Get ready to ask, once.

        Raises:
            UsageError: A setting makes no sense.
            MissingDependencyError: There is no key, or the package for HTTP is not installed.
        """
        if self._service is None:
            self._service = self._connected()
            if self.sends_frames_to is not None:
                _log.warning("frames leave this machine: they go to %s", self.sends_frames_to)
        return self._service

    def check_key(self) -> None:
        """See that there is a key, where one is sent; asks nobody else.

        Raises:
            MissingDependencyError: There is none.
        """
        if self.key_from or self.sends_frames_to is not None:
            self._key()

    def leave_out(self, error: UnreadableError, count: int = 1) -> None:
        """Say and count that objects of an answer are not used."""
        objects = "1 object is" if count == 1 else f"{count} objects are"
        _log.warning("%s: %s; %s left out", self.provider.name, error, objects)
        if self._meter is not None:
            self._meter.count(unreadable=count)

    def abandon(self) -> None:
        """End all calls that are under way."""
        if self._service is not None:
            self._service.close()
            self._service = None

    def close(self) -> None:
        """Let go of the connections. A second call does nothing."""
        self.abandon()

    def _connected(self) -> Service:
        provider, address = self.provider, self.address
        key = self._key()
        if self._meter is None:
            self._meter = self._limits()
        headers = {"Content-Type": "application/json", "User-Agent": "videoseg"}
        if key is not None:
            headers[provider.header] = f"{provider.prefix}{key}"
        folder = cache_folder(self.cache)
        return Service(
            name=provider.name,
            url=address,
            wire=Wire(
                address,
                headers,
                timeout=self.timeout,
                calls=self.concurrency,
                local=is_local(address),
                most_bytes=self.most_bytes,
            ),
            meter=self._meter,
            patience=Patience(self.attempts, self.first_wait),
            cache=AnswerCache(folder) if folder is not None else None,
            key=key,
            smaller=f"models.{self.card.name}.long_side",
        )

    def _limits(self) -> Meter:
        free = is_local(self.address) and not self.prices
        price = None if free else price_of(self.provider.table, self.model, self.prices)
        if self.max_cost and price is None:
            raise UsageError(
                f"no price is known for {self.model or self.provider.name!r}, so a limit on "
                f"cost cannot be kept; name a file with models.{self.card.name}.prices"
            )
        return Meter(price, self.max_calls or None, self.max_cost or None)

    def _key(self) -> str | None:
        """The key for where the model is asked; the service's usual one goes to itself alone."""
        names = self._key_names()
        return require_key(names, self.provider.name) if names else None

    def _key_names(self) -> tuple[str, ...]:
        """What may hold the key; empty where none is sent."""
        if self.key_from:
            return (self.key_from,)
        return self.provider.keys if self.address == self.provider.url else ()

    def _key_name(self) -> str | None:
        """What holds the key that is sent, as far as that can be said; None where none is."""
        names = self._key_names()
        found = (name for name in names if find_key(name) is not None)
        return next(found, " or ".join(names) or None)
