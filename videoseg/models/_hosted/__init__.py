"""What models that are services share: calls, keys, the cache, prices and limits, and geometry."""
