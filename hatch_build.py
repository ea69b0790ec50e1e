"""Compiles ``videoseg/kernels`` where there is a C compiler; else the wheel is pure Python."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from packaging.tags import platform_tags

KERNELS = Path(__file__).parent / "videoseg" / "kernels"


class KernelHook(BuildHookInterface):  # type: ignore[misc]
    """Adds the compiled library, which any Python 3 loads, to the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile into the package itself: so editable installs find the library, too."""
        del version
        spec = importlib.util.spec_from_file_location("build_kernels", KERNELS / "build.py")
        if spec is None or spec.loader is None:
            raise ImportError(f"{KERNELS} is not whole")
        build = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(build)
        trouble = build.build(KERNELS)
        if trouble is not None:
            (KERNELS / build.LIBRARY).unlink(missing_ok=True)
            self.app.display_warning(f"videoseg works without compiled code, slower: {trouble}")
            return
        build_data["artifacts"].append(f"videoseg/kernels/{build.LIBRARY}")
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{next(platform_tags())}"
