"""What workflows keep for later runs: ``store`` has values by namespace and key, ``links`` pairs of records.

``store_shapes`` and ``link_shapes`` say what goes in and out, ``actions`` what there is.
"""
