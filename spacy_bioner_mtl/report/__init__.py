"""One page that shows what a pipeline gets right and wrong."""
