"""Short clips made from free photographs, with outlines traced by hand as exact ground truth."""
