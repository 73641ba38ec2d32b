"""Options of commands that are settings of a config, as `spacy train` takes them."""

from typing import Any

from spacy_bioner_mtl.errors import InputError


def config_overrides(arguments: list[str]) -> dict[str, Any]:
    """Read the options that a command does not know.

    arguments (list[str]): What typer left over.
    RETURNS (dict[str, Any]): Settings, under their names with dots.
    RAISES (InputError): Something else is among them.
    """
    from click import ClickException
    from spacy.cli._util import parse_config_overrides

    try:
        overrides: dict[str, Any] = parse_config_overrides(arguments)
    except ClickException as error:
        raise InputError(
            f"{error.message} Settings of a config are named with their sections, as in "
            "--paths.train FOLDER."
        ) from error
    return overrides
