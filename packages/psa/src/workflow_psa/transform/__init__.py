"""Changing texts, lists and objects without writing expressions; nothing here reads or writes anything.

``compose`` writes texts from documents with references in them, ``text`` changes texts, ``patterns`` searches them,
``values`` works on lists and objects. The shapes stand beside what they belong to; ``actions`` says what there is.
"""
