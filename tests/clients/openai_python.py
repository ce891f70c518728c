"""OpenAI's own package for Python."""

from _talk import HEADERS, KEY, URL, run, talk
from openai import AsyncOpenAI

client = AsyncOpenAI(
    base_url=URL, api_key=KEY, default_headers=HEADERS, max_retries=0
)

END_CALL = {
    "name": "end_call",
    "description": "Ends the call when the caller says goodbye",
    "parameters": {
        "type": "object",
        "properties": {"reason": {"type": "string"}},
        "required": ["reason"],
    },
}


async def ask(messages):
    models = await client.models.list()
    usage = None
    async with await client.chat.completions.create(
        model=models.data[0].id,
        messages=messages,
        stream=True,
        stream_options={"include_usage": True},
        tools=[{"type": "function", "function": END_CALL}],
    ) as stream:
        async for chunk in stream:
            usage = chunk.usage or usage
            for choice in chunk.choices:
                yield choice.delta.content or ""
                for call in choice.delta.tool_calls or []:
                    yield f"[{call.function.name}]"
    if not usage:
        raise ValueError("No usage came, though it was asked for")


run(talk(ask))
