"""The schedule: ``shapes`` says what goes in and out, ``events`` what happens, ``assign_user`` how it is done."""
