"""Compiles ``videoseg/kernels`` where there is a C compiler; else the wheel is pure Python."""

from __future__ import annotations

import importlib.util
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from packaging.tags import platform_tags

KERNELS = Path(__file__).parent / "videoseg" / "kernels"


class KernelHook(BuildHookInterface):  # type: ignore[misc]
    """Adds the compiled library, which any Python 3 loads, to the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile into the package itself for an editable install, else into the wheel alone."""
        build = _build_module()
        self._made = tempfile.TemporaryDirectory()
        folder = KERNELS if version == "editable" else Path(self._made.name)
        trouble = build.build(folder)
        if trouble is not None:
            # One that is there already may be of other sources.
            (folder / build.LIBRARY).unlink(missing_ok=True)
            self.app.display_warning(f"videoseg works without compiled code, slower: {trouble}")
            return
        if version != "editable":
            name = f"videoseg/kernels/{build.LIBRARY}"
            build_data["force_include"][str(folder / build.LIBRARY)] = name
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{next(platform_tags())}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what is in the wheel now."""
        del version, build_data, artifact_path
        self._made.cleanup()


def _build_module() -> ModuleType:
    """What compiles, which must not import the package: what that needs is not installed yet."""
    spec = importlib.util.spec_from_file_location("build_kernels", KERNELS / "build.py")
    if spec is None or spec.loader is None:
        raise ImportError(f"{KERNELS} is not whole")
    build = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build)
    return build
