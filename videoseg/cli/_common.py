"""Options that several verbs share."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

Assign: TypeAlias = Annotated[
    list[str] | None, typer.Option("--set", metavar="PART.KEY=VALUE", help="One setting.")
]
Outputs: TypeAlias = Annotated[
    list[str] | None, typer.Option(metavar="NAME", help="Output to make; repeat for several.")
]
Moved: TypeAlias = Annotated[
    str | None, typer.Option("--input", metavar="INPUT", help="Where the input is now.")
]
Overwrite: TypeAlias = Annotated[
    bool, typer.Option("--overwrite", help="Replace outputs of an earlier run.")
]
AsJson: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Print a summary as JSON on stdout.")
]
Quiet: TypeAlias = Annotated[bool, typer.Option("-q", "--quiet", help="Say nothing but errors.")]
