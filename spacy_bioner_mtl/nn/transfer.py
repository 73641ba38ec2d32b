"""Encoders of one network as the start of another's."""

from collections.abc import Sequence
from typing import cast

import torch
from torch import nn

from spacy_bioner_mtl.nn.encoder import CharacterEncoder, WordEncoder
from spacy_bioner_mtl.nn.network import Network
from spacy_bioner_mtl.nn.vocabulary import PADDING, UNSEEN


def start_encoders(network: Network, source: Network) -> int:
    """Give a network's encoders the weights of another's.

    Rows of the tables go by word and by character; what the other does not know keeps its random
    row. Of encoders that the other's heads do not share, its first head's are taken.

    network (Network): The network that is to start so; it has a head.
    source (Network): The other one; it has a head, too.
    RETURNS (int): How many words of the network's table the other knows.
    RAISES (ValueError): Its encoders have other sizes.
    """
    ours, theirs = network.vocabulary, source.vocabulary
    words = _rows(ours.words, theirs.words)
    characters = _rows(ours.characters, theirs.characters)
    start = cast(CharacterEncoder, source.character_encoders[0])
    for each in network.character_encoders:
        encoder = cast(CharacterEncoder, each)
        _copy_rows(encoder.table, start.table, characters)
        _copy(encoder.lstm, start.lstm)
    first = cast(WordEncoder, source.word_encoders[0])
    for each in network.word_encoders:
        own = cast(WordEncoder, each)
        if own.table is not None and first.table is not None:
            _copy_rows(own.table, first.table, words)
        _copy(own.lstm, first.lstm)
    network.weights_changed()
    return len(words[0]) - UNSEEN - 1


def _rows(ours: Sequence[str], theirs: Sequence[str]) -> tuple[list[int], list[int]]:
    """Rows of a table, and those of the same names in another one."""
    numbers = {name: row for row, name in enumerate(theirs, UNSEEN + 1)}
    pairs = [(PADDING, PADDING), (UNSEEN, UNSEEN)]
    pairs += [(row, numbers[name]) for row, name in enumerate(ours, UNSEEN + 1) if name in numbers]
    to, taken = zip(*pairs, strict=True)
    return list(to), list(taken)


def _copy_rows(
    table: nn.Embedding, source: nn.Embedding, rows: tuple[list[int], list[int]]
) -> None:
    if table.embedding_dim != source.embedding_dim:
        raise ValueError(f"its table is {source.embedding_dim} wide, not {table.embedding_dim}")
    to, taken = rows
    with torch.no_grad():
        table.weight[to] = source.weight[taken].to(table.weight.device)


def _copy(lstm: nn.Module, source: nn.Module) -> None:
    shapes = [[tuple(each.shape) for each in one.parameters()] for one in (lstm, source)]
    if shapes[0] != shapes[1]:
        raise ValueError(
            f"the weights of its LSTMs have the shapes {shapes[1][:2]}, not {shapes[0][:2]}"
        )
    lstm.load_state_dict(source.state_dict())
