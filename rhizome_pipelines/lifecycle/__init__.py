"""The job's life, pure: words, states, errors, progress, stage weights, the reconciler.

Nothing here does input or output, reads a clock or imports another package of ours.
"""
