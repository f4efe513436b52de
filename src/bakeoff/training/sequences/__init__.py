"""Networks of sequences: taggers, joint intent and slots, spans, sequence to sequence, and language models."""
