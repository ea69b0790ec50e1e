"""What the embedded model does with the nouns for things that people use most.

    python -m benchmarks.everyday_nouns [--wordnet /usr/share/wordnet] [--nouns 1000] [--table CSV]

The list is made when it is asked for: English words by frequency, from the package ``wordfreq``
(``pip install wordfreq``), of which those are kept whose likeliest meaning in WordNet 3.0 (Debian
package ``wordnet-base``) is a thing that a camera can see. For each word: ``name`` (found as what
it says), ``group`` (found as something wider or narrower, which a run says aloud) or ``refused``
(with the advice to mark it). Then the same for the phrases of ``everyday_phrases.txt``.
"""

from __future__ import annotations

import argparse
import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from videoseg.errors import UnknownPhraseError
from videoseg.models.embedded.language.parser import parse
from videoseg.models.embedded.language.vocabulary import vocabulary

_SEEN = {5: "animal", 6: "artefact", 8: "body", 13: "food", 17: "object", 18: "person", 20: "plant"}
"""WordNet's files of nouns (``lexnames(5WN)``) whose words name what a camera can see."""
_CANDIDATES = 20_000
"""Words of the list that are looked through, most frequent first."""
_PHRASES = Path(__file__).with_name("everyday_phrases.txt")


def main() -> None:
    """Print the counts and, if asked for, write the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--wordnet", type=Path, default=Path("/usr/share/wordnet"))
    parser.add_argument("--nouns", type=int, default=1000)
    parser.add_argument("--table", type=Path, help="where to write what each word does")
    given = parser.parse_args()
    rows = [(word, *what_it_does(word)) for word in _concrete(given.wordnet, given.nouns)]
    _print("nouns", [kind for _, kind, _ in rows])
    phrases = _PHRASES.read_text().splitlines()
    said = [(phrase, *what_it_does(phrase)) for phrase in phrases]
    _print("phrases", [kind for _, kind, _ in said])
    print("refused: " + "; ".join(phrase for phrase, kind, _ in said if kind == "refused"))
    if given.table:
        with given.table.open("w", newline="") as file:
            csv.writer(file).writerows([("word", "found by", "what is said"), *rows, *said])


def what_it_does(phrase: str) -> tuple[str, str]:
    """How a phrase is found, and what is said of it."""
    try:
        query = parse(phrase, vocabulary())
    except UnknownPhraseError as error:
        return "refused", str(error)
    return ("group" if query.notes else "name"), "; ".join(query.notes)


def _concrete(wordnet: Path, number: int) -> Iterator[str]:
    from wordfreq import top_n_list

    senses = _first_senses(wordnet)
    found = (word for word in top_n_list("en", _CANDIDATES) if senses.get(word) in _SEEN)
    for _, word in zip(range(number), found, strict=False):
        yield word


def _first_senses(wordnet: Path) -> dict[str, int]:
    """WordNet's file of the likeliest meaning of each word; of other than nouns less than 0."""
    files: dict[str, int] = {}
    for line in (wordnet / "data.noun").read_text().splitlines():
        if not line.startswith("  "):
            offset, file = line.split()[:2]
            files[offset] = int(file)
    likeliest = {}
    for line in (wordnet / "index.noun").read_text().splitlines():
        if not line.startswith("  "):
            fields = line.split()
            likeliest[fields[0]] = files[fields[-int(fields[2])]]
    uses: dict[str, Counter[int]] = {}
    for line in (wordnet / "cntlist.rev").read_text().splitlines():
        key, _, count = line.split()
        word, _, rest = key.partition("%")
        part, number = (int(each) for each in rest.split(":")[:2])
        uses.setdefault(word, Counter())[number if part == 1 else -part] += int(count)
    return likeliest | {word: counts.most_common(1)[0][0] for word, counts in uses.items()}


def _print(name: str, kinds: list[str]) -> None:
    counts = Counter(kinds)
    each = ", ".join(f"{kind} {counts[kind]}" for kind in ("name", "group", "refused"))
    print(f"{len(kinds)} {name}: {each}")


if __name__ == "__main__":
    main()
