"""``python -m videoseg``."""

from videoseg.cli import main

main()
