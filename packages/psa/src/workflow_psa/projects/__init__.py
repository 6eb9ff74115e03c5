"""Projects and their tasks.

``shapes`` says what goes in and out, ``events`` what happens, ``actions`` what there is to do; one module per action
does it.
"""
