"""Models that answer prompts on frames, one file or folder per family."""
