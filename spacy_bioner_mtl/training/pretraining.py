"""Pretraining of the shared encoders on plain text, as language models of both directions."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

import torch
from spacy.tokens import Doc
from torch import Tensor

from spacy_bioner_mtl.console.progress import begin
from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.models.by_word import is_by_word
from spacy_bioner_mtl.nn.encoder import CharacterEncoder, WordEncoder
from spacy_bioner_mtl.nn.language_model import LanguageModel
from spacy_bioner_mtl.pipeline.bioner_mtl import BioNERMTL
from spacy_bioner_mtl.training.pretraining_text import Batches, WordTable, read_text

#: The highest learning rate: it rises for a share of the tokens, and falls to 0 at the end.
RATE = 0.003
_WARM_UP = 0.02
_DROPOUT = 0.1
_LONGEST_GRADIENT = 1.0
#: Steps between two looks at the loss, which wait for a GPU.
_STEPS_BETWEEN_LOOKS = 50
_FEWEST_CLASSES = 3


@dataclass(frozen=True)
class Pretrained:
    """What became of a pretraining.

    tokens (int): Tokens read, all passes together.
    words (int): Distinct words of the text.
    losses (tuple[float, float]): Mean negative log probability of the next word, and of the
        previous one, in sentences that were held out, where the word is one of those predicted.
    complete (bool): Whether it ran to its end; else it was interrupted.
    """

    tokens: int
    words: int
    losses: tuple[float, float]
    complete: bool


def pretrain(
    pipe: BioNERMTL, docs: Iterable[Doc], *, passes: float, batch_size: int, seed: int
) -> Pretrained:
    """Train the shared encoders to predict the words of text. After Ctrl-C they stay as they are.

    pipe (BioNERMTL): The component, initialized; its heads do not change.
    docs (Iterable[Doc]): The text, of the component's vocab.
    passes (float): Passes over the text.
    batch_size (int): Padded tokens in a batch, at most.
    seed (int): Of all that is random.
    RETURNS (Pretrained): What became of it.
    RAISES (InputError): The heads do not share their encoders, these do not read single words, or
        the text is too short.
    """
    model, network = pipe.model, pipe.network
    shape = network.architecture
    if shape.share != "both" or shape.characters != "word":
        raise InputError(
            "Only encoders that all heads share and that read words one by one can be pretrained: "
            'set share = "both" and characters = "word" in the config.'
        )
    if model.layers and not is_by_word(model.layers[0]):
        raise InputError(
            "The model's tok2vec is no static vectors: pretrain that layer by itself, with `spacy "
            "pretrain`."
        )
    torch.manual_seed(seed)
    text = read_text(docs)
    batches = Batches(text, batch_size, seed)
    table = WordTable(model, network, pipe.vocab, text) if len(text.keys) else None
    if table is None or table.n_classes < _FEWEST_CLASSES or not batches.held_out:
        raise InputError(
            f"There is too little text to learn from: {len(text.lengths)} sentences of two words "
            "or more. Name more with --text or --corpus."
        )
    language_model = LanguageModel(
        cast(CharacterEncoder, network.character_encoders[0]),
        cast(WordEncoder, network.word_encoders[0]),
        table.n_classes,
    ).to(network.device)
    trainer = _Trainer(language_model, table, batches)
    try:
        trainer.train(int(passes * batches.tokens))
        complete = True
    except KeyboardInterrupt:
        complete = False
    network.weights_changed()
    forward, backward = trainer.held_out().tolist()
    return Pretrained(trainer.tokens, len(text.keys), (forward, backward), complete)


class _Trainer:
    """Language model, text and optimizer; tokens is how many were read."""

    def __init__(self, model: LanguageModel, table: WordTable, batches: Batches) -> None:
        self.tokens = 0
        self._model, self._table, self._batches = model, table, batches
        self._device = next(model.parameters()).device
        self._optimizer = torch.optim.Adam(model.parameters(), lr=RATE)

    def train(self, total: int) -> None:
        """Read about so many tokens, and learn."""
        losses: list[Tensor] = []
        with begin("tokens", total) as progress:
            for step, chosen in enumerate(self._batches, start=1):
                if self.tokens >= total:
                    return
                tokens, lengths = self._batches.load(chosen)
                before, self.tokens = self.tokens, self.tokens + int(lengths.sum())
                share = min(1.0, self.tokens / total / _WARM_UP) * (1 - before / total)
                for group in self._optimizer.param_groups:
                    group["lr"] = RATE * share
                self._optimizer.zero_grad()
                loss = self._loss(tokens, lengths, _DROPOUT)
                loss.sum().backward()  # type: ignore[no-untyped-call]
                torch.nn.utils.clip_grad_norm_(self._model.parameters(), _LONGEST_GRADIENT)
                self._optimizer.step()
                losses.append(loss.detach())
                progress.update(int(lengths.sum()))
                if step % _STEPS_BETWEEN_LOOKS == 0:
                    forward, backward = torch.stack(losses).mean(dim=0).tolist()
                    progress.set_postfix_str(f"loss {forward:.3f} and {backward:.3f}")
                    losses.clear()

    def held_out(self) -> Tensor:
        """Mean loss of each direction on what it has not read. Shape (2,)."""
        with torch.no_grad():
            losses = [
                self._loss(*self._batches.load(chosen), 0.0) for chosen in self._batches.held_out
            ]
        return torch.stack(losses).mean(dim=0)

    def _loss(self, tokens: object, lengths: object, rate: float) -> Tensor:
        batch, classes = self._table.look_up(
            torch.as_tensor(tokens, device=self._device),
            torch.as_tensor(lengths, device=self._device),
        )
        loss: Tensor = self._model(batch, classes, rate)
        return loss
