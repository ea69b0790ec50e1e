"""Linear light of coded colours, by the transfer characteristics of ITU-T H.273."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt

from videoseg.formats.images.hdr import HLG, PQ, hlg_light, pq_light

_LINEAR = 8
"""Transfer characteristics of H.273: linear."""
SRGB = 13
"""Transfer characteristics of H.273: sRGB."""
_GAMMA = {4: 2.2, 5: 2.8}
_WHITE = 203.0
"""cd/m2 of HDR that are 1.0: reference white of Report ITU-R BT.2408."""
_MOST = 65535

CHROMATICITIES = {
    1: (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290),
    5: (0.64, 0.33, 0.29, 0.60, 0.15, 0.06, 0.3127, 0.3290),
    6: (0.630, 0.340, 0.310, 0.595, 0.155, 0.070, 0.3127, 0.3290),
    7: (0.630, 0.340, 0.310, 0.595, 0.155, 0.070, 0.3127, 0.3290),
    9: (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, 0.3127, 0.3290),
    12: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.3127, 0.3290),
}
"""colour_primaries -> x and y of red, green, blue and white (H.273, table 2)."""


def linear_light(rgb: npt.NDArray[Any], transfer: int | None) -> npt.NDArray[np.float32]:
    """Linear light of full-range samples, uint8 or uint16; white is 1.0.

    What was made for a camera's curve (BT.709 and those like it) is undone by that curve, as
    compositing programs do; so their way back gives the samples again. So are unknown ones. Of HDR,
    203 cd/m2 are 1.0; HLG is taken as shown on a screen of 1000 cd/m2.
    """
    table = _table(transfer)
    return table[rgb.astype(np.uint16) * 257 if rgb.dtype == np.uint8 else rgb]


@functools.lru_cache(maxsize=4)
def _table(transfer: int | None) -> npt.NDArray[np.float32]:
    """float32 (65536,)."""
    code = np.arange(_MOST + 1) / _MOST
    if transfer == PQ:
        light = pq_light(code) / _WHITE
    elif transfer == HLG:
        light = hlg_light(code) / _WHITE
    elif transfer == _LINEAR:
        light = code
    elif transfer == SRGB:
        light = np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)
    elif transfer in _GAMMA:
        light = code ** _GAMMA[transfer]
    else:
        light = np.where(code < 0.081, code / 4.5, ((code + 0.099) / 1.099) ** (1 / 0.45))
    return light.astype(np.float32)
