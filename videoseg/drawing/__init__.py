"""Pictures with outlines and labels drawn on them."""
