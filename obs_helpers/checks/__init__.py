"""Checks of the exercises: what was asked, what was seen, and what to try next."""
