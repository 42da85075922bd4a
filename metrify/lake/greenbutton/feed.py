"""A Green Button feed as a stream: its entries one by one, and the values of its blocks, in bounded memory."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from metrify.errors import UnreadableFile
from metrify.lake.greenbutton.codes import ATOM, ESPI

__all__ = ["Block", "Entry", "Feed", "entries", "opened"]

WANTED = "Green Button (ESPI XML)"
PIECE = 1 << 16
MOST = 1 << 18
"""Values of an entry that wait for its end; those of a longer one come in parts."""
LONGEST = 1 << 16
"""Characters that one element may hold: a feed has none near it, what goes on and on would fill the memory."""
DECLARES = "it declares a DTD or entities, which can swell without end or read other files; no feed needs them: refused"
_KINDS = {f"{ESPI}}}{name}": name for name in ("UsagePoint", "MeterReading", "ReadingType", "IntervalBlock")}
_LEAVES = {f"{ESPI}}}{name}": name for name in ("start", "duration", "value", "quality")}
_INTERVAL = f"{ESPI}}}interval"
_LEAVES[f"{ESPI}}}ReadingQuality"] = "quality"  # some write the number without an element of its own
_VALUES = ("start", "duration", "value", "quality")
_READING, _BLOCK, _ENTRY, _FEED = (
    f"{ESPI}}}IntervalReading",
    f"{ESPI}}}IntervalBlock",
    f"{ATOM}}}entry",
    f"{ATOM}}}feed",
)


@dataclass
class Block:
    """Values of one IntervalBlock (or a part of a long one) as they are written; None where there is none."""

    start: list[str | None] = field(default_factory=list)
    duration: list[str | None] = field(default_factory=list)
    value: list[str | None] = field(default_factory=list)
    quality: list[str | None] = field(default_factory=list)
    """of several ReadingQualities all, with a blank between them"""

    def taken(self) -> Block:
        """All values so far; none stays."""
        found = Block(*(list(getattr(self, name)) for name in _VALUES))
        for name in _VALUES:
            getattr(self, name).clear()
        return found


@dataclass
class Entry:
    """One entry of a feed: what it is, its links, its title and the elements that it holds."""

    kind: str = ""
    links: dict[str, list[str]] = field(default_factory=dict)
    """addresses by their relation: self, up, related"""
    title: str = ""
    told: dict[str, str] = field(default_factory=dict)
    """text by name of element; those of a service point's mRID and name are under ServiceDeliveryPoint/..."""
    blocks: list[Block] = field(default_factory=list)


def entries(path: Path, *, values: bool) -> Iterator[Entry]:
    """The entries of a feed in their order; without `values` blocks are passed over, with them an entry of blocks may
    come in several parts.

    Raises UnreadableFile for what is no XML, no ESPI feed, cut off, or holds a DTD or entities: those can be bombs or
    fetch other files, and no feed needs them.
    """
    feed = Feed(path, values)
    with opened(path) as file:
        while piece := file.read(PIECE):
            feed.take(piece)
            yield from feed.done()
    feed.end()
    yield from feed.done()


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """The file, unpacked where it is gzipped. Raises UnreadableFile."""
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
            yield file
    except (OSError, EOFError) as error:
        raise UnreadableFile(path, WANTED, error) from error


class Feed:
    """A parser that is fed pieces of a file and gives entries."""

    def __init__(self, path: Path, values: bool):
        self._path, self._values = path, values
        self._parser = DefusedXMLParser(target=object(), forbid_dtd=True)
        self._expat: Any = self._parser.parser
        self._expat.buffer_text = True
        self._expat.DefaultHandlerExpand = None
        self._depth = 0
        self._entry: Entry | None = None
        self._found: list[Entry] = []
        self._words: list[str] = []
        self._path_inside: list[str] = []
        self._block = Block()
        self._is_espi = False
        self._listen(self._start, self._stop, self._words.append)

    def take(self, piece: bytes) -> None:
        with self._readable():
            self._parser.feed(piece)
        if len(self._words) > 1 and sum(map(len, self._words)) > LONGEST:
            self._refuse(f"an element holds more than {LONGEST:,} characters")

    def end(self) -> None:
        with self._readable():
            self._parser.close()
        if not self._is_espi:
            raise UnreadableFile(self._path, WANTED, f"none of its elements is of the namespace {ESPI}")

    def done(self) -> Iterator[Entry]:
        """The entries that are whole by now, and the values so far of the one that is not."""
        found, self._found = self._found, []
        yield from found
        if len(self._block.value) > MOST and self._entry:
            yield Entry("IntervalBlock", self._entry.links, self._entry.title, {}, [self._block.taken()])

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except ParseError as error:
            raise UnreadableFile(self._path, WANTED, f"line {error.position[0]}: {error.msg}") from error
        except DefusedXmlException as error:
            why = f"line {self._expat.CurrentLineNumber}: {DECLARES}"
            raise UnreadableFile(self._path, WANTED, why, "Take the file as the utility made it.") from error

    def _refuse(self, why: str) -> None:
        raise UnreadableFile(self._path, WANTED, f"line {self._expat.CurrentLineNumber}: {why}")

    def _listen(self, start: Callable | None, stop: Callable, text: Callable | None) -> None:
        self._expat.StartElementHandler, self._expat.EndElementHandler = start, stop
        self._expat.CharacterDataHandler = text

    def _start(self, name: str, attributes: list[str]) -> None:
        self._words.clear()
        self._depth += 1
        if self._depth == 1 and name != _FEED:
            self._refuse(f"it begins with <{name.rpartition('}')[2]}>, not with an Atom <feed>")
        if name == _ENTRY:
            self._entry = Entry()
        elif self._entry is not None:
            self._inside(name, attributes)

    def _inside(self, name: str, attributes: list[str]) -> None:
        entry = self._entry
        assert entry is not None
        self._path_inside.append(name.rpartition("}")[2])
        if name == f"{ATOM}}}link":
            told = dict(zip(attributes[::2], attributes[1::2], strict=True))
            entry.links.setdefault(told.get("rel", "self"), []).append(told.get("href", ""))
        elif name in _KINDS and not entry.kind:
            entry.kind = _KINDS[name]
        self._is_espi = self._is_espi or name.startswith(ESPI)
        if name == _BLOCK:
            self._words.clear()
            self._listen(None, *((self._in_block(), self._words.append) if self._values else (self._pass, None)))

    def _stop(self, name: str) -> None:
        self._depth -= 1
        entry, text = self._entry, "".join(self._words).strip()
        if name == _ENTRY and entry is not None:
            if self._block.value:
                entry.blocks.append(self._block.taken())
            self._found.append(entry)
            self._entry, self._path_inside = None, []
        elif entry is not None:
            self._leave(entry, name, text)
        self._words.clear()

    def _leave(self, entry: Entry, name: str, text: str) -> None:
        if name == f"{ATOM}}}title":
            entry.title = text
        elif text and name.startswith(ESPI):
            entry.told.setdefault("/".join(self._path_inside[2:]), text)
        self._path_inside.pop()

    def _pass(self, name: str) -> None:
        """Passes over all of a block."""
        if name == _BLOCK:
            self._leave_block()

    def _leave_block(self) -> None:
        self._depth -= 1
        self._path_inside.pop()
        self._words.clear()
        self._listen(self._start, self._stop, self._words.append)

    def _in_block(self) -> Callable[[str], None]:
        """Takes the values of a block, of which there are millions: no start of an element, no look at `self`."""
        words, block, leaves, reading = self._words, self._block, _LEAVES, {}
        taken = [(name, getattr(block, name).append) for name in _VALUES]

        def stop(name: str) -> None:
            leaf = leaves.get(name)
            if leaf is not None:
                text = "".join(words).strip()
                if text:
                    reading[leaf] = f"{reading[leaf]} {text}" if leaf in reading else text
            elif name == _READING:
                for key, append in taken:
                    append(reading.get(key))
                reading.clear()
            elif name == _INTERVAL:
                reading.clear()  # the whole block's, not a reading's
            elif name == _BLOCK:
                self._leave_block()
            words.clear()

        return stop
