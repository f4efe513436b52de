"""Made tables: a product catalogue with a known ceiling, its listings to be matched, and the demo's samples."""
