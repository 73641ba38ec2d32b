"""Does the learning rate end when training does, and is what training ends with scored?"""

import warnings

from thinc.api import Config


def check_schedule(config: Config) -> None:
    """Warn if the schedule of the learning rate and the training are not equally long, or if the
    last steps are not scored.

    Where the schedule is shorter, the rate is 0 in the steps behind it, and these teach nothing.
    spaCy scores at multiples of eval_frequency alone, and model-best is the best of what it scored:
    of a training that is shorter, that is the pipeline before its first step.

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
    unscored = steps % training["eval_frequency"] if steps else 0
    if unscored:
        warnings.warn(
            f"[training] eval_frequency is {training['eval_frequency']} and max_steps {steps}, so "
            f"that the weights of the last {unscored} steps are never scored"
            + (", and model-best is untrained" if unscored == steps else "")
            + f". Set training.eval_frequency to {steps} or to a divisor of it.",
            stacklevel=2,
        )
