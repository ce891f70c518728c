/**
 * Sends a draft over its own socket, byte for byte, and judges the response.
 *
 * @module
 */
import { sign } from "../../src/platforms/layercode/verify.ts";
import type { Draft } from "./_draft.ts";

/** The server under test, and its keys. */
export interface Target {
  port: number;
  /** Signs webhooks. */
  secret: string;
  adminToken: string;
  /** The key of the OpenAI-compatible API. */
  apiKey: string;
  /** The cookie of a browser that has opened the pages. */
  cookie: string;
  /** Texts that no answer may contain. */
  secrets: readonly string[];
}

/** How long an answer may take: a body that never ends is refused after ten seconds. */
const DEADLINE_MS = 20_000;

/** How much of an answer is read. */
const MAX_CHARACTERS = 200_000;

const utf8 = new TextEncoder();

function latin1(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** Makes the headers with a key. */
function toKeyHeaders(
  draft: Draft,
  body: Uint8Array,
  target: Target,
): string[] {
  switch (draft.key) {
    case "none":
      return [];
    case "signed": {
      const signature = sign(body, target.secret, Date.now() / 1000);
      return [`layercode-signature: ${signature}`];
    }
    case "admin":
      return [`authorization: Bearer ${target.adminToken}`];
    case "bearer":
      return [`authorization: Bearer ${target.apiKey}`];
    case "page":
      return [`cookie: ${target.cookie}`];
    case "wrong":
      return ["authorization: Bearer \xff\xfe"];
  }
}

/** Makes a draft's bytes. */
function toBytes(draft: Draft, target: Target): Uint8Array<ArrayBuffer> {
  const body = draft.encoding === "utf-8"
    ? utf8.encode(draft.body)
    : latin1(draft.body);
  const { framing } = draft;
  const size = framing === "short" ? body.length + 10 : body.length;
  const isUpgrade = draft.headers.some(([name]) => name === "upgrade");
  const isChunked = framing === "chunked" || framing === "both";
  const hasLength = framing !== "none" && framing !== "chunked";
  const head = [
    `${draft.method} ${draft.path} ${draft.version}`,
    `host: localhost:${target.port}`,
    ...draft.headers.map((header) => header.join(": ")),
    ...toKeyHeaders(draft, body, target),
    "content-type: application/json",
    ...isChunked ? ["transfer-encoding: chunked"] : [],
    ...hasLength ? [`content-length: ${size}`] : [],
    `connection: ${isUpgrade ? "upgrade, close" : "close"}`,
  ];
  const before = isChunked ? `${body.length.toString(16)}\r\n` : "";
  const after = !isChunked ? "" : body.length > 0 ? "\r\n0\r\n\r\n" : "\r\n";
  const parts = [latin1(`${head.join("\r\n")}\r\n\r\n${before}`), body];
  const bytes = new Uint8Array(
    parts.reduce((sum, part) => sum + part.length, after.length),
  );
  bytes.set(parts[0]!);
  bytes.set(body, parts[0]!.length);
  bytes.set(latin1(after), bytes.length - after.length);
  return bytes;
}

async function write(connection: Deno.Conn, bytes: Uint8Array, size: number) {
  // A megabyte in small pieces alone would take minutes.
  const small = size === 0 ? 0 : Math.min(bytes.length, size * 300);
  for (let at = 0; at < small; at += size) {
    await writeAll(connection, bytes.subarray(at, Math.min(at + size, small)));
  }
  await writeAll(connection, bytes.subarray(small));
}

async function writeAll(connection: Deno.Conn, bytes: Uint8Array) {
  for (let at = 0; at < bytes.length;) {
    at += await connection.write(bytes.subarray(at));
  }
}

/** Reads to the end, or as much of the answer as is judged. */
async function read(connection: Deno.Conn): Promise<string> {
  const decoder = new TextDecoder("latin1");
  const buffer = new Uint8Array(16_384);
  let text = "";
  try {
    while (text.length < MAX_CHARACTERS) {
      const size = await connection.read(buffer);
      if (size === null) break;
      text += decoder.decode(buffer.subarray(0, size));
      // A WebSocket would stay open; this side sends nothing more.
      if (text.startsWith("HTTP/1.1 101")) await connection.closeWrite();
    }
  } catch {
    // A reset is a valid response to nonsense.
  }
  return text;
}

/**
 * Sends a draft.
 *
 * @returns what is wrong with the response, if anything
 */
export async function send(
  draft: Draft,
  target: Target,
): Promise<string | undefined> {
  const connection = await connect(target.port);
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    connection.close();
  }, DEADLINE_MS);
  try {
    const answer = read(connection);
    const isWritten = await write(
      connection,
      toBytes(draft, target),
      draft.pieceBytes,
    ).then(() => true, () => false);
    if (draft.ending === "leave") return undefined;
    // A client that declared more bytes must close its side.
    const isCut = draft.ending === "shut" || isMalformed(draft);
    if (isCut && isWritten) await connection.closeWrite().catch(() => {});
    const text = await answer;
    return isLate ? "No answer in time" : judge(text, draft, target, isCut);
  } finally {
    clearTimeout(timer);
    if (!isLate) connection.close();
  }
}

async function connect(port: number): Promise<Deno.TcpConn> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  connection.setNoDelay();
  return connection;
}

/** Whether a server may wait for more of the request, or close the connection without a response. */
function isMalformed({ version, framing, headers, method }: Draft): boolean {
  return version !== "HTTP/1.1" || framing === "short" || method === "" ||
    headers.some(([name, value]) =>
      !/^[a-z-]+$/.test(name) ||
      /^(content-length|transfer-encoding)$/.test(name) ||
      value.length > 5_000
    );
}

/** Returns what is wrong with an answer, if anything. */
export function judge(
  text: string,
  { method }: Pick<Draft, "method">,
  { secrets }: Pick<Target, "secrets">,
  isCut: boolean,
): string | undefined {
  const final = text.replace(/^HTTP\/1\.1 100 [^]*?\r\n\r\n/, "");
  if (final === "") return isCut ? undefined : "No answer";
  const shown = secrets.find((secret) => text.includes(secret));
  if (shown !== undefined) return "The answer holds a secret";
  const [head = "", ...rest] = final.split("\r\n\r\n");
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1]);
  if (Number.isNaN(status)) return `No status: ${head.slice(0, 100)}`;
  const body = rest.join("\r\n\r\n");
  // The server is busy and refuses new requests, which is no fault.
  const isRefusal = status === 503 && /^retry-after:/mi.test(head);
  if (status >= 500 && !isRefusal) return `Status ${status}: ${body}`;
  // Deno's own refusals and answers to HEAD have no body.
  if (status < 400 || body === "" || method === "HEAD" || isCut) {
    return undefined;
  }
  if (/file:\/\/|\/src\/|\.ts:\d/.test(body)) {
    return `It reveals internals: ${body}`;
  }
  if (/^content-type: text\/html/mi.test(head)) return undefined;
  const isOurs = /"error":\{"code":"[a-z_]+","message":".+"\}/s.test(body);
  const isOpenAis =
    /"error":\{"message":".+","type":"[a-z_]+","code":"[a-z_]+"\}/s.test(body);
  return isOurs || isOpenAis
    ? undefined
    : `Not the JSON of an error, status ${status}: ${body.slice(0, 200)}`;
}
