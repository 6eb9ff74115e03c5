"""Bundles: the files in which workflows travel between platforms (``alga-psa.workflow-bundle``, version 1).

What a bundle says survives: exporting what was imported gives the same bundle again, but for the time and the ids of
the workflows, which are new. A published version that cannot be run here is not published; it is held back with the
findings that say why, and is given back on export like everything else.
"""
