"""The one exception for mistakes in what a user hands us."""


class InputError(ValueError):
    """Bad input: the message names the file, the line where there is one, and the remedy.

    The command line prints the message alone, without a traceback, and exits with status 1.
    """
