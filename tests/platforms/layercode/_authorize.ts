/**
 * A fake Layercode on loopback that issues session keys, and the endpoint under test.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import {
  type AuthorizeOptions,
  createAuthorize,
} from "../../../src/platforms/layercode/authorize.ts";
import { createSenderReader } from "../../../src/server/address.ts";
import { createLog } from "../../../src/server/log.ts";
import { UNKNOWN_SENDER } from "../../../src/server/router.ts";

export const KEY = "lc_key_of_the_owner";
export const SECRET = "whsec_of_the_owner";
export const SESSION = {
  client_session_key: "csk_1",
  conversation_id: "conv_1",
};

/** A request that the fake Layercode received. */
export interface Asked {
  method: string;
  path: string;
  headers: Headers;
  body: unknown;
}

export type Reply = (request: Request) => Response | Promise<Response>;

/** What a test can set. */
export interface EndpointOptions extends Partial<AuthorizeOptions> {
  hasKey?: boolean;
  /** The trusted proxies. */
  trustedProxies?: string[];
}

/** A fake Layercode, an endpoint that uses it, and the requests and log lines of both. */
export class Fixture implements AsyncDisposable {
  readonly asked: Asked[] = [];
  readonly logged: string[] = [];
  /** The time, which only a test advances. */
  now = 1_700_000_000_000;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor(reply: Reply) {
    this.#server = Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen() {} },
      async (request) => {
        const { method, headers } = request;
        const { pathname: path } = new URL(request.url);
        const body = await request.clone().json();
        this.asked.push({ method, path, headers, body });
        return await reply(request);
      },
    );
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  endpoint(
    { hasKey = true, trustedProxies = [], ...options }: EndpointOptions = {},
  ) {
    const log = createLog({
      level: "debug",
      format: "json",
      write: (_, line) => this.logged.push(line),
    });
    const handle = createAuthorize({ log, now: () => this.now }, {
      ...hasKey ? { apiKey: KEY } : {},
      apiUrl: this.url,
      secrets: [SECRET],
      authorize: () => ({ allow: true }),
      perAddress: 1000,
      inAll: 1000,
      ...options,
    });
    const readSender = createSenderReader(trustedProxies);
    return async (request: Request, { address } = UNKNOWN_SENDER) =>
      await handle(request, readSender(address, request));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

/** A test with a fixture of its own. */
export function test(
  what: string,
  body: (fixture: Fixture) => Promise<void>,
  reply: Reply = () => Response.json(SESSION),
): void {
  Deno.test({
    name: `createAuthorize() ${what}`,
    sanitizeOps: true,
    sanitizeResources: true,
    fn: async () => {
      await using fixture = new Fixture(reply);
      await body(fixture);
    },
  });
}

/** Makes a request for a session key, as a browser does. */
export function ask(
  body: unknown,
  { host = "parley.test", ...headers }: Record<string, string> = {},
): Request {
  return new Request(`http://${host}/authorize`, {
    method: "POST",
    headers: { host, "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
}

/** Returns the one request that reached Layercode. */
export function only(fixture: Fixture): Asked {
  assertEquals(fixture.asked.length, 1);
  return fixture.asked[0]!;
}

/** Returns the error of a response. */
export async function errorOf(response: Response) {
  const { error } = await response.json();
  return error as { code: string; message: string };
}
