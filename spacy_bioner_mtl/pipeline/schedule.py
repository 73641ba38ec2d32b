"""Does the learning rate end when training does?"""

import warnings

from thinc.api import Config


def check_schedule(config: Config) -> None:
    """Warn if the schedule of the learning rate and the training are not equally long.

    Where the schedule is shorter, the rate is 0 in the steps behind it, and these teach nothing.

    config (Config): The config of a pipeline that is about to be trained.
    """
    training = config.interpolate()["training"]
    rate = training.get("optimizer", {}).get("learn_rate")
    total = rate.get("total_steps") if isinstance(rate, dict) else None
    steps = training.get("max_steps")
    if total and steps and total != steps:
        warnings.warn(
            f"[training] max_steps is {steps}, but the learning rate's schedule has {total} steps"
            + (", and is 0 from then on. " if total < steps else ". ")
            + "Set training.optimizer.learn_rate.total_steps alone, and max_steps to "
            "${training.optimizer.learn_rate.total_steps}.",
            stacklevel=2,
        )
