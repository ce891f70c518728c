/**
 * Layercode's browser SDK, for the voice page: fetched from the npm registry
 * when it is first asked for, checked, and kept in memory.
 *
 * It is no dependency of ours: its package names all of onnxruntime-web (over
 * 100 MB), though its bundle holds what it needs. A CDN instead would learn of
 * every visitor, and its file would come unchecked.
 *
 * https://docs.layercode.com/sdk-reference/vanilla-js-sdk
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { Handler } from "../../server/router.ts";
import { HttpError } from "../../server/http.ts";
import { explain, type Log } from "../../server/log.ts";
import { findInTar } from "./_tar.ts";

/** The version that the page was written for. */
export const SDK_VERSION = "2.8.10";

/** What npm says the package's bytes are: `npm view @layercode/js-sdk@2.8.10 dist.integrity`. */
const INTEGRITY =
  "sha512-wq0AOi1xtcp78Le7t4V2oi+9e17vscfN+AoJqEv6PJ9JcLHziUt6aujoauf6/2sZIdHCfQRabO79Zxli1gZiGg==";

const FILE = "package/dist/layercode-js-sdk.esm.js";

/** Several times the package's size. A registry that sends more sends something else. */
const MAX_BYTES = 4 * 1024 * 1024;

/** Where the SDK comes from. */
export interface SdkOptions {
  /** The npm registry's address, without a slash at the end. */
  registry: string;
  /** Told why the SDK can't be had. */
  log: Log;
  /** What the package must hash to. Default: the pinned version's. */
  integrity?: string;
  /** How long the registry may take. Default 15,000. */
  timeoutMs?: number;
}

/**
 * Makes the handler that serves the SDK as a module.
 *
 * @throws {HttpError} (the handler) 502 when the registry can't be reached or
 * sends anything but the pinned package
 */
export function createSdk(options: SdkOptions): Handler {
  const { registry, log, integrity = INTEGRITY, timeoutMs = 15_000 } = options;
  const address = `${registry}/@layercode/js-sdk/-/js-sdk-${SDK_VERSION}.tgz`;
  const etag = `"${SDK_VERSION}"`;
  // One fetch for all who ask meanwhile; one that failed is not kept.
  let file: Promise<Uint8Array<ArrayBuffer>> | undefined;

  async function load(): Promise<Uint8Array<ArrayBuffer>> {
    const started = performance.now();
    try {
      const archive = await download(address, timeoutMs);
      const script = await unpack(archive, integrity);
      log.info("voice.sdk", {
        version: SDK_VERSION,
        bytes: script.length,
        ms: Math.round(performance.now() - started),
      });
      return script;
    } catch (error) {
      file = undefined;
      const isLate = error instanceof DOMException &&
        error.name === "TimeoutError";
      log.error("voice.sdk", {
        version: SDK_VERSION,
        error: isLate ? `No package within ${timeoutMs} ms` : error,
      });
      if (error instanceof HttpError) throw error;
      throw new HttpError(
        502,
        "upstream_unreachable",
        `Layercode's browser SDK could not be fetched from the npm registry at ${
          new URL(registry).host
        }: check this server's way out to it, or set NPM_CONFIG_REGISTRY to a registry that it can reach`,
      );
    }
  }

  return async (request) => {
    file ??= load();
    const script = await file;
    const headers = {
      "content-type": "text/javascript; charset=utf-8",
      "cache-control": "public, max-age=3600",
      "cross-origin-resource-policy": "same-origin",
      "x-content-type-options": "nosniff",
      etag,
    };
    // A server in between that compresses makes the tag a weak one.
    const known = request.headers.get("if-none-match")?.replace(/^W\//, "");
    return known === etag
      ? new Response(null, { status: 304, headers })
      : new Response(script, { headers });
  };
}

async function download(
  address: string,
  timeoutMs: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(address, {
    signal: AbortSignal.timeout(timeoutMs),
  });
  if (!response.ok || response.body === null) {
    await response.body?.cancel();
    throw new Error(`The registry answered with status ${response.status}`);
  }
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for await (const chunk of response.body) {
    size += chunk.length;
    if (size > MAX_BYTES) throw invalid(`it is larger than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return await new Blob(chunks).bytes();
}

/** Nothing of an archive is looked at before it is known to be the right one. */
async function unpack(
  archive: Uint8Array<ArrayBuffer>,
  integrity: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const hash = createHash("sha512").update(archive).digest("base64");
  if (`sha512-${hash}` !== integrity) {
    throw invalid("its bytes are not those of the pinned version");
  }
  let tar: Uint8Array<ArrayBuffer>;
  try {
    const unzipped = new Blob([archive]).stream()
      .pipeThrough(new DecompressionStream("gzip"));
    tar = await new Response(unzipped).bytes();
  } catch (error) {
    throw invalid(`it can't be unpacked (${explain(error)})`);
  }
  const script = findInTar(tar, FILE);
  if (script === undefined) throw invalid(`there is no ${FILE} in it`);
  // A copy: the rest of the archive need not stay in memory.
  return script.slice();
}

function invalid(reason: string): HttpError {
  return new HttpError(
    502,
    "upstream_invalid",
    `The npm registry sent something else than Layercode's browser SDK ${SDK_VERSION}: ${reason}`,
  );
}
