"""Files: read once in one direction, written whole or not at all."""
