"""Connections at work: what is stored of each, its tokens, how one comes about and ends, and what it is sent.

All of it follows from the description that an integration gives (:mod:`workflow_core.connections`): no integration is
named here.
"""
