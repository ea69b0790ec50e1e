"""What is measured, and the bars it is measured against; each file says how to run it."""
