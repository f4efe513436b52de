"""What a challenge remembers: the database of results, and the artefacts that its rows name by digest."""
