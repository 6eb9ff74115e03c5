"""How fast the platform is, as ratios against a baseline that is measured in the same run.

``./dev bench`` (``python -m benchmarks``) starts a devstack of its own and prints tables. Nothing here is asserted
by a test: machines differ; the ratio of two things measured alternately on one machine does not lie.
"""
