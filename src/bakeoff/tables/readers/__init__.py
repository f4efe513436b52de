"""Readers: any source as a stream of record batches, in bounded memory; each format has its own file."""
