"""Everything that is asked of the tracker, in one run: who is who, stillness, gaps, and speed.

    python -m benchmarks.tracking DATA --rivals PYTHON

``benchmarks.identity``, ``benchmarks.steadiness`` and ``benchmarks.tracking_speed`` are run one
after the other. ``DATA`` holds ``davis/`` and ``images/``; ``PYTHON`` has roboflow ``trackers``,
which brings ``supervision``. Exits with 1 where a bar of any is missed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path


def main() -> None:
    """Run all three."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--rivals", type=Path, required=True)
    options = parser.parse_args()
    data, rivals = options.data, str(options.rivals)
    parts = (
        ("benchmarks.identity", str(data), "--rivals", rivals),
        ("benchmarks.steadiness", str(data / "davis"), "--supervision", rivals),
        ("benchmarks.tracking_speed",),
    )
    codes = [
        subprocess.run([sys.executable, "-m", *part], check=False).returncode for part in parts
    ]
    sys.exit(max(codes))


if __name__ == "__main__":
    main()
