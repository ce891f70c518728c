/**
 * An npm package made for a test, and a registry that serves it.
 *
 * @module
 */
import { createHash } from "node:crypto";

/** A tar archive of files by name. */
export function tar(
  files: Record<string, string>,
): Uint8Array<ArrayBuffer> {
  const blocks = Object.entries(files).flatMap(([name, content]) => {
    const body = new TextEncoder().encode(content);
    const header = new Uint8Array(512);
    header.set(new TextEncoder().encode(name), 0);
    const size = body.length.toString(8).padStart(11, "0");
    header.set(new TextEncoder().encode(`${size}\0`), 124);
    const padded = new Uint8Array(Math.ceil(body.length / 512) * 512);
    padded.set(body);
    return [header, padded];
  });
  return join([...blocks, new Uint8Array(1024)]);
}

/** The bytes, compressed. */
export async function gzip(
  bytes: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer>> {
  const zipped = new Blob([bytes]).stream()
    .pipeThrough(new CompressionStream("gzip"));
  return await new Response(zipped).bytes();
}

/** What npm would publish as the bytes' integrity. */
export function integrityOf(bytes: Uint8Array): string {
  return `sha512-${createHash("sha512").update(bytes).digest("base64")}`;
}

function join(parts: Uint8Array<ArrayBuffer>[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(
    parts.reduce((sum, { length }) => sum + length, 0),
  );
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/** A registry under way. */
export interface Registry extends AsyncDisposable {
  url: string;
  /** The paths that were asked for. */
  paths: string[];
}

/** Starts a registry on a free port. */
export function startRegistry(
  reply: (request: Request) => Response | Promise<Response>,
): Registry {
  const paths: string[] = [];
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    (request) => {
      paths.push(new URL(request.url).pathname);
      return reply(request);
    },
  );
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    paths,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}
