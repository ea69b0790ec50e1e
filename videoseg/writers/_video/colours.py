"""Which colour tags a film has, and which matrix its samples are made with."""

from __future__ import annotations

from videoseg.drawing.planes import LUMA_WEIGHTS
from videoseg.formats.images.hdr import HLG, PQ
from videoseg.types import Colour, StreamInfo

SWSCALE_MATRIX = {6: 5}
"""Matrices of H.273 that libswscale knows by another number."""


def is_hdr(info: StreamInfo) -> bool:
    """Whether a stream's RGB images are tone-mapped ones."""
    return info.colour.transfer in (PQ, HLG)


def output_colour(info: StreamInfo) -> Colour:
    """Tags for Y'CbCr made of RGB images: the source's, with BT.709 where we cannot make its kind.

    What was HDR comes as tone-mapped pictures, so it is written as BT.709.
    """
    colour = info.colour
    if is_hdr(info):
        return Colour(primaries=1, transfer=1, matrix=1, full_range=False)
    matrix = colour.matrix if colour.matrix is None or colour.matrix in LUMA_WEIGHTS else 1
    return Colour(colour.primaries, colour.transfer, matrix, colour.full_range)


def assumed_matrix(info: StreamInfo) -> int:
    """The matrix to compute with; where nothing is said, the one that players assume by size."""
    matrix = output_colour(info).matrix
    if matrix is not None:
        return matrix
    return 5 if info.height < 720 else 1
