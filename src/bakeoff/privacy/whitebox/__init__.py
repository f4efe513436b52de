"""White-box audits: canaries at the level of gradients in a fit whose every noisy sum is seen, and what that shows.

They look at the engine from inside, as its owner can, and so come nearest to what is claimed; they too can accuse and
never acquit. Everything here needs torch.
"""
