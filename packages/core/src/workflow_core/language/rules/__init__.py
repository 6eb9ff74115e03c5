"""The rules of validation: one function per rule, one module per subject.

A step rule takes a :class:`~workflow_core.language.rules.context.StepView` and the
:class:`~workflow_core.language.rules.context.Context`, and yields findings. No rule relies on another having passed.
"""
