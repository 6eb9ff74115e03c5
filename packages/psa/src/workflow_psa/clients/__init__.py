"""Clients: ``shapes`` says what goes in and out, ``actions`` what there is, the other modules how it is done."""
