"""LiveKit Agents for Python, as a session of it asks the model: the class LLM
of its plugin for OpenAI.
"""

from _talk import HEADERS, KEY, URL, run, talk
from livekit.agents import ChatContext
from livekit.plugins import openai


async def main():
    model = openai.LLM(
        base_url=URL, api_key=KEY, model="parley", extra_headers=HEADERS
    )

    async def ask(messages):
        context = ChatContext.empty()
        for message in messages:
            context.add_message(**message)
        usage = None
        async with model.chat(chat_ctx=context) as stream:
            async for chunk in stream:
                usage = chunk.usage or usage
                if chunk.delta:
                    yield chunk.delta.content or ""
        if not usage:
            raise ValueError("No usage came, though it was asked for")

    await talk(ask)
    await model.aclose()


run(main())
