"""A caller's conversation for the programs beside it, which differ in how they
ask alone. The test that starts one tells it where and what to say in its
environment, and reads the answers as JSON from its output.
"""

import asyncio
import json
import os
from contextlib import aclosing

URL = os.environ["PARLEY_URL"]
KEY = os.environ["PARLEY_KEY"]
HEADERS = {"x-parley-conversation": os.environ["CONVERSATION"]}


async def talk(ask):
    """Has the conversation. Where a turn says so, the caller speaks over the
    agent once a word was heard, and what came after it was never played.

    `ask` takes the messages and yields the answer in pieces, a call of a tool
    as its name in brackets; when it is left early, it has to close the
    connection.
    """
    messages = []
    for turn in json.loads(os.environ["TURNS"]):
        messages.append({"role": "user", "content": turn["say"]})
        stop_after = turn.get("stopAfter")
        heard = ""
        async with aclosing(ask(messages)) as pieces:
            async for piece in pieces:
                heard += piece
                if stop_after and stop_after in heard:
                    heard = heard[: heard.index(stop_after) + len(stop_after)]
                    break
        messages.append({"role": "assistant", "content": heard})
    answers = [m["content"] for m in messages if m["role"] == "assistant"]
    # Whatever else a package prints is no line like it.
    print("\n" + json.dumps({"answers": answers}), flush=True)


def run(main):
    """Runs a program, which has a minute."""
    asyncio.run(asyncio.wait_for(main, 60))
