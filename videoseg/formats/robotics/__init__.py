"""Logs of robots: messages of pictures, their schemas and topics, for sources and outputs."""
