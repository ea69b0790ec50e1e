"""Data sets in the layouts of LeRobot, v3.0 and v2.1: what stands where, for input and output."""

from videoseg.formats.lerobot.dataset import TIME_BASE, DataSet, Stream
from videoseg.formats.lerobot.episodes import Clip, Episode
from videoseg.formats.lerobot.info import INFO, MASK, Info, is_lerobot

__all__ = [
    "INFO",
    "MASK",
    "TIME_BASE",
    "Clip",
    "DataSet",
    "Episode",
    "Info",
    "Stream",
    "is_lerobot",
]
