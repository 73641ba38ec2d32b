"""Finds commands of command lines in typer's applications, for tests of what documents name."""

import typer


def find_click_command(app, words):
    """Follow the names of subcommands; returns the command and the words after them."""
    command = typer.main.get_command(app)
    while hasattr(command, "commands"):
        assert words and words[0] in command.commands, words
        command, words = command.commands[words[0]], words[1:]
    return command, words
