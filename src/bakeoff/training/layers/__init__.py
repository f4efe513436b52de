"""Layers: the torch modules behind encoders. None of them mixes records; padding never changes an answer."""
