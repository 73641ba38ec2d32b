"""What ``spacy train`` calls: loss, batchers, optimizer, callbacks."""
