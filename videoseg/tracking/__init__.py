"""Identities over time and masks that hold still."""
