"""How many examples property tests try: a fixed few in each run, many more at night.

``VIDEOSEG_EXAMPLES=nightly pytest`` tries fifty times as many, other ones each time.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

PROFILE = os.environ.get("VIDEOSEG_EXAMPLES", "repeatable")
_MANY = 50


def register_profiles() -> None:
    """Make both profiles known. Neither measures time: a loaded machine is slow."""
    settings.register_profile("repeatable", derandomize=True, deadline=None)
    settings.register_profile(
        "nightly",
        deadline=None,
        max_examples=100 * _MANY,
        suppress_health_check=[HealthCheck.too_slow],
    )


def examples(count: int) -> settings:
    """A decorator for a property that takes long: ``count`` examples in each run."""
    return settings(max_examples=count * (_MANY if PROFILE == "nightly" else 1))
