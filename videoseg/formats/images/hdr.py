"""Shows HDR pictures on an SDR screen, for models that have only ever seen SDR.

Code values become display light (PQ: SMPTE ST 2084; HLG: Recommendation ITU-R BT.2100, with its
system gamma of 1.2 taken for each component by itself), light above what the screen can give is
rolled off by the EETF of Report ITU-R BT.2390 (5.4.1) for each component, the gamut becomes that
of BT.709, and the signal that of a screen by BT.1886. Reference white, 203 cd/m2 by Report ITU-R
BT.2408, comes out at 90 % of the signal.
"""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from videoseg.geometry.arrays import Values
from videoseg.types import RgbImage

PQ = 16
"""PQ as transfer_characteristics of ITU-T H.273."""
HLG = 18
"""HLG as transfer_characteristics of ITU-T H.273."""
_SOURCE_PEAK = 1000.0
"""cd/m2: what HLG is graded for, and nearly all PQ."""
_SCREEN_PEAK = 203.0
"""cd/m2 that full SDR white stands for."""
_HLG_GAMMA = 1.2
_SCREEN_GAMMA = 2.4
_BT2020_TO_BT709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]],
    np.float32,
)
"""Report ITU-R BT.2407, 2.2; for linear light."""
_CODE_BITS = 12
_M1 = 2610 / 16384
"""Inner exponent of PQ, m1 of SMPTE ST 2084."""
_M2 = 2523 / 4096 * 128
"""Outer exponent of PQ, m2."""
_C1 = 3424 / 4096
"""Constant of PQ's numerator, c1."""
_C2 = 2413 / 4096 * 32
"""Factor in PQ's numerator, c2."""
_C3 = 2392 / 4096 * 32
"""Factor in PQ's denominator, c3."""


def tone_mapped(image: npt.NDArray[np.uint16], transfer: int) -> RgbImage:
    """8-bit BT.709 RGB of 16-bit BT.2020 RGB, both (H, W, 3) and not linear.

    Args:
        image: Full-range code values.
        transfer: ``PQ`` or ``HLG``.
    """
    import cv2

    light = _screen_light(transfer)[image >> (16 - _CODE_BITS)]
    light = np.asarray(cv2.transform(light, _BT2020_TO_BT709), dtype=np.float32)
    # Indexing by the root spends the table's entries where the eye tells levels apart.
    np.clip(light, 0, 1, out=light)
    np.sqrt(light, out=light)
    root = (light * ((1 << _CODE_BITS) - 1) + 0.5).astype(np.uint16)
    return np.asarray(_signal_of_root()[root], dtype=np.uint8)


@functools.cache
def _screen_light(transfer: int) -> npt.NDArray[np.float32]:
    """Code value -> light of the screen, 1 = its white."""
    code = np.linspace(0, 1, 1 << _CODE_BITS)
    source = pq_light(code) if transfer == PQ else hlg_light(code)
    light: npt.NDArray[np.float32] = (_rolled_off(source) / _SCREEN_PEAK).astype(np.float32)
    return light


@functools.cache
def _signal_of_root() -> npt.NDArray[np.uint8]:
    """Square root of light -> 8-bit signal."""
    root = np.linspace(0, 1, 1 << _CODE_BITS)
    return np.rint(255 * root ** (2 / _SCREEN_GAMMA)).astype(np.uint8)


def pq_light(code: Values) -> Values:
    """cd/m2."""
    power = code ** (1 / _M2)
    light: Values = 10000 * (np.maximum(power - _C1, 0) / (_C2 - _C3 * power)) ** (1 / _M1)
    return light


def _pq_code(light: Values) -> Values:
    power = (light / 10000) ** _M1
    code: Values = ((_C1 + _C2 * power) / (1 + _C3 * power)) ** _M2
    return code


def hlg_light(code: Values) -> Values:
    """cd/m2."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(code <= 0.5, code**2 / 3, (np.exp((code - c) / a) + b) / 12)
    light: Values = _SOURCE_PEAK * scene**_HLG_GAMMA
    return light


def _rolled_off(light: Values) -> Values:
    """The EETF: unchanged up to a knee, from there a Hermite curve that ends at the peak."""
    peak = _pq_code(np.array(_SOURCE_PEAK))
    code = np.minimum(_pq_code(light) / peak, 1)
    most = _pq_code(np.array(_SCREEN_PEAK)) / peak
    knee = 1.5 * most - 0.5
    t = np.clip((code - knee) / (1 - knee), 0, 1)
    curve = (
        (2 * t**3 - 3 * t**2 + 1) * knee
        + (t**3 - 2 * t**2 + t) * (1 - knee)
        + (3 * t**2 - 2 * t**3) * most
    )
    return pq_light(np.where(code < knee, code, curve) * peak)
