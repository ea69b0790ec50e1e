"""SVG from users: what is read, what is refused in one line, and that nothing else is opened."""

from __future__ import annotations

import gzip
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from videoseg.errors import UsageError
from videoseg.formats.xml import SVG, parse_svg

_START = f'<svg xmlns="{SVG}" '
_LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "ha" * 10}">' for n in range(10))


@pytest.mark.parametrize(
    "data",
    [
        f"{_START}/>".encode(),
        f"\ufeff{_START}/>".encode(),
        f"{_START}/>".encode("utf-16"),
        f'<?xml version="1.0" encoding="ISO-8859-1"?>{_START}id="ä"/>'.encode("latin-1"),
        f'<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://x.invalid/svg">{_START}/>'.encode(),
        f'<s:svg xmlns:s="{SVG}"/>'.encode(),
    ],
)
def test_every_way_to_write_svg_is_read(data: bytes, tmp_path: Path) -> None:
    file = tmp_path / "a.svg"
    file.write_bytes(data)
    assert parse_svg(data).tag == parse_svg(file).tag == f"{{{SVG}}}svg"


def test_only_elements_are_left() -> None:
    root = parse_svg(f"<!-- a -->{_START}><!-- b --><?c?><g/><![CDATA[d]]></svg>".encode())
    assert [child.tag for child in root] == [f"{{{SVG}}}g"]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "not well-formed XML: Document is empty"),
        (b"\x89PNG\r\n\x1a\n\0\0\0", "not well-formed XML"),
        (gzip.compress(f"{_START}/>".encode(), mtime=0), "is a compressed SVG"),
        (f"{_START}><g></svg>".encode(), "not well-formed XML: Opening and ending tag mismatch"),
        (f"{_START}>&nbsp;</svg>".encode(), "not well-formed XML: Entity 'nbsp' not defined"),
        (b"<html/>", "not an SVG, the first tag is <html>"),
        (b"<svg/>", "not an SVG, the first tag is <svg>; it needs xmlns="),
        (f"{_START}>{'<g>' * 999}{'</g>' * 999}</svg>".encode(), "too deep or too large"),
        (f"{_START}d='{'a' * 11_000_000}'/>".encode(), "too deep or too large"),
        (f"<!DOCTYPE svg [<!ENTITY a 'x'>]>{_START}>&a;</svg>".encode(), "declares entities"),
        (f"<!DOCTYPE svg [<!ENTITY a 'x'>]>{_START}/>".encode(), "declares entities"),
        (f"<!DOCTYPE svg [{_LAUGHS}]>{_START}>&l9;</svg>".encode(), "a.svg: "),
    ],
)
def test_what_is_refused_is_said_in_one_line(data: bytes, says: str, tmp_path: Path) -> None:
    file = tmp_path / "a.svg"
    file.write_bytes(data)
    with pytest.raises(UsageError) as refused:
        parse_svg(file)
    message = str(refused.value)
    assert message.startswith(f"{file}: ")
    assert says in message
    assert "\n" not in message
    assert len(message) < 300
    with pytest.raises(UsageError, match=r"^here: "):
        parse_svg(data, name="here")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for file in (tmp_path, tmp_path / "none.svg"):
        with pytest.raises(UsageError, match="cannot be read"):
            parse_svg(file)
    endless = Path("/dev/zero")
    if endless.exists():
        with pytest.raises(UsageError, match="larger than 100 MB"):
            parse_svg(endless)


@pytest.fixture
def asked() -> Iterator[tuple[str, list[str]]]:
    """The address of a server, and the paths it is asked for."""
    paths: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", paths
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    "doctype",
    [
        '<!DOCTYPE svg SYSTEM "{0}">',
        '<!DOCTYPE svg [<!ENTITY a SYSTEM "{0}">]>',
        '<!DOCTYPE svg [<!ENTITY % a SYSTEM "{0}"> %a;]>',
        '<?xml-stylesheet href="{0}"?>',
    ],
)
def test_nothing_else_is_opened(doctype: str, asked: tuple[str, list[str]], tmp_path: Path) -> None:
    address, paths = asked
    secret = tmp_path / "secret"
    secret.write_text("<!ENTITY a 'secret'>")
    for place in (f"{address}/dtd", secret.as_uri()):
        text = f'{doctype.format(place)}{_START} xmlns:x="http://www.w3.org/2001/XInclude">'
        body = f'&a;<x:include href="{place}" parse="text"/></svg>'
        for written in (text + body, text + body.replace("&a;", "")):
            assert "secret" not in _read_or_refused(written).replace(str(secret), "")
    assert paths == []


def _read_or_refused(svg: str) -> str:
    """The text in an SVG, or why it is refused."""
    try:
        return "".join(str(each) for each in parse_svg(svg.encode()).itertext())
    except UsageError as error:
        return str(error)
