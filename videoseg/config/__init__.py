"""Settings in layers, checked, from defaults to the command line."""
