"""
What is noted down of clients and of those who work there.

``shapes`` says what goes in and out, ``actions`` what there is, ``create_activity_note`` how it is done.
"""
