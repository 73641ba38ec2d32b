"""Numbers about trained pipelines."""
