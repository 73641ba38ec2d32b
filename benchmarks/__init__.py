"""How fast this project is, and what its variants are worth: ``python -m benchmarks``."""
