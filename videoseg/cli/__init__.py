"""The command line: the only place that prints or exits. One file per verb."""

from __future__ import annotations


def main() -> None:
    """Run ``videoseg`` with the arguments of this process and exit with its code."""
    import sys

    from videoseg.cli._streams import set_up_streams

    set_up_streams()
    from videoseg.cli._app import run

    sys.exit(run(sys.argv[1:]))
