"""The network inside thinc: registered architectures and optimizers."""
