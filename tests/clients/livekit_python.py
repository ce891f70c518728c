"""LiveKit Agents for Python, as a session of it asks the model: the class LLM
of its plugin for OpenAI.
"""

from _talk import HEADERS, KEY, URL, run, talk
from livekit.agents import ChatContext, function_tool
from livekit.plugins import openai


@function_tool
async def end_call(reason: str):
    """Ends the call when the caller says goodbye."""


async def main():
    model = openai.LLM(
        base_url=URL, api_key=KEY, model="parley", extra_headers=HEADERS
    )

    async def ask(messages):
        context = ChatContext.empty()
        for message in messages:
            context.add_message(**message)
        usage = None
        async with model.chat(chat_ctx=context, tools=[end_call]) as stream:
            async for chunk in stream:
                usage = chunk.usage or usage
                if chunk.delta:
                    yield chunk.delta.content or ""
                    for call in chunk.delta.tool_calls:
                        yield f"[{call.name}]"
        if not usage:
            raise ValueError("No usage came, though it was asked for")

    await talk(ask)
    await model.aclose()


run(main())
