"""How far each open model is from its reference, at equal random weights, as a table.

    python -m benchmarks.references [NAME ...]

Networks are tiny, of the real classes, with random weights; frames are noise of odd and unequal
sides. A reference is the published formula or the network as its documentation calls it
(``tests/support/references.py``). What is printed is the largest difference of two scores, of two
sides of boxes in pixels of the frame, and of two masks as a share of the frame's pixels.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from tests.support.reference_models import HEIGHT, WIDTH
from tests.support.references import COMPARISONS


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", choices=[[], *COMPARISONS], help="default: all")
    names = parser.parse_args().names or list(COMPARISONS)
    print(f"frames of {WIDTH} x {HEIGHT}")
    print(f"{'model':26} {'scores':>8} {'boxes':>8} {'masks':>8}  reference")
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            found = COMPARISONS[name](Path(folder))
        boxes = "-" if found.boxes is None else f"{found.boxes:.1g}"
        masks = "-" if found.masks is None else f"{found.masks:.1g}"
        print(
            f"{found.model:26} {found.scores:8.1g} {boxes:>8} {masks:>8}  {found.reference}",
            flush=True,
        )


if __name__ == "__main__":
    main()
