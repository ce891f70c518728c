"""Pipecat: its OpenAILLMService in a pipeline that a caller interrupts."""

import asyncio

from _talk import HEADERS, KEY, URL, run, talk
from pipecat.frames.frames import (
    EndFrame,
    FunctionCallsStartedFrame,
    InterruptionFrame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.services.openai.llm import OpenAILLMService
from pipecat.workers.runner import WorkerRunner


ANSWER = (LLMTextFrame, FunctionCallsStartedFrame, LLMFullResponseEndFrame)


async def end_call(params, reason: str):
    """Ends the call when the caller says goodbye.

    Args:
        reason: Why it ends.
    """


class Ear(FrameProcessor):
    """Stands where a pipeline would speak, and hands out what it is to say."""

    def __init__(self):
        super().__init__()
        self.frames = asyncio.Queue()

    async def process_frame(self, frame, direction):
        await super().process_frame(frame, direction)
        await self.frames.put(frame)
        await self.push_frame(frame, direction)

    async def next(self, *kinds):
        while not isinstance(frame := await self.frames.get(), kinds):
            pass
        return frame


async def main():
    llm = OpenAILLMService(
        base_url=URL,
        api_key=KEY,
        default_headers=HEADERS,
        settings=OpenAILLMService.Settings(model="parley"),
    )
    ear = Ear()
    worker = PipelineWorker(Pipeline([llm, ear]))
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    running = asyncio.create_task(runner.run())

    async def ask(messages):
        context = LLMContext(list(messages), tools=[end_call])
        await worker.queue_frame(LLMContextFrame(context))
        # What is left of an interrupted answer comes before this.
        await ear.next(LLMFullResponseStartFrame)
        try:
            while not isinstance(
                frame := await ear.next(*ANSWER), LLMFullResponseEndFrame
            ):
                if isinstance(frame, LLMTextFrame):
                    yield frame.text
                else:
                    for call in frame.function_calls:
                        yield f"[{call.function_name}]"
        except GeneratorExit:
            await worker.queue_frame(InterruptionFrame())
            raise

    await talk(ask)
    await worker.queue_frame(EndFrame())
    await running


run(main())
