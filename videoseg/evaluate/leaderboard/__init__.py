"""Several models over the public image sets, beside what is published: one table."""
