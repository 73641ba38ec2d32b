"""Limits of what readers hold in memory at a time. A few kilobytes of gzip can be gigabytes.

What is over a limit is refused with a message that names it.
"""

MIB = 1 << 20

#: Bytes of a line, in formats of lines.
LONGEST_LINE = 64 * MIB
#: Bytes of a file that is one document.
LARGEST_TEXT = 64 * MIB
#: Bytes of a file that is one JSON value.
LARGEST_JSON = 256 * MIB
#: Bytes of one record in XML, tags included.
LARGEST_XML_RECORD = 16 * MIB


def over(name: str, limit: int) -> str:
    """Describe that something is over a limit.

    name (str): The name of the limit.
    limit (int): The limit, in bytes.
    RETURNS (str): As in "more than LONGEST_LINE (67,108,864 bytes)".
    """
    return f"more than {name} ({limit:,} bytes)"
