/**
 * HTTP as a stranger may write it: head and body go over a socket as they are,
 * forged `Host` lines included, which `fetch` would set right.
 *
 * @module
 */

/** What came back. */
export interface RawResponse {
  status: number;
  headers: Headers;
  body: string;
}

/** What to write. */
export interface RawRequest {
  port: number;
  /** Where to connect to. Default: 127.0.0.1. */
  hostname?: string;
  /** E.g. `POST /playground/turn`. Default: `GET /`. */
  line?: string;
  /** Lines of the head, as they are. Without `host` among them there is none. */
  head?: readonly string[];
  body?: string;
}

/** Sends one request on a connection of its own, and reads to its end. */
export async function askRaw(
  { port, hostname = "127.0.0.1", line = "GET /", head = [], body = "" }:
    RawRequest,
): Promise<RawResponse> {
  using connection = await Deno.connect({ hostname, port });
  const length = body ? [`content-length: ${body.length}`] : [];
  const lines = [`${line} HTTP/1.1`, ...head, ...length, "connection: close"];
  const request = new Blob([lines.join("\r\n"), "\r\n\r\n", body]).stream();
  await request.pipeTo(connection.writable, { preventClose: true });
  return parse(await new Response(connection.readable).text());
}

function parse(text: string): RawResponse {
  const [head = "", ...rest] = text.split("\r\n\r\n");
  const [status = "", ...lines] = head.split("\r\n");
  return {
    status: Number(status.split(" ")[1]),
    headers: new Headers(lines.map((line): [string, string] => {
      const at = line.indexOf(":");
      return [line.slice(0, at), line.slice(at + 1).trim()];
    })),
    body: rest.join("\r\n\r\n"),
  };
}
