"""``videoseg models``: which models there are and what they take; fetched ahead, and checked."""

from __future__ import annotations

import dataclasses
import logging
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from videoseg.cli import _completion
from videoseg.cli._fetching import Fetched, shown_while
from videoseg.cli._streams import print_json
from videoseg.cli._terminal import tell
from videoseg.cli.options.groups import expand_groups
from videoseg.cli.options.model import DeviceOptions
from videoseg.cli.options.report import MessageOptions
from videoseg.cli.options.settings import SettingOptions
from videoseg.errors import ModelError

if TYPE_CHECKING:
    from videoseg.types import Figure

EPILOG = """
Examples:

videoseg models --json

videoseg models get sam2.1-tiny

videoseg models check grounding-dino+sam2.1-tiny --device cpu
"""
_log = logging.getLogger(__name__)

Name: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="A model, or a pair such as grounding-dino+sam2.1-tiny.",
        autocompletion=_completion.models,
    ),
]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    verbs = typer.Typer(epilog=EPILOG)
    verbs.callback(invoke_without_command=True)(models)
    verbs.command("get")(get)
    verbs.command("check")(check)
    app.add_typer(verbs, name="models")


def models(context: typer.Context, as_json: AsJson = False) -> None:
    """List the models with their prompts, licence and size, and which are on this machine."""
    if context.invoked_subcommand is None:
        _list(as_json=as_json)


@expand_groups
def get(
    *, name: Name, as_json: AsJson = False, given: SettingOptions, messages: MessageOptions
) -> None:
    """Fetch the weights of a model ahead of a run; what was cut off is gone on with."""
    messages.set_up()
    from videoseg import registry
    from videoseg.networks import weights
    from videoseg.networks.device import need_packages

    config = given.in_force(model=name)
    found = registry.find("models", name)
    done: list[Fetched] = []
    for one in found.members or (found,):
        card = registry.card(one.name)
        settings = config.tables.get("models", {}).get(one.name, {})
        text = settings.get("weights") or (card.weights[0] if card.weights else "")
        if card.extra is None or card.sends_frames_away or not text:
            done.append(Fetched(one.name, None))
            continue
        folder = weights.on_this_machine(text)
        if folder is None:
            need_packages(f"model {one.name!r}", ("huggingface_hub",), card.extra)
            with shown_while(one.name) as watch:
                folder = weights.fetch(text, offline=False, watch=watch)
        done.append(Fetched.of(one.name, folder, weights.files(folder)))
    if as_json:
        print_json([dataclasses.asdict(each) for each in done])
    else:
        tell(*(each.line for each in done))


@expand_groups
def check(
    *,
    name: Name,
    as_json: AsJson = False,
    device: DeviceOptions,
    given: SettingOptions,
    messages: MessageOptions,
) -> None:
    """Ask a model about a known picture, and compare its answers with those of its card.

    Raises:
        ModelError: They are others.
    """
    messages.set_up()
    from videoseg import registry
    from videoseg.jobs.model_check import answers_of, difference, known_picture

    config = given.in_force(device, model=name)
    card = registry.card(name)
    model = config.part("models", name)
    try:
        found = answers_of(model, card, known_picture(config))
    finally:
        registry.release(model, "the model")
    expected = {each.question: each for each in card.figures}
    wrong = {
        each.question: difference(each, expected[each.question])
        for each in found
        if each.question in expected
    }
    if as_json:
        rows = [dataclasses.asdict(each) for each in found]
        print_json([{**row, "difference": wrong.get(row["question"])} for row in rows])
    else:
        tell(*(_figure_line(each, wrong.get(each.question)) for each in found))
        if not expected:
            tell(
                f"the card of {name!r} has no figures to compare with; if these are right, they "
                "belong into it:",
                *(f"    {each!r}," for each in found),
            )
    if any(wrong.values()):
        what = "; ".join(f"{question}: {why}" for question, why in wrong.items() if why)
        raise ModelError(f"model {name!r} answers otherwise than its card says: {what}")


def _figure_line(figure: Figure, difference: str | None) -> str:
    """One answer for people."""
    verdict = {None: "nothing to compare with", "": "as the card says"}.get(difference, difference)
    if not figure.count:
        return f"{figure.question}: nothing found ({verdict})"
    box = ", ".join(f"{value:g}" for value in figure.box)
    return (
        f"{figure.question}: {figure.count} found, best score {figure.score:.3f}, box {box}, "
        f"{figure.area} pixels ({verdict})"
    )


def _list(*, as_json: bool) -> None:
    """Print all models."""
    from videoseg import registry
    from videoseg.config.model_choice import is_present

    for each in registry.broken("models"):
        _log.warning("%s", each)
    cards = [registry.card(name) for name in registry.names("models")]
    here = {card.name: is_present(card) for card in cards}
    if as_json:
        plain = [
            {**dataclasses.asdict(card), "kinds": sorted(card.kinds), "present": here[card.name]}
            for card in cards
        ]
        print_json(plain)
        return
    for card in cards:
        where = "on this machine" if here[card.name] else "not on this machine"
        tell(f"{card.name}  ({card.megabytes:g} MB, {card.licence}; {where})")
        tell(f"  {card.summary}")
        if card.grounds:
            tell(f"  pairs with any model that takes boxes: --model {card.name}+sam2.1-tiny")
        tell(f"  takes: {', '.join(sorted(card.kinds))}")
        if "text" in card.kinds:
            phrases = "any phrase" if card.open_vocabulary else "a fixed list of things"
            tell(f"  words: {phrases}")
        if card.memory:
            tell(f"  memory: about {card.memory / 1000:.1f} GB, half in bf16")
        if card.extra is not None:
            tell(f"  needs: pip install 'videoseg[{card.extra}]'")
        if card.sends_frames_away:
            tell("  sends frames to a service")
