"""What the services' own Python clients send, to compare with what videoseg sends.

    python benchmarks/official_clients.py FOLDER

Run it with a Python that has ``moondream``, ``google-genai`` and ``openai`` (an environment of its
own: ``pip install moondream google-genai openai``); videoseg need not be there. Each client asks a
server on this machine, and each request is written into FOLDER, one file for each question: who
sent it, its path, the headers that matter, and its body. ``asked.json`` holds what was asked.
``tests/models/hosted/test_official_requests.py`` compares ours byte for byte with
``tests/golden/requests``.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

KEY = "the-key"
PICTURE = b"\xff\xd8\xff\xe0 not a real picture \xfb\xff\xbe\xff\xd9"
"""Its base64 has both characters in which the two alphabets differ."""
PHRASE = 'the "café" cat'
SYSTEM = "You find things. Número uno."
RESULT = "2 masks were found."
REFS = [[0.5, 0.25], [0.1, 0.2, 0.3, 0.4]]
TOOLS: tuple[tuple[str, str, dict[str, tuple[str, str]]], ...] = (
    ("segment_phrase", "Finds things.", {"text_prompt": ("string", "A noun phrase.")}),
    ("report_no_mask", "Ends.", {}),
)
MATTER = ("content-type", "x-moondream-auth", "x-goog-api-key", "authorization")
OPEN: list[Any] = []
"""Clients that close their connections when nobody holds them."""
DATA_URI = f"data:image/jpeg;base64,{base64.b64encode(PICTURE).decode()}"


def moondream(url: str) -> dict[str, Callable[[], Any]]:
    """Questions of the package moondream."""
    client = import_module("moondream.cloud_vl").CloudVL
    image = import_module("moondream.types").Base64EncodedImage(image_url=DATA_URI)
    plain = client(endpoint=f"{url}/v1", api_key=KEY)
    named = client(endpoint=f"{url}/v1", api_key=KEY, model="moondream3.1-9B-A2B")
    return {
        "moondream-segment": lambda: plain.segment(image, PHRASE),
        "moondream-segment-refs": lambda: plain.segment(image, PHRASE, spatial_refs=REFS),
        "moondream-segment-stream": lambda: next(plain.segment(image, PHRASE, stream=True)),
        "moondream-segment-model": lambda: named.segment(image, PHRASE, spatial_refs=REFS[1:]),
        "moondream-detect": lambda: plain.detect(image, PHRASE),
        "moondream-point-model": lambda: named.point(image, PHRASE),
    }


def google(url: str) -> dict[str, Callable[[], Any]]:
    """Questions of the package google-genai."""
    genai, types = import_module("google.genai"), import_module("google.genai.types")
    options = types.HttpOptions(base_url=url, api_version="v1beta")
    client = genai.Client(api_key=KEY, http_options=options)
    ask = client.models.generate_content
    OPEN.append(client)
    picture = types.Part.from_bytes(data=PICTURE, mime_type="image/jpeg")
    declared = [
        types.FunctionDeclaration(
            name=name,
            description=about,
            parameters=types.Schema(
                type="OBJECT",
                properties={
                    key: types.Schema(type=kind.upper(), description=said)
                    for key, (kind, said) in parameters.items()
                },
                required=list(parameters),
            )
            if parameters
            else None,
        )
        for name, about, parameters in TOOLS
    ]
    calling = types.FunctionCallingConfig(mode="ANY")
    turns = [
        types.Content(role="user", parts=[types.Part(text=PHRASE), picture]),
        types.Content(
            role="model",
            parts=[
                types.Part(
                    function_call=types.FunctionCall(
                        args={"text_prompt": "cat"}, name="segment_phrase"
                    )
                )
            ],
        ),
        types.Content(
            role="user",
            parts=[
                types.Part(
                    function_response=types.FunctionResponse(
                        name="segment_phrase", response={"output": RESULT}
                    )
                ),
                picture,
            ],
        ),
    ]
    return {
        "gemini-masks": lambda: ask(
            model="gemini-2.5-flash",
            contents=[PHRASE, picture],
            config=types.GenerateContentConfig(
                temperature=0.5,
                max_output_tokens=8192,
                thinking_config=types.ThinkingConfig(thinking_budget=0),
            ),
        ),
        "gemini-tools": lambda: ask(
            model="gemini-2.5-pro",
            contents=turns,
            config=types.GenerateContentConfig(
                system_instruction=SYSTEM,
                temperature=0.0,
                max_output_tokens=4096,
                tools=[types.Tool(function_declarations=declared)],
                tool_config=types.ToolConfig(function_calling_config=calling),
            ),
        ),
    }


def openai(url: str) -> dict[str, Callable[[], Any]]:
    """Questions of the package openai."""
    client = import_module("openai").OpenAI(api_key=KEY, base_url=f"{url}/v1", max_retries=0)
    picture = {"type": "image_url", "image_url": {"url": DATA_URI}}
    call = {"name": "segment_phrase", "arguments": '{"text_prompt": "cat"}'}
    belongs = "The picture that belongs to this:"
    messages = [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": [{"type": "text", "text": PHRASE}, picture]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "call_1", "type": "function", "function": call}],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": RESULT},
        {"role": "user", "content": [{"type": "text", "text": belongs}, picture]},
    ]
    tools = [
        {
            "type": "function",
            "function": {
                "name": name,
                "description": about,
                "parameters": {
                    "type": "object",
                    "properties": {
                        key: {"description": said, "type": kind}
                        for key, (kind, said) in parameters.items()
                    },
                    "required": list(parameters),
                },
            },
        }
        for name, about, parameters in TOOLS
    ]
    return {
        "openai-tools": lambda: client.chat.completions.create(
            model="a-model",
            messages=messages,
            tools=tools,
            tool_choice="required",
            temperature=0.0,
            max_completion_tokens=4096,
        )
    }


CLIENTS: dict[str, Callable[[str], dict[str, Callable[[], Any]]]] = {
    "moondream": moondream,
    "google-genai": google,
    "openai": openai,
}


def main() -> None:
    """Ask everything and write down what was sent."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    asked = {
        "key": KEY,
        "picture": base64.b64encode(PICTURE).decode(),
        "phrase": PHRASE,
        "system": SYSTEM,
        "result": RESULT,
        "refs": REFS,
        "tools": [
            {
                "name": name,
                "about": about,
                "parameters": {k: {"description": d, "type": t} for k, (t, d) in given.items()},
            }
            for name, about, given in TOOLS
        ],
    }
    text = json.dumps(asked, indent=2, ensure_ascii=False)
    (folder / "asked.json").write_text(f"{text}\n", encoding="utf-8")
    sent: list[dict[str, Any]] = []

    class Recorder(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            kept = {name: headers[name] for name in MATTER if name in headers}
            sent.append({"path": self.path, "headers": kept, "body": body.decode()})
            self.send_response(400)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Recorder)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for package, questions in CLIENTS.items():
        client = f"{package} {version(package)}"
        for name, ask in questions(f"http://127.0.0.1:{server.server_port}").items():
            with contextlib.suppress(Exception):  # nothing is ever answered
                ask()
            (request,) = sent
            sent.clear()
            text = json.dumps({"client": client, **request}, indent=2, ensure_ascii=False)
            (folder / f"{name}.json").write_text(f"{text}\n", encoding="utf-8")
            print(name, client)
    server.shutdown()


if __name__ == "__main__":
    main()
