"""Assets: ``shapes`` says what goes in and out, ``actions`` what there is, ``find`` how it is done."""
