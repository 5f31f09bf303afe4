"""Extracted text to passages, the unit of embedding and of excerpts. Pure: the same text gives the same passages.

A passage is a run of the document's text, which is its blocks joined by line ends: `passage.text` is exactly
`document[passage.start:passage.end]`. Each block is tokenised once, and a passage's token ids are slices of its blocks'
ids; because cuts fall between words, tokenising the passage's own text would give the same ids.

How text is cut:
- A heading starts a passage, and headings in a row stay together with what follows them.
- A passage lies on one page (slide, sheet), so that its page number is true for all of it.
- Blocks in a row share a passage while they fit; a block that does not fit alone is cut at the last good place:
  a table between rows, running text after a sentence, else between words, and inside a word only when that word
  alone is longer than a passage.
- Every character that is not space belongs to exactly one passage; what the tokeniser reads as nothing at all (marks of
  no width) goes with its neighbours, and is left out where a page holds nothing else.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from vocabulary.documents import (
    Block,
    BlockKind,
    Comment,
    ExtractedText,
    Passage,
    PassageKind,
    ReadText,
    Tokens,
)

# all-MiniLM-L6-v2 was trained on at most 128 tokens and reads 256 (its model card); 200 tokens hold one or two
# paragraphs: enough context to be found by, short enough for one vector to be about one thing.
TARGET_TOKENS = 200
# Part of what says whether stored passages are still as they would be cut now; raised with any change to the cutting.
PASSAGES_VERSION = 1
_MAX_HEADING_CHARS = 200  # what a result list shows; the passage itself holds the heading in full

_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_SENTENCE_ENDS = frozenset(".!?…:;。！？؟।")
_IDEOGRAPHS = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002fa1f]")


@dataclass(frozen=True, slots=True, eq=False)
class CutPassage:
    """A passage with its `passage.token_count` tokens as the model reads them, placed in the passage's own text."""

    passage: Passage
    tokens: Tokens

    @property
    def read_text(self) -> ReadText:
        return ReadText(self.passage.text, self.tokens)


def cut_passages(
    text: ExtractedText, comments: Sequence[Comment], *, tokenise: Callable[[str], Tokens], max_tokens: int
) -> list[CutPassage]:
    """Cut a document's text, then each of its comments, into passages of at most `max_tokens`, in reading order."""
    limit = min(max_tokens, TARGET_TOKENS)
    cut: list[CutPassage] = []
    for span in _Cutter(tokenise, limit).spans(text.blocks):
        cut.append(_passage(span, ordinal=len(cut), kind=PassageKind.BODY))
    for comment in comments:
        for span in _Cutter(tokenise, limit).spans([Block(comment.text)]):
            cut.append(_passage(span, ordinal=len(cut), kind=PassageKind.COMMENT, comment=comment))
    return cut


def _passage(span: _Span, *, ordinal: int, kind: PassageKind, comment: Comment | None = None) -> CutPassage:
    passage = Passage(
        ordinal=ordinal,
        kind=kind,
        text=span.text,
        start=span.start,
        end=span.start + len(span.text),
        token_count=len(span.tokens.ids),
        page=span.page,
        heading=span.heading,
        comment_id=None if comment is None else comment.native_id,
        author=None if comment is None else comment.author or None,
        written_at=None if comment is None else comment.modified_at,
    )
    return CutPassage(passage, span.tokens)


@dataclass(frozen=True, slots=True, eq=False)
class _Span:
    """One passage before it is numbered; `start` is its place in the joined text, its tokens' is in its own."""

    tokens: Tokens
    text: str
    start: int
    page: int | None
    heading: str | None


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    """A run of one block's tokens, with the characters that belong to them: [start, end) of the joined text.

    The tokens, too, are placed in the joined text.
    """

    tokens: Tokens
    start: int
    end: int
    kind: BlockKind
    page: int | None
    heading: str | None


class _Cutter:
    """Packs the blocks of one text, cut where they must be, into passages."""

    def __init__(self, tokenise: Callable[[str], Tokens], limit: int) -> None:
        self._tokenise = tokenise
        self._limit = limit
        self._text = ""
        self._spans: list[_Span] = []
        self._pending: list[_Piece] = []
        self._pending_tokens = 0
        self._heading: str | None = None

    def spans(self, blocks: Sequence[Block]) -> list[_Span]:
        """Return the passages of a text that is given as its blocks."""
        printable = [Block(_printable(block.text), block.kind, block.page) for block in blocks]
        self._text = "\n".join(block.text for block in printable)
        position = 0
        for block in printable:
            self._add(block, position)
            position += len(block.text) + 1  # the line end that joins it to the next
        self._flush()
        return self._spans

    def _add(self, block: Block, position: int) -> None:
        if self._pending and self._starts_passage(block):
            self._flush()
        if block.kind is BlockKind.HEADING:
            self._heading = " ".join(block.text.split())[:_MAX_HEADING_CHARS] or self._heading
        tokenised = _Tokenised(block, self._tokenise(block.text))
        first = 0
        while not self._fits(tokenised.count - first):
            room = self._limit - self._pending_tokens
            last = tokenised.cut_after(first, room=room, limit=self._limit)
            if last is None and self._pending_tokens:  # its first word needs more than the headings leave
                self._flush()
                continue
            last = last or first + room
            self._append(tokenised, first, last, position)
            self._flush()
            first = last
        self._append(tokenised, first, tokenised.count, position)

    def _starts_passage(self, block: Block) -> bool:
        """Whether a block belongs to a new passage even if it fits: a new page, or a heading after text."""
        if block.page != self._pending[-1].page:
            return True
        return block.kind is BlockKind.HEADING and self._pending[-1].kind is not BlockKind.HEADING

    def _fits(self, tokens: int) -> bool:
        """Whether so many tokens fit, after ending the passage where they belong into a new one.

        Headings stay with what follows them while they leave it at least half a passage.
        """
        room = self._limit - self._pending_tokens
        if tokens <= room:
            return True
        only_headings = all(piece.kind is BlockKind.HEADING for piece in self._pending)
        if self._pending_tokens and not (only_headings and room >= max(1, self._limit // 2)):
            self._flush()
        return tokens <= self._limit - self._pending_tokens

    def _append(self, tokenised: _Tokenised, first: int, last: int, position: int) -> None:
        """Add tokens [first, last) with all characters up to the next token."""
        start = 0 if first == 0 else tokenised.start(first)
        end = len(tokenised.block.text) if last == tokenised.count else tokenised.start(last)
        block = tokenised.block
        if block.text[start:end].strip():
            tokens = tokenised.run(first, last, position)
            place = position + start, position + end
            self._pending.append(_Piece(tokens, *place, block.kind, block.page, self._heading))
            self._pending_tokens += last - first

    def _flush(self) -> None:
        """End the passage; pieces in which the tokeniser sees nothing make none of their own."""
        if self._pending_tokens:
            opening, closing = self._pending[0], self._pending[-1]
            text = self._text[opening.start : closing.end]
            start = opening.start + len(text) - len(text.lstrip())
            shown = text.strip()
            tokens = _joined([piece.tokens for piece in self._pending], start=start, characters=len(shown))
            self._spans.append(_Span(tokens, shown, start, opening.page, closing.heading))
        self._pending = []
        self._pending_tokens = 0


def _joined(runs: Sequence[Tokens], *, start: int, characters: int) -> Tokens:
    """Return runs of tokens one behind the other, placed in the text that begins at `start` and has so many characters.

    Some tokenisers count the space before a word to its token: of the first one it lies before the text.
    """
    ids = np.concatenate([run.ids for run in runs]).astype(np.int32, copy=False)
    offsets = np.clip(np.concatenate([run.offsets for run in runs]) - start, 0, characters)
    return Tokens(ids, offsets.astype(np.int32, copy=False))


@dataclass(frozen=True, slots=True, eq=False)
class _Tokenised:
    """A block with its tokens, and the places where it may be cut."""

    block: Block
    tokens: Tokens

    @property
    def count(self) -> int:
        return len(self.tokens.ids)

    def start(self, token: int) -> int:
        """Return the offset of a token's first character in the block."""
        return int(self.tokens.offsets[token, 0])

    def run(self, first: int, last: int, position: int) -> Tokens:
        """Return tokens [first, last), placed in a text in which the block begins at `position`."""
        return Tokens(self.tokens.ids[first:last], self.tokens.offsets[first:last] + np.int32(position))

    def cut_after(self, first: int, *, room: int, limit: int) -> int | None:
        """Return where to end a piece of at most `room` tokens that starts at token `first`; None: inside a word."""
        left = self.count - first
        # The last two pieces share what is left, so that no passage of three words remains.
        fair = room if left >= 2 * limit else min(room, left // 2 + limit // 8)
        is_good = self._is_row_end if self.block.kind is BlockKind.TABLE else self._is_sentence_end
        at_space = (
            (is_good, first + fair, first + fair // 2),
            (self._is_space, first + fair, first),
            (self._is_space, first + room, first + fair),
        )
        inside = ((self._is_between_words, first + room, first),)
        for is_place, latest, earliest in (at_space if self._has_space(first, room) else ()) + inside:
            for cut in range(latest, earliest, -1):
                if is_place(cut):
                    return cut
        return None

    def _has_space(self, first: int, room: int) -> bool:
        """Whether looking for spaces is worth the time; in a file of one endless line it is not."""
        return len(self.block.text[self.start(first) : self.start(first + room) + 1].split(maxsplit=1)) > 1

    def _gap(self, token: int) -> str:
        """Return the characters between a token and the one before it."""
        return self.block.text[int(self.tokens.offsets[token - 1, 1]) : self.start(token)]

    def _is_row_end(self, token: int) -> bool:
        return "\n" in self._gap(token)

    def _is_sentence_end(self, token: int) -> bool:
        gap = self._gap(token)
        before = int(self.tokens.offsets[token - 1, 1]) - 1
        if self.block.text[before] not in _SENTENCE_ENDS:
            return False
        return gap[:1].isspace() or self.block.text[before] in "。！？"

    def _is_space(self, token: int) -> bool:
        """Whether space parts two tokens; some tokenisers count it to the second."""
        return any(map(str.isspace, self._gap(token))) or self.block.text[self.start(token)].isspace()

    def _is_between_words(self, token: int) -> bool:
        """Whether two words meet here without a space: at punctuation, or between ideographs."""
        if self._gap(token) or self.start(token) != int(self.tokens.offsets[token - 1, 1]):
            return False
        at = self.start(token)
        return _stands_alone(self.block.text[at - 1]) or _stands_alone(self.block.text[at])


def _stands_alone(character: str) -> bool:
    """Whether word-piece tokenisers take a character for a word of its own. Source: BERT's BasicTokenizer."""
    if character.isascii():
        return character.isprintable() and not character.isalnum() and character != " "
    return unicodedata.category(character).startswith("P") or _IDEOGRAPHS.match(character) is not None


def _printable(text: str) -> str:
    """Replace control characters one for one, so that offsets stay true."""
    return _SURROGATES.sub("\ufffd", _CONTROLS.sub(" ", text))
