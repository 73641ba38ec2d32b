"""Language models of both directions over a network's encoders, which train these on plain text.

The states of the forward LSTM know what stands before a token and those of the backward LSTM what
stands after it; each is to predict the next word on its way. An LSTM-CRF that starts from encoders
trained so needs fewer annotated sentences (Sachan et al. 2018,
https://proceedings.mlr.press/v85/sachan18a.html). What predicts is thrown away afterwards.
"""

import torch
from torch import Tensor, nn

from spacy_bioner_mtl.nn.batch import TokenBatch
from spacy_bioner_mtl.nn.encoder import CharacterEncoder, WordEncoder

#: A class that is not to be predicted: padding, and words that are too rare.
NO_CLASS = -1
#: The first so many words are predicted by one layer, the others in groups, rarer and narrower.
_CUTOFFS = (2_000, 10_000)


class LanguageModel(nn.Module):
    """Predicts words from the encoders' states."""

    def __init__(self, characters: CharacterEncoder, words: WordEncoder, n_classes: int):
        """Put a softmax for both directions on top of the encoders.

        characters (CharacterEncoder): The encoder of single words.
        words (WordEncoder): The encoder of sequences.
        n_classes (int): How many words are predicted, at least 3; the most frequent come first.
        """
        super().__init__()
        self.characters = characters
        self.words = words
        cutoffs = [cutoff for cutoff in _CUTOFFS if cutoff < n_classes - 1] or [n_classes // 2]
        # Grave et al. 2017 (https://proceedings.mlr.press/v70/grave17a.html)
        self.softmax = nn.AdaptiveLogSoftmaxWithLoss(words.lstm.hidden_width, n_classes, cutoffs)

    def forward(self, batch: TokenBatch, classes: Tensor, rate: float) -> Tensor:
        """Predict the words of a batch.

        batch (TokenBatch): The sequences.
        classes (Tensor): Shape (L, N), int64: the word at each token, or NO_CLASS.
        rate (float): Dropout.
        RETURNS (Tensor): Shape (2,): the mean negative log probability of the next word, and of the
            previous one; 0 where a direction has nothing to predict.
        """
        features = [self.characters(batch, rate)]
        if batch.word_vectors is not None:
            features.insert(0, batch.word_vectors)
        forward, backward = self.words(batch, features, rate).chunk(2, dim=2)
        # The state behind a sentence's end is no state of its last token's successor.
        positions = torch.arange(len(classes), device=classes.device)[:, None]
        previous = classes[:-1].masked_fill(positions[1:] >= batch.lengths, NO_CLASS)
        return torch.stack(
            [self._loss(forward[:-1], classes[1:]), self._loss(backward[1:], previous)]
        )

    def _loss(self, states: Tensor, classes: Tensor) -> Tensor:
        wanted = classes != NO_CLASS
        if not bool(wanted.any()):
            return states.sum() * 0.0
        loss: Tensor = self.softmax(states[wanted], classes[wanted]).loss
        return loss
