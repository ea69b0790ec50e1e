"""The run log, the manifest, and publishing finished outputs."""
