/**
 * A container's only process: the image's command with settings, followed until
 * it listens.
 *
 * @module
 */
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import type { Image } from "./_docker.ts";
import { SECRET } from "./fakes/layercode.ts";
import { freePort } from "./fakes/ports.ts";

/** Nothing answers there. */
const NOWHERE = "http://127.0.0.1:9";

/** A server of the image under way. */
export interface Container extends AsyncDisposable {
  /** Its address. */
  url: string;
  /** Whose rights it has. */
  user(): Promise<number>;
  /** Sends a signal and waits for the end. */
  stop(signal: Deno.Signal): Promise<Deno.CommandStatus>;
}

/**
 * Starts the image's command: with the echo and a secret, unless the settings
 * say otherwise.
 *
 * @throws {Error} with all that it said when it ends before it listens
 */
export async function startContainer(
  image: Image,
  settings: Record<string, string> = {},
): Promise<Container> {
  const env = {
    PORT: `${freePort()}`,
    LLM_PROVIDER: "echo",
    LAYERCODE_WEBHOOK_SECRET: SECRET,
    // It reaches this machine alone.
    HTTP_PROXY: NOWHERE,
    HTTPS_PROXY: NOWHERE,
    NO_PROXY: "127.0.0.1",
    ...settings,
  };
  const child = image.spawn(image.stage.command ?? [], env);
  const said: string[] = [];
  const listening = Promise.withResolvers<void>();
  async function follow(stream: ReadableStream<Uint8Array>): Promise<void> {
    // deno-lint-ignore no-explicit-any -- Node's and the web's type of one stream
    const input = Readable.fromWeb(stream as any);
    for await (const line of createInterface({ input })) {
      said.push(line);
      if (line.includes('"server.listening"')) listening.resolve();
    }
  }
  const followed = Promise.all([follow(child.stdout), follow(child.stderr)]);
  const ended = child.status.then(async (status) => {
    await followed;
    listening.reject(new Error(`It ended: ${said.join("\n")}`));
    return status;
  });

  async function stop(signal: Deno.Signal): Promise<Deno.CommandStatus> {
    try {
      child.kill(signal);
    } catch {
      // It has ended already.
    }
    return await ended;
  }

  await listening.promise;
  return {
    url: `http://127.0.0.1:${env.PORT}`,
    async user() {
      const { uid } = await Deno.stat(`/proc/${child.pid}`);
      return uid ?? -1;
    },
    stop,
    async [Symbol.asyncDispose]() {
      await stop("SIGKILL");
    },
  };
}
