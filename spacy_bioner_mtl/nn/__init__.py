"""Plain torch modules: they know tensors and tags, not spaCy."""
