/**
 * The setup of the voice page's tests: the real server, a stand-in for
 * Layercode, and a browser. The SDK is the real one, from its npm package
 * instead of the CDN. If npm can't get it, the tests are skipped and say so.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import {
  type Platform,
  type PlatformOptions,
  startPlatform,
} from "../fakes/layercode_platform.ts";
import { startServer } from "../fakes/server.ts";
import { SDK } from "../../src/web/voice/mod.ts";
import {
  newPage,
  openBrowser,
  type Page,
  type PageOptions,
  until,
} from "./_browser.ts";

export const KEY = "lc_key_of_the_owner";
export const SECRET = "whsec_of_the_owner";
export const AGENT = "agent_1";

/** Flags for a fake microphone that beeps and needs no permission. */
const MICROPHONE = [
  "--use-fake-device-for-media-stream",
  "--use-fake-ui-for-media-stream",
];

/** The host from which the SDK loads its model for voice activity detection. */
const ASSETS = "assets.layercode.com";

/** The messages of the SDK about its missing model, without which it still works. */
const NO_MODEL = "assets\\.layercode\\.com|Error initializing VAD";

/** Returns the SDK's file from its package. The browser checks it against the hash in the page. */
async function getSdk(): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const [, name = "", path = ""] = /npm\/(@[^@]+@[^/]+)\/(.+)$/.exec(SDK.url) ??
    [];
  const folder = await Deno.makeTempDir();
  try {
    const archive = await run("npm", "pack", "--silent", name);
    const file = new TextDecoder().decode(archive).trim();
    return await run("tar", "-xzOf", file, `package/${path}`);
  } catch {
    return undefined;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }

  async function run(command: string, ...args: string[]) {
    const { success, stdout } = await new Deno.Command(command, {
      args,
      cwd: folder,
      stderr: "null",
    }).output();
    if (!success) throw new Error(`${command} failed`);
    return stdout;
  }
}

/** The SDK, if npm could get it. */
export const sdk: Uint8Array<ArrayBuffer> | undefined = await getSdk();

/** Records everything that a page sends and receives, as text. */
export function record(page: Page): () => Promise<string> {
  const seen: (string | Promise<string>)[] = [];
  page.on("request", (request) => {
    const headers = JSON.stringify(request.headers());
    seen.push(`${request.url()} ${headers} ${request.postData() ?? ""}`);
  });
  page.on("response", (response) => {
    seen.push(JSON.stringify(response.headers()));
    seen.push(response.text().catch(() => ""));
  });
  page.on("websocket", (socket) => {
    seen.push(socket.url());
    socket.on("framesent", ({ payload }) => seen.push(String(payload)));
    socket.on("framereceived", ({ payload }) => seen.push(String(payload)));
  });
  return async () => (await Promise.all(seen)).join("\n");
}

export interface Scene {
  page: Page;
  platform: Platform;
  /** Waits until the status on the page matches. */
  status(words: RegExp): Promise<void>;
  /** Returns the text of the conversation. */
  log(): Promise<string>;
}

export function test(
  what: string,
  play: (scene: Scene) => Promise<void>,
  settings: PageOptions & {
    platform?: Partial<PlatformOptions>;
    flags?: string[];
  } = {},
): void {
  const {
    platform: more = {},
    flags = MICROPHONE,
    mayLog,
    ...options
  } = settings;
  Deno.test({
    name: `/voice ${what}${sdk ? "" : " (skipped: npm can't get the SDK)"}`,
    ignore: sdk === undefined,
    // The browser's process may end after the test.
    sanitizeOps: false,
    sanitizeResources: false,
    fn: async () => {
      await using platform = startPlatform({
        key: KEY,
        agentId: AGENT,
        secret: SECRET,
        ...more,
      });
      await using server = await startServer({
        env: {
          HOST: "127.0.0.1",
          LLM_PROVIDER: "echo",
          LAYERCODE_API_KEY: KEY,
          LAYERCODE_AGENT_ID: AGENT,
          LAYERCODE_API_URL: platform.url,
          LAYERCODE_WEBHOOK_SECRET: SECRET,
        },
      });
      platform.webhook = `${server.url}/agent`;
      await using browser = await openBrowser(...flags);
      await using watched = await newPage(browser, {
        ...options,
        mayLog: new RegExp(mayLog ? `${NO_MODEL}|${mayLog.source}` : NO_MODEL),
        hosts: [new URL(platform.url).host, new URL(SDK.url).host, ASSETS],
      });
      const { page } = watched;
      await serveSdk(page, sdk);
      // The SDK loads the model whenever it uses a microphone.
      await page.route(
        `https://${ASSETS}/**`,
        (route) => route.fulfill({ status: 404 }),
      );
      const log = () => page.locator("#log").innerText();
      const status = (words: RegExp) =>
        until(
          async () => words.test(await page.locator("#status").innerText()),
          `the status is ${words}`,
        );
      await page.goto(server.page);
      await play({ page, platform, status, log });
    },
  });
}

/** Stands in for the CDN. */
export async function serveSdk(
  page: Page,
  file: Uint8Array | undefined,
): Promise<void> {
  await page.route(SDK.url, (route) =>
    route.fulfill({
      status: file ? 200 : 404,
      contentType: "text/javascript",
      headers: { "access-control-allow-origin": "*" },
      body: Buffer.from(file ?? []),
    }));
}

export function connect(page: Page): Promise<void> {
  return page.getByRole("button", { name: /onnect$/ }).click();
}
