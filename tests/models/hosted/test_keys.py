"""Keys of services: found where they may be, sent where they belong, and shown nowhere."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.models.hosted.test_service import PROTOCOLS, RED, ask, with_colours
from tests.support import hosted_servers as servers
from tests.support.hosted_servers import KEY, answer, serving
from videoseg.errors import MissingDependencyError, ModelError, UsageError
from videoseg.models._hosted.service import check_address, is_local
from videoseg.models.agent import Agent
from videoseg.models.gemini import Gemini
from videoseg.models.moondream import Moondream


@pytest.mark.parametrize(
    ("model", "variable"),
    [
        (Moondream(), "MOONDREAM_API_KEY"),
        (Gemini(), "GEMINI_API_KEY or GOOGLE_API_KEY"),
        (with_colours(Agent(language="openai")), "OPENAI_API_KEY"),
    ],
)
def test_a_missing_key_is_named(model: Any, variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MOONDREAM_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(MissingDependencyError, match=variable):
        model.prepare(RED)


def test_the_services_own_key_goes_to_no_other_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOONDREAM_API_KEY", KEY)
    monkeypatch.setenv("MY_SERVER_KEY", "another key")
    with serving(servers.moondream) as server:
        ask(PROTOCOLS["moondream"], server)
        ask(PROTOCOLS["moondream"], server, key_from="MY_SERVER_KEY")
    assert "x-moondream-auth" not in server.requests[0].headers
    assert server.requests[1].headers["x-moondream-auth"] == "another key"


def test_headers_of_each_protocol(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", KEY)
    expected = {
        "moondream": ("x-moondream-auth", KEY),
        "gemini": ("x-goog-api-key", KEY),
        "agent, openai": ("authorization", f"Bearer {KEY}"),
    }
    for name, (header, value) in expected.items():
        with serving(PROTOCOLS[name].speak) as server:
            ask(PROTOCOLS[name], server, key_from="A_KEY")
        assert server.requests[0].headers[header] == value
        assert KEY.encode() not in server.requests[0].body
        assert KEY not in server.requests[0].path


def test_a_key_from_a_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    class Keyring:
        @staticmethod
        def get_password(service: str, user: str) -> str | None:
            return KEY if (service, user) == ("videoseg", "A_KEY") else None

    monkeypatch.delenv("A_KEY", raising=False)
    monkeypatch.setitem(sys.modules, "keyring", Keyring)
    with serving(servers.moondream) as server:
        ask(PROTOCOLS["moondream"], server, key_from="A_KEY")
    assert server.requests[0].headers["x-moondream-auth"] == KEY


def test_a_key_in_the_wrong_place_is_refused_without_being_repeated() -> None:
    with pytest.raises(UsageError, match="name of an environment variable") as error:
        Moondream(key_from=KEY).prepare(RED)
    assert KEY not in str(error.value)
    for url in (f"https://user:{KEY}@host/v1", f"https://host/v1?key={KEY}", KEY, "ftp://x/"):
        with pytest.raises(UsageError) as error:
            Moondream(url=url).prepare(RED)
        assert KEY not in str(error.value)


def test_a_key_that_a_service_repeats_is_hidden(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("A_KEY", KEY)
    settings = {"key_from": "A_KEY", "cache": str(tmp_path)}
    refused = answer({"error": {"message": f"Invalid key: {KEY}"}}, 401)
    with (
        serving(servers.moondream, refused) as server,
        pytest.raises(ModelError, match=r"\[key\]") as error,
    ):
        ask(PROTOCOLS["moondream"], server, **settings)
    assert KEY not in str(error.value)
    echoed = answer({"path": "M0 0L1 0L1 1z", "debug": KEY})
    with serving(servers.moondream, echoed) as server:
        ask(PROTOCOLS["moondream"], server, **settings)
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(kept) == 1
    assert KEY.encode() not in kept[0].read_bytes()


def test_addresses() -> None:
    assert check_address("https://host:8443/v1/") == "https://host:8443/v1"
    assert is_local("http://localhost:2020/v1")
    assert is_local("http://127.0.0.5/v1")
    assert is_local("http://[::1]:8000")
    assert not is_local("http://192.168.1.5:2020/v1")
    assert Moondream().sends_frames_to == "api.moondream.ai"
    assert Moondream(url="http://192.168.1.5:2020/v1").sends_frames_to == "192.168.1.5:2020"
    assert Moondream(url="http://localhost:2020/v1").sends_frames_to is None
    assert Moondream(url="photon").sends_frames_to is None
