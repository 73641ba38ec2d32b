"""New spaCy projects for corpora of one's own; the templates are beside the module."""
