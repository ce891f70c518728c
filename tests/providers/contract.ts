/**
 * What every vendor's provider promises, whatever its wire: run on each of
 * them, against its stand-in.
 *
 * @module
 */
import {
  assertEquals,
  assertLess,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import * as z from "zod";
import { askWithTools } from "../../src/conversation/tool_loop.ts";
import { tool } from "../../src/conversation/tools.ts";
import {
  type Provider,
  ProviderError,
  type ProviderPart,
  type ToolCall,
} from "../../src/providers/provider.ts";
import {
  type CommonAnswer,
  type Fake,
  nextQuestion,
  type Script,
  splitAt,
} from "../fakes/_wire.ts";
import { ask, askInVain, question, weather } from "./_ask.ts";
import { deadUrl, serveOn } from "./_diagnose.ts";

/** A vendor, and what its tests need. */
export interface Vendor {
  /** The beginning of its tests' names, such as `gemini.create()`. */
  title: string;
  /** The variable of its address. */
  addressEnv: string;
  /** Creates its provider, with the key `test-key` if it takes one. */
  create(url: string): Provider;
  /** Starts its stand-in. */
  start(script: Script<CommonAnswer>): Fake;
  /** Answers in the vendor's wire format, as they stand in `fixtures/`. */
  fixtures: Fixture[];
}

/** An answer, and how it is read. */
export interface Fixture {
  /** From `fixtures/`. */
  path: string;
  /** The text. Default: none. */
  says?: string;
  /** The tool calls. Default: none. */
  calls?: Pick<ToolCall, "name" | "arguments">[];
  /** The error, if there is one. */
  fails?: string;
}

/** The calls among an answer's parts. */
export function callsOf(parts: readonly ProviderPart[]): ToolCall[] {
  return parts.filter((part) => part.type === "tool-call")
    .map(({ call }) => call);
}

/** Has a model ask a tool for the weather twice, once with a wrong argument. */
export async function talkOfWeather(provider: Provider): Promise<string> {
  let text = "";
  await askWithTools({
    provider,
    tools: [tool({
      ...weather,
      parameters: z.object({ city: z.string() }),
      run: ({ city }) => `Sunny in ${city}`,
    })],
    system: "Be brief.",
    messages: [{ role: "user", text: "The weather?" }],
    context: {
      conversationId: "conv",
      turnId: "t1",
      metadata: {},
      signal: new AbortController().signal,
      remember: () => Promise.resolve(),
    },
    onFailure: () => {},
    maxTokens: 1_000,
  }, (part) => {
    if (part.type === "text-delta") text += part.text;
    return true;
  });
  return text;
}

/** A failure of the model, and the expected error. */
interface Failure {
  what: string;
  answer: CommonAnswer;
  /** The text before it. Not checked if a status is sent instead. */
  text?: string;
  says: string;
  status?: number;
  retryable: boolean;
}

const FAILURES: Failure[] = [
  ...([[400, false], [403, false], [500, true], [503, true]] as const)
    .map(([status, retryable]): Failure => ({
      what: `status ${status}`,
      answer: { kind: "status", status },
      says: `${status}`,
      status,
      retryable,
    })),
  {
    what: "a proxy's page (502)",
    answer: { kind: "status", status: 502, body: "<html>Bad gateway</html>" },
    says: "502",
    status: 502,
    retryable: true,
  },
  {
    what: "an empty answer",
    answer: { kind: "empty" },
    says: "empty",
    retryable: false,
  },
  {
    what: "an answer that reached its limit without a word",
    answer: { kind: "max-tokens" },
    says: "limit of tokens",
    retryable: false,
  },
  {
    what: "a connection cut in mid-answer",
    answer: { kind: "cut", chunks: ["Well, "] },
    text: "Well, ",
    says: "read",
    retryable: true,
  },
  {
    what: "a connection cut in mid-line",
    answer: { kind: "cut", chunks: ["Well, "], midLine: true },
    text: "Well, ",
    says: "read",
    retryable: true,
  },
  {
    what: "a body that ends too early",
    answer: { kind: "unfinished", chunks: ["Well, "] },
    text: "Well, ",
    says: "broke off",
    retryable: true,
  },
];

/** Runs the suite on a vendor. */
export function testVendor(vendor: Vendor): void {
  const { title, create, start } = vendor;
  /** A test with a stand-in that answers so. */
  function test(
    what: string,
    script: Script<CommonAnswer>,
    body: (provider: Provider, fake: Fake) => Promise<void>,
  ): void {
    const fn = async () => {
      await using fake = start(script);
      await body(create(fake.url), fake);
    };
    const name = `${title} ${what}`;
    Deno.test({ name, sanitizeOps: true, sanitizeResources: true, fn });
  }

  testAnswers(vendor, test);
  testCancelling(test);

  for (const { what, answer, text, says, status, retryable } of FAILURES) {
    test(`fails on ${what}`, [answer], async (provider) => {
      const failed = await askInVain(provider);
      if (text !== undefined) assertEquals(failed.text, text);
      const { error } = failed;
      assertStringIncludes(error.message, says);
      assertEquals([error.status, error.retryable], [status, retryable]);
      assertEquals(error.message.includes("test-key"), false);
    });
  }

  test("says where it looked when nothing listens", [], async () => {
    const url = deadUrl();
    // Without the password, which is nothing for a log.
    const secret = url.replace("//", "//ada:p%40ss@");
    const { error } = await askInVain(create(secret));
    assertStringIncludes(error.message, `Cannot reach `);
    assertStringIncludes(error.message, url);
    assertEquals([error.retryable, error.status], [true, undefined]);
  });

  test("can be checked without spending tokens", [], async (provider, fake) => {
    const { signal } = new AbortController();
    await provider.check(signal);
    assertEquals(
      fake.requests.some(({ path }) => /chat|stream/.test(path)),
      false,
    );
    await fake.close();
    await assertRejects(() => provider.check(signal), ProviderError, "reach");
  });

  test(
    "never follows a redirect, which could carry the key elsewhere",
    [],
    async () => {
      let reached = 0;
      await using elsewhere = serveOn(() => {
        reached++;
        return new Response();
      });
      for (const status of [301, 302, 307, 308]) {
        await using server = serveOn(() =>
          Response.redirect(`${elsewhere.url}/taken`, status)
        );
        const provider = create(server.url);
        const { error } = await askInVain(provider);
        const { signal } = new AbortController();
        const checked = await assertRejects(
          () => provider.check(signal),
          ProviderError,
        );
        for (const { message, retryable } of [error, checked]) {
          assertStringIncludes(message, `redirects to another address`);
          assertStringIncludes(message, `set ${vendor.addressEnv} to`);
          assertEquals(retryable, false);
        }
      }
      assertEquals(reached, 0);
    },
  );
}

type Test = (
  what: string,
  script: Script<CommonAnswer>,
  body: (provider: Provider, fake: Fake) => Promise<void>,
) => void;

function testAnswers({ fixtures }: Vendor, test: Test): void {
  test("never speaks a thought", [{
    kind: "thought",
    thoughts: ["The caller greets me."],
    chunks: ["Good ", "day."],
  }], async (provider) => {
    assertEquals((await ask(provider)).text, "Good day.");
  });

  for (const { path, says = "", calls = [], fails } of fixtures) {
    const url = new URL(`../fixtures/${path}`, import.meta.url);
    const body = Deno.readFileSync(url);
    const cut: Script<CommonAnswer> = (_, n) => ({
      kind: "raw",
      bytes: n === 0 ? [body] : splitAt(body, n * 3),
    });
    test(`decodes ${path}, cut at any byte`, cut, async (provider) => {
      for (let n = 0; n < body.length; n += 3) {
        if (fails !== undefined) {
          const { error } = await askInVain(provider);
          assertStringIncludes(error.message, fails);
          continue;
        }
        const { text, parts } = await ask(provider);
        const called = callsOf(parts)
          .map(({ name, arguments: args }) => ({ name, arguments: args }));
        assertEquals([text, called], [says, calls]);
        assertEquals(parts.at(-1)?.type, "finish");
        // Calls without text are an answer, too.
        if (says === "") assertEquals(parts.length, calls.length + 1);
      }
    });
  }

  test("says that an answer was as long as it may be", [
    { kind: "max-tokens", chunks: ["Once upon", " a time"] },
  ], async (provider) => {
    const { parts, text } = await ask(provider, { maxTokens: 4 });
    assertEquals(text, "Once upon a time");
    const last = parts.at(-1);
    assertEquals(last?.type === "finish" && last.isCut, true);
  });

  test("tells when to ask again", [
    { kind: "status", status: 503, retryAfter: "2" },
    { kind: "status", status: 503 },
  ], async (provider) => {
    assertEquals((await askInVain(provider)).error.retryAfterMs, 2_000);
    assertEquals((await askInVain(provider)).error.retryAfterMs, undefined);
  });
}

function testCancelling(test: Test): void {
  for (const chunks of [undefined, ["Once ", "upon "]]) {
    const when = chunks ? "in mid-answer" : "before the first byte";
    test(`is cancelled within 100 ms ${when}, and alone`, [
      chunks ? { kind: "stall", chunks } : { kind: "stall" },
      { kind: "text", chunks: ["I ", "go ", "on."], delayMs: 30 },
    ], async (provider, fake) => {
      const controller = new AbortController();
      const { signal } = controller;
      let heard = 0;
      const asked = (async () => {
        for await (const _ of provider.stream(question({ signal }))) heard++;
      })();
      const request = await nextQuestion(fake);
      const other = ask(provider);
      while (heard < (chunks?.length ?? 0)) {
        await new Promise((go) => setTimeout(go));
      }
      const at = performance.now();
      controller.abort(new Error("the caller left"));
      await assertRejects(() => asked, Error, "the caller left");
      assertLess(await request.cancelled - at, 100);
      assertEquals((await other).text, "I go on.");
    });
  }

  test("is cancelled when the reader leaves the loop", [
    { kind: "stall", chunks: ["Once "] },
  ], async (provider, fake) => {
    for await (const _part of provider.stream(question())) break;
    assertEquals(await (await nextQuestion(fake)).ended, "cancelled");
  });

  test("doesn't ask at all when its signal is aborted already", [
    { kind: "text", chunks: ["Hello"] },
  ], async (provider, fake) => {
    const signal = AbortSignal.abort(new Error("gone"));
    await assertRejects(() => ask(provider, { signal }), Error, "gone");
    assertEquals(fake.requests.length, 0);
  });

  const chunks = Array.from({ length: 1_000 }, (_, n) => `word${n} `);
  // A `fetch` whose response was garbage-collected ignores its signal.
  test("is cancelled although garbage was collected", () => ({
    kind: "text",
    chunks,
    delayMs: 5,
  }), async (provider, fake) => {
    for (let n = 0; n < 5; n++) {
      const controller = new AbortController();
      const { signal } = controller;
      const asked = Array.fromAsync(provider.stream(question({ signal })));
      asked.catch(() => {});
      const request = await nextQuestion(fake);
      for (let tick = 0; tick < 3; tick++) {
        await new Promise((go) => setTimeout(go, 10));
        collectGarbage();
      }
      controller.abort();
      const late = Promise.withResolvers<string>();
      const timer = setTimeout(() => late.resolve("too late"), 2_000);
      const outcome = await Promise.race([request.ended, late.promise]);
      clearTimeout(timer);
      assertEquals(outcome, "cancelled");
    }
  });
}

function collectGarbage(): void {
  const { gc } = globalThis as { gc?: () => void };
  if (gc === undefined) {
    throw new Error("Run this through `deno task test`: it needs --expose-gc");
  }
  gc();
}
