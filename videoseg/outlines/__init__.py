"""From masks to vector outlines and back."""
