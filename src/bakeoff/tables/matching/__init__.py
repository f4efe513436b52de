"""Matching tables: records of one table or two and labelled pairs of them, read, checked, split and kept."""
