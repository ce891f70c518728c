/**
 * A caller of the crash test: a bare socket, so that everything that came out
 * of the server is known, and when.
 *
 * @module
 */
import { sign } from "../src/platforms/layercode/verify.ts";
import { SECRET } from "./bench/_load.ts";
import { FIRST } from "./bench/_words.ts";

/** One turn, as its caller knows it. */
export interface Turn {
  conversation: string;
  id: string;
  said: string;
  /** What came from the socket, and how much of it had come when. */
  raw: string;
  reads: { at: number; length: number }[];
}

/**
 * Has a turn on a connection of its own.
 *
 * @param onWord called for each piece of the answer that comes
 * @returns whether it was answered to its end; else the line went dead
 */
export async function talk(
  url: string,
  turn: Turn,
  onWord: () => unknown,
): Promise<boolean> {
  const { port, hostname } = new URL(url);
  try {
    using connection = await Deno.connect({ hostname, port: Number(port) });
    await writeAll(connection, toRequest(turn));
    const decoder = new TextDecoder("latin1");
    const buffer = new Uint8Array(16_384);
    while (true) {
      const read = await connection.read(buffer);
      if (read === null) return false;
      turn.raw += decoder.decode(buffer.subarray(0, read));
      turn.reads.push({ at: performance.now(), length: turn.raw.length });
      if (!turn.raw.startsWith("HTTP/1.1 200".slice(0, turn.raw.length))) {
        throw new Error(`Refused: ${turn.raw.slice(0, 400)}`);
      }
      if (turn.raw.includes(FIRST)) onWord();
      if (turn.raw.endsWith("\r\n0\r\n\r\n")) return true;
    }
  } catch (error) {
    const isDead = error instanceof Deno.errors.ConnectionRefused ||
      error instanceof Deno.errors.ConnectionReset ||
      error instanceof Deno.errors.BrokenPipe;
    if (isDead) return false;
    throw error;
  }
}

function toRequest({ conversation, id, said }: Turn): Uint8Array {
  const body = new TextEncoder().encode(JSON.stringify({
    type: "message",
    conversation_id: conversation,
    session_id: "session",
    turn_id: id,
    text: said,
  }));
  const head = new TextEncoder().encode(
    "POST /agent HTTP/1.1\r\nhost: 127.0.0.1\r\n" +
      "content-type: application/json\r\n" +
      `content-length: ${body.length}\r\n` +
      `layercode-signature: ${sign(body, SECRET, Date.now() / 1000)}\r\n\r\n`,
  );
  return new Uint8Array([...head, ...body]);
}

async function writeAll(to: Deno.Conn, bytes: Uint8Array): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    written += await to.write(bytes.subarray(written));
  }
}

/** What an answer says, as far as it came. */
export function toSpeech(raw: string): string {
  const body = raw.slice(raw.indexOf("\r\n\r\n") + 4);
  const events = dechunk(body).split("\n\n").slice(0, -1);
  return events.map((event) => {
    const { type, content } = JSON.parse(event.slice("data: ".length));
    return type === "response.tts" ? content : "";
  }).join("").trimEnd();
}

/** The body that is in HTTP's chunks; the last may be cut. */
function dechunk(body: string): string {
  let text = "";
  let at = 0;
  while (at < body.length) {
    const start = body.indexOf("\r\n", at);
    if (start < 0) break;
    const length = Number.parseInt(body.slice(at, start), 16);
    text += body.slice(start + 2, start + 2 + length);
    at = start + 2 + length + 2;
  }
  return text;
}
