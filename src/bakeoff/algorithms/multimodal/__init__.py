"""The multimodal baseline: cheap and different members, stacked and weighed on rows that each had not seen.

What happens here: views of a table made once, members that learn from them within a budget, and the choice among them.
"""

from bakeoff.algorithms.multimodal.estimator import Multimodal

__all__ = ["Multimodal"]
