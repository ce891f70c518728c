/**
 * A fake voice and microphone for a headless browser, which has neither. They
 * send the events of real ones, and a test controls how fast the voice speaks.
 *
 * @module
 */
import type { Page } from "./_browser.ts";

/** Installs the fakes. Runs in the page. */
export function fakeSpeech(): void {
  // deno-lint-ignore no-explicit-any -- the page's own world
  const world = globalThis as any;
  const voices = [
    { name: "Anna", lang: "de-DE", voiceURI: "anna", default: false },
    { name: "Daniel", lang: "en-GB", voiceURI: "daniel", default: true },
  ];

  world.SpeechSynthesisUtterance = class extends EventTarget {
    constructor(readonly text: string) {
      super();
    }
  };
  // deno-lint-ignore no-explicit-any -- an utterance
  const queue: any[] = [];
  let at = -1;
  // deno-lint-ignore no-explicit-any -- an utterance
  function emit(utterance: any, type: string, fields = {}) {
    utterance[`on${type}`]?.({ type, utterance, elapsedTime: 0, ...fields });
  }
  const synth = Object.assign(new EventTarget(), {
    getVoices: () => voices,
    speak(utterance: unknown) {
      world.spoken.push((utterance as { text: string }).text);
      queue.push(utterance);
    },
    cancel() {
      const [current] = queue.splice(0);
      const began = at >= 0;
      at = -1;
      if (current) {
        const error = began ? "interrupted" : "canceled";
        queueMicrotask(() => emit(current, "error", { error }));
      }
    },
  });
  Object.defineProperty(world, "speechSynthesis", { value: synth });
  world.spoken = [];
  /** Speaks a number of words of the current sentence, by default all that are left. */
  world.speakWords = (count = Infinity) => {
    const [utterance] = queue;
    if (!utterance) return false;
    const words = [...utterance.text.matchAll(/\S+/g)];
    for (let n = 0; n < count; n++) {
      if (at < 0) emit(utterance, "start");
      at++;
      const word = words[at];
      if (word === undefined) {
        queue.shift();
        at = -1;
        emit(utterance, "end");
        return true;
      }
      if (world.isMute) continue;
      emit(utterance, "boundary", {
        name: "word",
        charIndex: word.index,
        charLength: word[0].length,
      });
    }
    return true;
  };

  world.SpeechRecognition = class extends EventTarget {
    constructor() {
      super();
      world.mic = this;
    }
    start() {
      world.isHearing = true;
    }
    stop() {
      world.isHearing = false;
      // deno-lint-ignore no-explicit-any -- set by the page
      queueMicrotask(() => (this as any).onend?.({ type: "end" }));
    }
    abort() {
      this.stop();
    }
  };
  world.hear = (transcript: string, isFinal = false) => {
    const result = Object.assign([{ transcript, confidence: 0.9 }], {
      isFinal,
    });
    world.mic.onresult({ type: "result", resultIndex: 0, results: [result] });
  };
}

/** Calls a function of the fakes. */
export async function tell(page: Page, name: string, ...args: unknown[]) {
  return await page.evaluate(
    // deno-lint-ignore no-explicit-any -- the page's own world
    ([name, args]) => (globalThis as any)[name](...args),
    [name, args] as [string, unknown[]],
  );
}
