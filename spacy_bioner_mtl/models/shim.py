"""The network inside thinc: thinc's shim for torch, with three of its gaps closed.

thinc 8.3's PyTorchShim zeroes gradients instead of dropping them, so that momentum keeps moving
parameters that had no part in a batch (an idle head drifts, and ``nlp.rehearse``, which looks at
gradients later, finds zeros), and looks for averaged weights under keys that its own optimizer
never writes.
"""

import json
import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import safetensors.torch
import torch
from thinc.api import Optimizer, PyTorchShim, torch2xp, xp2torch
from thinc.types import ArgsKwargs, FloatsXd
from thinc.util import get_torch_default_device
from torch import nn

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.models.optimizers import Key, TorchOptimizer
from spacy_bioner_mtl.nn.network import Network, rebuild

#: The metadata key of safetensors under which the network describes itself.
DESCRIPTION = "spacy_bioner_mtl"
#: What reading a damaged or foreign description or file may raise.
_DAMAGE = (KeyError, TypeError, ValueError, RuntimeError, safetensors.SafetensorError)


class NetworkShim(PyTorchShim):
    """Holds the network, None until it is initialized or loaded."""

    def __init__(self) -> None:
        """Start without a network."""
        super().__init__(None, serialize_model=_serialize, deserialize_model=_deserialize)

    @property
    def network(self) -> Network | None:
        """The network, if there is one yet."""
        return self._model  # type: ignore[no-any-return]

    @network.setter
    def network(self, network: Network) -> None:
        self._model = network.to(get_torch_default_device())

    def begin_update(self, inputs: ArgsKwargs) -> tuple[Any, Callable[[ArgsKwargs], Any]]:
        """Run the network, to be trained; see PyTorchShim."""
        # A prediction that a signal interrupted may have left gradients switched off.
        with torch.enable_grad():
            return super().begin_update(inputs)  # type: ignore[no-any-return]

    def finish_update(self, optimizer: Optimizer) -> None:
        """Update the parameters that took part in the batch, and drop their gradients.

        optimizer (Optimizer): thinc's. Its grad_clip limits the norm of all gradients together, as
            torch users expect, where thinc by itself would limit that of each tensor.
        RAISES (InputError): A gradient is no number. All parameters are as before.
        """
        used = {
            self._key(name, parameter): parameter
            for name, parameter in self._model.named_parameters()
            if parameter.grad is not None
        }
        try:
            _clip(used.values(), getattr(optimizer, "grad_clip", 0.0))
            if isinstance(optimizer, TorchOptimizer):
                optimizer.step({key: (each.data, each.grad) for key, each in used.items()})
            else:
                for key, parameter in used.items():
                    _update(optimizer, key, parameter)
        finally:
            for parameter in used.values():
                parameter.grad = None
            self._model.weights_changed()

    def _key(self, name: str, parameter: torch.Tensor) -> Key:
        """Key of a parameter in an optimizer.

        It holds the shape: a head that gained labels has outgrown its moments and its average.
        """
        return self.id, f"{name} {tuple(parameter.shape)}"

    @contextmanager
    def use_params(self, params: dict[Any, Any]) -> Iterator[None]:
        """Use averaged weights for a while.

        params (dict): The optimizer's averages, under the keys that finish_update gave it.
        """
        # In place: on a GPU the weights of an LSTM lie in one piece of memory, for its kernels.
        backup: list[tuple[torch.Tensor, torch.Tensor]] = []
        try:
            for name, parameter in self._model.named_parameters():
                average = params.get(self._key(name, parameter))
                if average is not None:
                    backup.append((parameter.data, parameter.data.clone()))
                    parameter.data.copy_(xp2torch(average, device=parameter.device))
            self._model.weights_changed()
            yield
        finally:
            for weights, values in backup:
                weights.copy_(values)
            self._model.weights_changed()


def _clip(parameters: Iterable[nn.Parameter], limit: float) -> None:
    """Scale gradients down, in place, to a largest norm of all of them together; 0 for no limit."""
    norm = nn.utils.clip_grad_norm_(parameters, limit or math.inf)
    if not bool(norm.isfinite()):
        raise InputError(
            "A gradient of the network is no number (NaN or infinite): training has diverged. The "
            "weights are those of before this step. Take a lower learning rate, or set grad_clip, "
            "under [training.optimizer], and begin from the last saved pipeline."
        )


def _update(optimizer: Optimizer, key: Key, parameter: nn.Parameter) -> None:
    """Update one parameter with an optimizer of thinc's."""
    weights, _ = optimizer(
        key,
        cast(FloatsXd, torch2xp(parameter.data)),
        # thinc's kernels read memory from its beginning, whatever the strides are.
        cast(FloatsXd, torch2xp(cast(torch.Tensor, parameter.grad).contiguous())),
    )
    parameter.data.copy_(xp2torch(weights, device=parameter.device))


def _serialize(network: Network | None) -> bytes:
    """Weights and description as safetensors; nothing for a network that is not there yet."""
    if network is None:
        return b""
    tensors = {name: values.contiguous() for name, values in network.state_dict().items()}
    return safetensors.torch.save(tensors, metadata={DESCRIPTION: json.dumps(network.describe())})


def _deserialize(_: Any, data: bytes, device: torch.device) -> Network | None:
    """Rebuild the network with the heads and the vocabulary that were saved."""
    if not data:
        return None
    try:
        header_size = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + header_size])
        # Without memory for its weights: a damaged description may speak of any sizes.
        with torch.device("meta"):
            network = rebuild(json.loads(header["__metadata__"][DESCRIPTION]))
        tensors = safetensors.torch.load(data)
        # What is loaded points into the data, which may lie at any address.
        weights = {name: values.to(torch.float32, copy=True) for name, values in tensors.items()}
        network.load_state_dict(weights, assign=True)
    except _DAMAGE as error:
        raise InputError(
            f"The weights of bioner_mtl cannot be read ({error}): the model is truncated or was "
            "not written by this component. Copy or train it again."
        ) from error
    for name, values in weights.items():
        if not bool(torch.isfinite(values).all()):
            raise InputError(
                f"The weights of bioner_mtl are damaged: {name} holds a value that is no number "
                "(NaN or infinite). Copy the model again, or train it again with a lower rate."
            )
    return network.to(device)
