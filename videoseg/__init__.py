"""videoseg: name an object, click it or box it, and get its outline through a whole video."""

__version__ = "0.1.0"
