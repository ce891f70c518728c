/**
 * The scene of the voice page's tests: the real server, a stand-in for
 * Layercode, and a browser. The SDK comes from the npm registry; without a way
 * there the tests are left out and say so.
 *
 * @module
 */
import {
  type Platform,
  type PlatformOptions,
  startPlatform,
} from "../fakes/layercode_platform.ts";
import { startServer } from "../fakes/server.ts";
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

/** A microphone that beeps, and nobody to ask whether it may be used. */
export const MICROPHONE = [
  "--use-fake-device-for-media-stream",
  "--use-fake-ui-for-media-stream",
];

/** Where the SDK gets the model that tells speech from noise. */
const ASSETS = "assets.layercode.com";

/** How the SDK complains that the model isn't there, which it does without. */
export const NO_MODEL = {
  hosts: [ASSETS],
  mayLog: /assets\.layercode\.com|Error initializing VAD/,
};

/** What it takes to reach the registry from here, which a clean environment lacks. */
const WAY_OUT = Object.fromEntries(
  [
    "NPM_CONFIG_REGISTRY",
    "DENO_CERT",
    "DENO_TLS_CA_STORE",
    "NODE_EXTRA_CA_CERTS",
    "SSL_CERT_FILE",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
  ].flatMap((name) => {
    const value = Deno.env.get(name);
    return value === undefined ? [] : [[name, value]];
  }),
);

/** Why the SDK can't be had here, if it can't. */
async function whyNoSdk(): Promise<string | undefined> {
  const registry = WAY_OUT.NPM_CONFIG_REGISTRY ?? "https://registry.npmjs.org";
  try {
    const response = await fetch(new URL("/@layercode/js-sdk", registry), {
      method: "HEAD",
      signal: AbortSignal.timeout(10_000),
    });
    await response.body?.cancel();
    return response.ok ? undefined : `registry says ${response.status}`;
  } catch {
    return "the npm registry can't be reached";
  }
}

const missing = await whyNoSdk();

/** Everything that a page was sent or sent itself, as text. */
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
  /** What the page shows of its state. */
  status(words: RegExp): Promise<void>;
  /** What stands in the conversation. */
  log(): Promise<string>;
}

export function test(
  what: string,
  play: (scene: Scene) => Promise<void>,
  settings: PageOptions & {
    platform?: Partial<PlatformOptions>;
    flags?: string[];
    /** The name that the page is opened by. */
    name?: string;
  } = {},
): void {
  const {
    platform: more = {},
    flags = [],
    name = "127.0.0.1",
    ...options
  } = settings;
  Deno.test({
    name: `/voice ${what}${missing ? ` (left out: ${missing})` : ""}`,
    ignore: missing !== undefined,
    // The browser's own process outlives a test.
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
          ...WAY_OUT,
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
        hosts: [new URL(platform.url).host, ...options.hosts ?? []],
      });
      const { page } = watched;
      // The SDK asks for the model wherever there is a microphone.
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
      await page.goto(server.page.replace("127.0.0.1", name));
      await play({ page, platform, status, log });
    },
  });
}

export function connect(page: Page): Promise<void> {
  return page.getByRole("button", { name: /onnect$/ }).click();
}
