"""The workflow language: expressions, mapping values, definitions and their validation.

Everything here is pure and deterministic: it runs inside Temporal workflow code, where the clock, randomness, threads
and input/output are forbidden, and a replay years later has to give the same answer. Time is an argument (`now`, the
run's clock), and cost is counted in steps and sizes, never in seconds.

:mod:`~workflow_core.language.expressions` compiles and evaluates JSONata,
:mod:`~workflow_core.language.mapping` evaluates the mapping values that contain them.
"""
