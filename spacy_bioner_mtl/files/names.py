"""Names of documents and heads as names of files."""

import hashlib
import re
from collections.abc import Collection

# Longer names, with dots and an ending, may be too long for a file system.
_LONGEST_PLAIN_NAME = 200

# Names that every file system takes. Some know no difference between upper and lower case.
_SAFE_NAME = re.compile(
    r"(?!(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$))[a-z0-9][a-z0-9._-]{0,99}", re.I | re.A
)


def safe_name(name: str, taken: Collection[str] = ()) -> str:
    """Make the name of a file of a name that anybody may have chosen.

    A name that is not safe as that of a file on every system - it holds other characters than Latin
    letters, digits, ".", "_" and "-", is empty, longer than 100 characters, or begins with a sign -
    or that is taken, is changed so that it is safe, and eight digits of its SHA-256 are put after
    it; a number after that where it is taken all the same.

    name (str): The name.
    taken (Collection[str]): Names that are taken, as ``str.casefold`` gives them.
    RETURNS (str): The name of a file, without any folder and suffix.
    """
    safe = name
    if not _SAFE_NAME.fullmatch(name) or name.casefold() in taken:
        plain = re.sub("[^A-Za-z0-9._-]", "_", name)[:80].lstrip("._-") or "document"
        digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        safe = f"{plain}-{digest}"
    unique = safe
    number = 1
    while unique.casefold() in taken:
        number += 1
        unique = f"{safe}-{number}"
    return unique
