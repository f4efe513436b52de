"""Checks: what is wrong with a table, which stops it, and what its owner should know, with rows and the mend."""
