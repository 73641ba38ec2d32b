"""Tables of static word vectors, as packages that ``[initialize] vectors`` takes.

One file per source (``word2vec``, ``glove``, ``floret``); ``table`` chooses the rows to keep,
``package`` writes them, ``corpus`` reads the words of converted corpora.
"""
