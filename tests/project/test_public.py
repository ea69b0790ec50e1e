"""The public names: which they are, and that importing them stays light."""

from __future__ import annotations

import subprocess
import sys

import pytest

import videoseg

HEAVY = {
    "torch",
    "transformers",
    "av",
    "cv2",
    "onnxruntime",
    "scipy",
    "shapely",
    "lxml",
    "PIL",
    "httpx2",
}

LOOK = """
import sys
{statement}
heavy = {heavy!r} & set(sys.modules)
assert not heavy, heavy
"""


def test_every_public_name_is_there() -> None:
    assert set(videoseg._HOMES) | {"__version__"} == set(videoseg.__all__)
    for name in videoseg.__all__:
        assert getattr(videoseg, name) is not None
    assert dir(videoseg) == videoseg.__all__


def test_other_names_are_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute 'segmant'"):
        videoseg.segmant  # noqa: B018


@pytest.mark.parametrize(
    "statement",
    [
        "import videoseg",
        "import videoseg; videoseg.segment, videoseg.load_config, videoseg.Prompt",
        "import videoseg.cli._app",
        "from videoseg import registry; [registry.names(kind) for kind in registry.KINDS]",
        "from videoseg.cli import _app; assert _app.run(['models', '--json']) == 0",
        "from videoseg.cli import _app; assert _app.run(['show', 'embedded']) == 0",
    ],
)
def test_heavy_packages_wait_until_they_are_needed(statement: str) -> None:
    script = LOOK.format(statement=statement, heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
