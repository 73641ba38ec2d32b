"""What stands in ``nlp``, or is called by it."""
