"""From boxes, points, strokes and masks to an object's mask."""
