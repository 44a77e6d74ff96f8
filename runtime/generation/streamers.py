"""Text while it is being generated."""

from __future__ import annotations

import asyncio
import queue
import unicodedata
from typing import Any, Self

from ..errors import InputError
from .values import to_numpy

IDEOGRAPHS = ("CJK UNIFIED IDEOGRAPH", "CJK COMPATIBILITY IDEOGRAPH")


class BaseStreamer:
    """What receives tokens: the prompt first, then each step's; `end` follows the last."""

    def put(self, value: Any) -> None:
        """Receives ids int [b] of a step, or [b, s] of a prompt."""
        raise NotImplementedError(f"{type(self).__name__} has no put")

    def end(self) -> None:
        """Is told that no more will follow."""
        raise NotImplementedError(f"{type(self).__name__} has no end")


class TextStreamer(BaseStreamer):
    """Prints the text of one sequence, word by word.

    The end of a text is held back until a space, a line's end or an ideograph shows that later
    tokens will not change it. `decode_kwargs` go to `tokenizer.decode(ids, ...)`.
    """

    def __init__(self, tokenizer: Any, skip_prompt: bool = False, **decode_kwargs: Any):
        self.tokenizer = tokenizer
        self.skip_prompt = skip_prompt
        self.decode_kwargs = decode_kwargs
        self._begin()

    def put(self, value: Any) -> None:
        """Takes tokens, and prints what is certain of their text."""
        tokens = to_numpy(value)
        if tokens.ndim > 1 and len(tokens) != 1:
            expected = "a batch of 1"
            raise InputError(key="streamer", expected=expected, found=str(len(tokens)))
        is_prompt, self._prompt_ahead = self._prompt_ahead, False
        if is_prompt and self.skip_prompt:
            return
        self._tokens += tokens.reshape(-1).tolist()
        text = self._text()
        piece = text[self._shown : _certain(text)]
        self._shown += len(piece)
        if text.endswith("\n"):  # nothing before a line's end will change
            self._tokens, self._shown = [], 0
        self.on_finalized_text(piece)

    def end(self) -> None:
        """Prints what was held back; the next tokens are another prompt."""
        piece = self._text()[self._shown :] if self._tokens else ""
        self._begin()
        self.on_finalized_text(piece, stream_end=True)

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
        """Is given each piece of text; to be overridden for other uses than printing."""
        print(text, end="\n" if stream_end else "", flush=True)

    def _begin(self) -> None:
        self._tokens: list[int] = []
        self._shown = 0  # characters of these tokens' text
        self._prompt_ahead = True

    def _text(self) -> str:
        return self.tokenizer.decode(self._tokens, **self.decode_kwargs)


class TextIteratorStreamer(TextStreamer):
    """An iterator over pieces of text, while `generate` runs in another thread.

    Waiting longer than `timeout` seconds for a piece raises queue.Empty.
    """

    def __init__(
        self,
        tokenizer: Any,
        skip_prompt: bool = False,
        timeout: float | None = None,
        **decode_kwargs: Any,
    ):
        super().__init__(tokenizer, skip_prompt, **decode_kwargs)
        self.text_queue: queue.Queue[str | None] = queue.Queue()
        self.timeout = timeout

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
        """Hands the piece to the iterator."""
        self.text_queue.put(text, timeout=self.timeout)
        if stream_end:
            self.text_queue.put(None, timeout=self.timeout)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        piece = self.text_queue.get(timeout=self.timeout)
        if piece is None:
            raise StopIteration
        return piece


class AsyncTextIteratorStreamer(TextStreamer):
    """An asynchronous iterator over pieces of text, while `generate` runs in another thread.

    Is made within a coroutine, in whose loop the pieces arrive. Waiting longer than `timeout`
    seconds for a piece raises TimeoutError.
    """

    def __init__(
        self,
        tokenizer: Any,
        skip_prompt: bool = False,
        timeout: float | None = None,
        **decode_kwargs: Any,
    ):
        super().__init__(tokenizer, skip_prompt, **decode_kwargs)
        self.text_queue: asyncio.Queue[str | None] = asyncio.Queue()
        self.timeout = timeout
        self.loop = asyncio.get_running_loop()

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
        """Hands the piece to the iterator."""
        self.loop.call_soon_threadsafe(self.text_queue.put_nowait, text)
        if stream_end:
            self.loop.call_soon_threadsafe(self.text_queue.put_nowait, None)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        async with asyncio.timeout(self.timeout):
            piece = await self.text_queue.get()
        if piece is None:
            raise StopAsyncIteration
        return piece


def _certain(text: str) -> int:
    """How many characters of a text no later token will change."""
    if text.endswith("\n") or unicodedata.name(text[-1:] or "\0", "").startswith(IDEOGRAPHS):
        return len(text)
    return text.rfind(" ") + 1
