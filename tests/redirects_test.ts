/**
 * An address that sends on to another host. Keys stay with the one that the
 * owner named: whoever can have one answer with a redirect must not get them.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { sendEvent } from "../src/platforms/layercode/client.ts";
import { message, readEvents, SECRET, spoken } from "./fakes/layercode.ts";
import { startServer } from "./fakes/server.ts";

const KEY = "a-key-for-tests-that-stays-here";

/** What reaches a host that nobody named. */
function startThief() {
  const taken: string[] = [];
  const quiet = { hostname: "127.0.0.1", port: 0, onListen() {} };
  const thief = Deno.serve(quiet, async (request) => {
    const headers = JSON.stringify([...request.headers]);
    taken.push(`${request.url} ${headers} ${await request.text()}`);
    return new Response("{}");
  });
  let asked = 0;
  const named = Deno.serve(quiet, async (request) => {
    asked++;
    await request.body?.cancel();
    const { pathname, search } = new URL(request.url);
    // Another name is another host.
    const to = `http://localhost:${thief.addr.port}${pathname}${search}`;
    return Response.redirect(to, 307);
  });
  return {
    url: `http://127.0.0.1:${named.addr.port}`,
    taken,
    wasAsked: () => asked > 0,
    [Symbol.asyncDispose]: async () => {
      await Promise.all([named.shutdown(), thief.shutdown()]);
    },
  };
}

const VENDORS: Record<string, (url: string) => Record<string, string>> = {
  gemini: (url) => ({
    GEMINI_BASE_URL: url,
    GOOGLE_GENERATIVE_AI_API_KEY: KEY,
  }),
  openai: (url) => ({
    OPENAI_BASE_URL: url,
    OPENAI_API_KEY: KEY,
    OPENAI_MODEL: "m",
  }),
  ollama: (url) => ({ OLLAMA_HOST: url, OLLAMA_MODEL: "m" }),
};

for (const [vendor, toEnv] of Object.entries(VENDORS)) {
  Deno.test(`main.ts follows no redirect of ${vendor}'s address to another host`, async () => {
    await using thief = startThief();
    await using server = await startServer({
      // All of the network, so that no permission stands before the thief.
      flags: ["-A"],
      env: {
        LLM_PROVIDER: vendor,
        ...toEnv(thief.url),
        LAYERCODE_WEBHOOK_SECRET: SECRET,
      },
    });
    const line = { url: `${server.url}/agent`, secret: SECRET };
    const response = await sendEvent(message("Hello"), line);
    assertStringIncludes(spoken(await readEvents(response)), "Sorry");
    await (await fetch(`${server.url}/ready`)).body?.cancel();
    assert(thief.wasAsked());
    assertEquals(thief.taken, []);
    assertEquals(JSON.stringify(server.lines).includes(KEY), false);
  });
}
