"""Programs that look on while objects are found; what they show is not kept."""
