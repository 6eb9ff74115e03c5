"""E-mail over the tenant's own server.

``shapes`` says what goes in and out, ``settings`` reads how the tenant sends, ``message`` writes the mail, ``delivery``
hands it over, ``keys`` keeps it from being sent twice, and ``send`` is the action.
"""
