"""The page of ``videoseg open``: what it shows, asks and changes, over HTTP.

``app`` has the addresses; the page itself is in ``static/``, plain modules that a browser reads.
"""
