"""Text as YAML holds it (YAML 1.2, 7.3.1), which takes less as it is than JSON does."""

from __future__ import annotations


def yaml_text(text: str) -> str:
    """Any text in double quotes, ASCII alone; half a surrogate pair becomes U+FFFD."""
    return f'"{"".join(map(_escaped, text))}"'


def _escaped(character: str) -> str:
    code = ord(character)
    if character in '"\\':
        return f"\\{character}"
    if 0x20 <= code < 0x7F:
        return character
    if 0xD800 <= code < 0xE000:
        code = 0xFFFD
    digits, mark = (2, "x") if code < 0x100 else (4, "u") if code < 0x10000 else (8, "U")
    return f"\\{mark}{code:0{digits}x}"
