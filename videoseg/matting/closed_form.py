"""Closed-form matting (Levin et al., PAMI 2008) by the package PyMatting.

Slow: it solves for the whole window at once, with all that lies within the band unknown.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from videoseg.errors import missing_package
from videoseg.types import EdgeWindow


@dataclass
class ClosedForm:
    """Soft edges by closed-form matting; seconds for a large object, pip install pymatting."""

    def alpha(self, window: EdgeWindow) -> npt.NDArray[np.float32]:
        """See ``protocols.Matter``.

        Raises:
            MissingDependencyError: PyMatting is not installed.
        """
        try:
            from pymatting import estimate_alpha_cf
        except ImportError as error:
            raise missing_package("matting 'closed-form'", "PyMatting") from error
        trimap = window.trimap.astype(np.float64)
        if not (trimap == 0).any() or not (trimap == 1).any():
            return window.coverage
        found = estimate_alpha_cf(window.image.astype(np.float64), trimap)
        return np.asarray(found, dtype=np.float32)


PARTS = {"closed-form": ClosedForm}
