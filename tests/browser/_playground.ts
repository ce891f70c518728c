/**
 * The playground in a real browser, with the real server and a stand-in for
 * Gemini.
 *
 * @module
 */
import {
  type Fake,
  type GeminiAnswer,
  type GeminiRequestBody,
  startFakeGemini,
} from "../fakes/gemini.ts";
import { type RealServer, startServer } from "../fakes/server.ts";
import {
  newPage,
  openBrowser,
  type Page,
  type PageOptions,
  until,
} from "./_browser.ts";

/** An open page, its server and its model. */
export interface OpenPlayground extends AsyncDisposable {
  page: Page;
  server: RealServer;
  gemini: Fake<GeminiRequestBody>;
}

/** What a test may choose. */
export interface PlaygroundOptions extends PageOptions {
  /** What the model answers to a text. */
  answer?: (text: string) => GeminiAnswer;
  env?: Record<string, string>;
}

/** The model's answer unless a test sets another. */
export const BREAKFAST = [
  "Breakfast is from seven ",
  "to half past ten. ",
  "It is in the garden room. ",
  "Shall I keep you a table?",
];

/** An answer that arrives slowly and never ends, so that it can be interrupted. */
export function endless(...chunks: string[]): GeminiAnswer {
  return { kind: "stall", chunks, delayMs: 20 };
}

/** Opens the page and waits for the welcome. */
export async function openPlayground(
  options: PlaygroundOptions = {},
): Promise<OpenPlayground> {
  const { env, answer, ...pageOptions } = options;
  await using stack = new AsyncDisposableStack();
  const gemini = stack.use(startFakeGemini(({ body }) => {
    const text = body?.contents?.at(-1)?.parts?.map(({ text = "" }) => text)
      .join("") ?? "";
    return answer?.(text) ??
      { kind: "text", chunks: BREAKFAST, firstChunkAfterMs: 30, delayMs: 15 };
  }));
  const server = stack.use(
    await startServer({
      env: {
        LLM_PROVIDER: "gemini",
        GOOGLE_GENERATIVE_AI_API_KEY: "test-key",
        GEMINI_BASE_URL: gemini.url,
        STALL_TIMEOUT_MS: "60000",
        ...env,
      },
    }),
  );
  const browser = stack.use(await openBrowser());
  const { page } = stack.use(await newPage(browser, pageOptions));
  await page.goto(server.url);
  if (env?.WELCOME_MESSAGE !== "") await waitForWords(page, 1, /\S/);
  const rest = stack.move();
  return {
    page,
    server,
    gemini,
    [Symbol.asyncDispose]: () => rest.disposeAsync(),
  };
}

/** Types a text and sends it by Enter. */
export async function type(page: Page, text: string): Promise<void> {
  await page.locator("#words").fill(text);
  await page.locator("#words").press("Enter");
}

/** Returns the words of the agent that the page shows in a turn, counted from 1. */
export async function wordsOf(page: Page, turn: number): Promise<string> {
  const words = page.locator(`.turn:nth-child(${turn}) .agent .words`);
  return (await words.allTextContents()).join("");
}

/** Waits until the agent has said something in a turn. */
export async function waitForWords(
  page: Page,
  turn: number,
  words: RegExp,
): Promise<void> {
  await until(
    async () => words.test(await wordsOf(page, turn)),
    `turn ${turn} has ${words}`,
  );
}

/** Waits until a turn has ended, and returns its state. */
export async function waitForEnd(page: Page, turn: number): Promise<string> {
  let state = "";
  await until(async () => {
    const element = page.locator(`.turn:nth-child(${turn})`);
    if (await element.count() === 0) return false;
    state = await element.getAttribute("data-state") ?? "";
    return !["", "waiting", "answering"].includes(state);
  }, `turn ${turn} has ended`);
  return state;
}

/** One line of a conversation's file. */
export interface Line {
  type: string;
  turnId?: string;
  text?: string;
}

/** Returns the lines that the server has stored of the page's conversation. */
export async function readConversation(
  page: Page,
  server: RealServer,
): Promise<Line[]> {
  const id = new URL(page.url()).hash.slice(1);
  const file = `${server.folder}/data/sessions/${id}.jsonl`;
  const text = await Deno.readTextFile(file);
  return text.trim().split("\n").map((line) => JSON.parse(line));
}
