"""SVG and other XML from users, read without trusting it.

Nothing beside the given text is ever opened: no document type is loaded, no address is asked, and
a file that declares entities is refused. The limits of libxml2 on depth and size stay on.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from videoseg.errors import UsageError

if TYPE_CHECKING:
    from lxml.etree import _Element

SVG = "http://www.w3.org/2000/svg"
_LARGEST = 100_000_000
_GZIP = b"\x1f\x8b"


def parse_svg(source: Path | bytes, *, name: str | None = None) -> _Element:
    """The ``svg`` element of a file or of its bytes; comments and instructions are left out.

    Args:
        source: The file, or what is in it, in any encoding that XML names.
        name: What messages call it; the path where nothing is given.

    Raises:
        UsageError: It cannot be read, is larger than 100 MB, is not well-formed, declares
            entities, or is not SVG; the message is one line and begins with the name.
    """
    called = name or ("the SVG" if isinstance(source, bytes) else str(source))
    data = _bytes_of(source, called)
    if data.startswith(_GZIP):
        raise UsageError(f"{called}: is a compressed SVG, which is not read; save it as plain SVG")
    root = parse_xml(data, called)
    if root.tag != f"{{{SVG}}}svg":
        hint = f'; it needs xmlns="{SVG}"' if root.tag == "svg" else ""
        raise UsageError(f"{called}: not an SVG, the first tag is <{_shortened(root.tag)}>{hint}")
    return root


def parse_xml(data: bytes, name: str) -> _Element:
    """The first element of XML; ``parse_svg`` says how it is read and what is refused."""
    from lxml import etree

    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        said = error.msg or "it is empty"
        if "XML_PARSE_HUGE" in said or "too long" in said:  # libxml2 says it in either way
            raise UsageError(f"{name}: too deep or too large; simplify it first") from error
        said = _shortened(said)  # it may show what it found
        raise UsageError(f"{name}: not well-formed XML: {said}") from error
    declared: Any = root.getroottree().docinfo.internalDTD  # lxml's stubs do not know its methods
    if declared is not None and declared.entities():
        raise UsageError(f"{name}: it declares entities, which are not read; save it as plain SVG")
    return root


def _bytes_of(source: Path | bytes, name: str) -> bytes:
    if isinstance(source, bytes):
        data = source
    else:
        try:
            with source.open("rb") as file:
                data = file.read(_LARGEST + 1)
        except OSError as error:
            raise UsageError(f"{name}: cannot be read: {error.strerror or error}") from error
    if len(data) > _LARGEST:
        raise UsageError(f"{name}: larger than {_LARGEST // 1_000_000} MB; simplify it first")
    return data


def _shortened(text: str) -> str:
    """One line of at most 120 characters."""
    line = " ".join(text.split())
    return line if len(line) <= 120 else f"{line[:119]}…"
