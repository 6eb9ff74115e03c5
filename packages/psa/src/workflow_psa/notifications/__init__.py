"""Notifications: ``shapes`` says what goes in and out, ``actions`` what there is, ``send_in_app`` how it is done."""
