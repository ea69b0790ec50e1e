"""From boxes, points, scribbles and masks to an object's mask."""
