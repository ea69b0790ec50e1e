"""How the edges of mattes are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from videoseg.cli.options.settings import RunOptions

SHUTTER = 0.5
"""The share of a frame's time for which a film camera's shutter is open: 180 degrees."""


@dataclass(frozen=True)
class EdgeOptions(RunOptions):
    """How the edges of mattes are: other names for settings of ``[edges]``."""

    edge_softness: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=100,
            metavar="PX",
            help="Mattes: half width of the soft band; 0 = hard edges.",
        ),
    ] = None
    expand: Annotated[
        float | None,
        typer.Option(min=-50, max=50, metavar="PX", help="Mattes: grow, or shrink if below 0."),
    ] = None
    feather: Annotated[
        float | None, typer.Option(min=0, max=100, metavar="PX", help="Mattes: blur the edge.")
    ] = None
    motion_blur_edges: Annotated[
        bool, typer.Option("--motion-blur-edges", help="Mattes: blur edges along their motion.")
    ] = False

    def assignments(self) -> list[str]:
        """Those that are given, as settings."""
        given = {
            "softness": self.edge_softness,
            "expand": self.expand,
            "feather": self.feather,
            "shutter": SHUTTER if self.motion_blur_edges else None,
        }
        return [f"edges.{name}={value!r}" for name, value in given.items() if value is not None]
