/// <reference lib="dom" />
/**
 * The voice page in a real browser with Layercode's real SDK, which talks to
 * the real server and, for Layercode, to a stand-in.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { SDK } from "../../src/web/voice/mod.ts";
import { findInaccessible, isTooWide, until } from "./_browser.ts";
import {
  AGENT,
  connect,
  KEY,
  record,
  sdk,
  SECRET,
  serveSdk,
  test,
} from "./_voice.ts";

test("carries a text message to the agent and its answer back", async (scene) => {
  const { page, platform, status, log } = scene;
  const everything = record(page);
  await page.reload();
  await connect(page);
  await status(/^Connected/);
  await until(
    async () => (await log()).includes("Welcome!"),
    "the welcome is shown",
  );

  await page.getByLabel("What you say").fill("Do you hear me?");
  await page.keyboard.press("Enter");
  await until(
    async () => (await log()).includes("message number 1"),
    "the agent answers",
  );
  assertStringIncludes(await log(), "You said: Do you hear me?");
  // Layercode sends typed text back; the page shows it once.
  assertEquals((await log()).match(/^Do you hear me\?$/gm)?.length, 1);
  assertEquals(platform.authorized, [{ agent_id: AGENT }]);
  const types = platform.messages.map(({ type }) => type);
  assert(types.includes("client.ready"));
  // The SDK reports when it has played the whole answer.
  const played = "trigger.response.audio.replay_finished";
  await until(
    () => platform.messages.some(({ type }) => type === played),
    "the answer was heard",
  );

  platform.tell({ order: { id: 7 } });
  await until(async () => (await log()).includes('"id":7'), "data is shown");
  platform.hear("What about ", "tomorrow?");
  await until(
    async () => (await log()).includes("You said: What about tomorrow?"),
    "the agent answers what it hears",
  );
  assertMatch(await log(), /^What about tomorrow\?$/m);
  assertEquals((await log()).includes("WHAT ABOUT"), false);
  const seen = await everything();
  assertStringIncludes(seen, "client.response.text");
  assertEquals(seen.includes(KEY), false, "The API key is in the browser");
  assertEquals(seen.includes(SECRET), false, "The secret is in the browser");
});

/** Deno up to 2.5 closes a socket twice, and Chromium logs that. */
const DROPPED = { mayLog: /^WebSocket/ };

test("continues the conversation after a lost connection", async (scene) => {
  const { page, platform, status, log } = scene;
  await connect(page);
  await status(/^Connected/);
  const id = await page.locator("#id").innerText();
  assertMatch(id, /^conv_/);
  platform.drop();
  await status(/connection was lost/);
  assertEquals(await page.getByLabel("What you say").isDisabled(), true);
  await connect(page);
  await status(/^Connected/);
  await until(
    async () => (await log()).includes("Welcome back"),
    "the conversation continues",
  );
  assertEquals(platform.authorized.at(-1)?.conversation_id, id);

  await page.getByRole("button", { name: "Disconnect" }).click();
  await status(/^Not connected/);
}, DROPPED);

test("sends what the microphone hears", async (scene) => {
  const { page, platform, status } = scene;
  await connect(page);
  await status(/^Connected\. Speak/);
  await until(() => platform.sounds > 0, "sound arrives");
});

/** The SDK and the browser log the same errors in the console. */
const LOGGED_ERRORS = {
  mayLog: /Error connecting|Failed to load|denined|WebSocket|starting recorder/,
};

test("says why Layercode refuses", async (scene) => {
  const { page, platform, status } = scene;
  platform.refusal = { status: 402, error: "insufficient_balance" };
  await connect(page);
  await status(/402: insufficient_balance/);
  platform.refusal = undefined;
  await connect(page);
  await status(/^Connected/);
}, LOGGED_ERRORS);

test(
  "says that the server is unreachable, and connects once it is back",
  async (scene) => {
    const { page, status } = scene;
    await page.route("**/authorize", (route) => route.abort());
    await connect(page);
    await status(/^Parley can't be reached/);
    await page.unroute("**/authorize");
    await connect(page);
    await status(/^Connected/);
  },
  LOGGED_ERRORS,
);

test("shows that the microphone is not allowed", async (scene) => {
  const { page, status } = scene;
  await connect(page);
  await status(/audio device permissions/);
  await page.getByRole("button", { name: "Connect" }).waitFor();
}, {
  flags: ["--use-fake-device-for-media-stream", "--deny-permission-prompts"],
  ...LOGGED_ERRORS,
});

/** Makes the browser fail as some do with a microphone of another sample rate, and keeps its tracks. */
function breakMicrophone(): void {
  const { mediaDevices } = navigator;
  const tracks: MediaStreamTrack[] = [];
  const open = mediaDevices.getUserMedia.bind(mediaDevices);
  mediaDevices.getUserMedia = async (constraints) => {
    const stream = await open(constraints);
    tracks.push(...stream.getTracks());
    return stream;
  };
  AudioContext.prototype.createMediaStreamSource = () => {
    throw new Error("Another sample rate");
  };
  Reflect.set(globalThis, "tracks", tracks);
}

test("switches the microphone off after a failure", async (scene) => {
  const { page, status } = scene;
  await connect(page);
  await status(/Another sample rate/);
  await page.getByRole("button", { name: "Connect" }).waitFor();
  const states = () =>
    page.evaluate(() => {
      const tracks: MediaStreamTrack[] = Reflect.get(globalThis, "tracks");
      return tracks.map(({ readyState }) => readyState).join();
    });
  await until(
    async () => /^ended(,ended)*$/.test(await states()),
    "every track has ended",
  );
}, { before: breakMicrophone, ...LOGGED_ERRORS });

test(
  "says that the SDK could not be loaded, and loads it the next time",
  async (scene) => {
    const { page, platform, status } = scene;
    await page.unrouteAll();
    await serveSdk(page, undefined);
    await connect(page);
    await status(/could not be loaded from https:.*cdn\.jsdelivr\.net/);
    assertEquals(platform.authorized, []);
    // A file with another hash is refused.
    await page.unrouteAll();
    await serveSdk(page, new TextEncoder().encode("document.title = 'Mine'"));
    await Promise.all([page.waitForResponse(SDK.url), connect(page)]);
    await status(/could not be loaded/);
    assertEquals(await page.title(), "Voice · Parley");
    await page.unrouteAll();
    await serveSdk(page, sdk);
    await connect(page);
    await status(/^Connected/);
  },
  { mayLog: /Failed to load|integrity/ },
);

for (const colorScheme of ["light", "dark"] as const) {
  test(
    `is accessible on a phone, ${colorScheme}`,
    async (scene) => {
      const { page, platform, status, log } = scene;
      assertEquals(await findInaccessible(page), []);
      // By keyboard alone.
      await page.getByRole("button", { name: "Connect" }).focus();
      await page.keyboard.press("Enter");
      await status(/^Connected/);
      // Past the conversation to the field.
      for (let n = 0; n < 2; n++) await page.keyboard.press("Tab");
      await page.keyboard.type("Do you hear me?");
      await page.keyboard.press("Enter");
      platform.tell({ long: "x".repeat(200) });
      await until(
        async () => (await log()).includes("message number 1"),
        "the agent answers",
      );
      assertEquals(await findInaccessible(page), []);
      assertEquals(await isTooWide(page), false);
      platform.drop();
      await status(/connection was lost/);
      assertEquals(await findInaccessible(page), []);
      assertEquals(await isTooWide(page), false);
    },
    { ...DROPPED, colorScheme, viewport: { width: 360, height: 740 } },
  );
}
