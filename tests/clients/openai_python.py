"""OpenAI's own package for Python."""

from _talk import HEADERS, KEY, URL, run, talk
from openai import AsyncOpenAI

client = AsyncOpenAI(
    base_url=URL, api_key=KEY, default_headers=HEADERS, max_retries=0
)


async def ask(messages):
    models = await client.models.list()
    usage = None
    async with await client.chat.completions.create(
        model=models.data[0].id,
        messages=messages,
        stream=True,
        stream_options={"include_usage": True},
    ) as stream:
        async for chunk in stream:
            usage = chunk.usage or usage
            if chunk.choices:
                yield chunk.choices[0].delta.content or ""
    if not usage:
        raise ValueError("No usage came, though it was asked for")


run(talk(ask))
