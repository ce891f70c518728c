/**
 * Callers for the bench. Each has its own conversation and connection, sends its
 * turns one after another, by Layercode's signed webhook or by chat completions,
 * and records when the first word came and when the answer was complete. Uses bare
 * sockets, so that it takes little of the machine.
 *
 * Reads jobs as lines of JSON on standard input, see {@linkcode Job}.
 *
 * @module
 */
import { createHmac } from "node:crypto";
import { print } from "../_print.ts";
import { readJobs } from "../_child.ts";
import { type Job, KEY, SECRET, type Times } from "../_load.ts";
import { FIRST, LAST, TOKENS } from "../_words.ts";

const encoder = new TextEncoder();

/** Runs one caller's turns, one after another. */
async function call(
  connection: Deno.Conn,
  job: Job,
  caller: number,
  times: Times,
): Promise<void> {
  const { callers, turns, spreadMs = 0, firstTurn = 0 } = job;
  if (spreadMs > 0) await sleep(spreadMs * caller / callers);
  for (let n = 0; n < turns;) {
    const request = toRequest(job, caller, firstTurn + n);
    const startedAt = performance.now();
    let written = 0;
    while (written < request.length) {
      written += await connection.write(request.subarray(written));
    }
    const firstAt = await readAnswer(connection, job);
    const tookMs = performance.now() - startedAt;
    if (firstAt === undefined) {
      times.refusedMs.push(tookMs);
      await sleep(job.retryMs ?? 0);
      continue;
    }
    times.firstMs.push(firstAt - startedAt);
    times.totalMs.push(tookMs);
    n++;
  }
}

function toRequest(job: Job, caller: number, turn: number): Uint8Array {
  return job.api === "openai"
    ? toChatRequest(job, caller, turn)
    : toEventRequest(job, caller, turn);
}

/** Makes a request with the whole conversation, as platforms send it with each turn. */
function toChatRequest(job: Job, caller: number, turn: number): Uint8Array {
  const answer = { role: "assistant", content: TOKENS.join("") };
  const messages = [];
  for (let n = 0; n <= turn; n++) {
    messages.push({ role: "user", content: toText(n) }, answer);
  }
  messages.pop();
  const body = JSON.stringify({ model: "bench", stream: true, messages });
  return encoder.encode(
    "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\n" +
      "content-type: application/json\r\n" +
      `content-length: ${body.length}\r\n` +
      `authorization: Bearer ${KEY}\r\n` +
      `x-parley-conversation: ${job.name}-${caller}\r\n\r\n${body}`,
  );
}

function toText(turn: number): string {
  return `This is question number ${turn}: is there a room for two people?`;
}

function toEventRequest(job: Job, caller: number, turn: number): Uint8Array {
  const conversation = `${job.name}-${caller}`;
  const body = JSON.stringify({
    type: "message",
    conversation_id: conversation,
    session_id: `session-${conversation}`,
    turn_id: `turn-${conversation}-${turn}`,
    text: toText(turn),
  });
  const time = Math.floor(Date.now() / 1000);
  const signature = createHmac("sha256", SECRET).update(`${time}.${body}`)
    .digest("hex");
  return encoder.encode(
    "POST /agent HTTP/1.1\r\nhost: 127.0.0.1\r\n" +
      "content-type: application/json\r\n" +
      `content-length: ${body.length}\r\n` +
      `layercode-signature: t=${time},v1=${signature}\r\n\r\n${body}`,
  );
}

/**
 * Reads to the end of an answer.
 *
 * @returns when its first word arrived; `undefined` if the turn was refused and
 * the job allows that
 * @throws {Error} if the answer isn't complete
 */
async function readAnswer(
  connection: Deno.Conn,
  { retryMs, api }: Job,
): Promise<number | undefined> {
  const decoder = new TextDecoder("latin1");
  const buffer = new Uint8Array(16_384);
  let text = "";
  let firstAt = NaN;
  while (!text.endsWith("\r\n0\r\n\r\n")) {
    const read = await connection.read(buffer);
    if (read === null) throw new Error(`The line went dead after: ${text}`);
    text += decoder.decode(buffer.subarray(0, read));
    if (Number.isNaN(firstAt) && text.includes(FIRST)) {
      firstAt = performance.now();
    }
    if (text.startsWith("HTTP/1.1 200") || text.length < 12) continue;
    if (text.startsWith("HTTP/1.1 503") && retryMs !== undefined) {
      if (text.endsWith("}}")) return undefined;
      continue;
    }
    throw new Error(`Refused: ${text.slice(0, 400)}`);
  }
  const end = api === "openai" ? "data: [DONE]" : "response.end";
  const isWhole = text.includes(LAST) && text.includes(end);
  if (!isWhole) throw new Error(`Not a whole answer: ${text}`);
  return firstAt;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function run(job: Job): Promise<Times> {
  const port = Number(new URL(job.url).port);
  const connections: Deno.TcpConn[] = [];
  const times: Times = { firstMs: [], totalMs: [], refusedMs: [] };
  try {
    // A few at a time: a server's queue of new connections is short, and a
    // connection that doesn't fit waits a second.
    while (connections.length < job.callers) {
      const some = Math.min(50, job.callers - connections.length);
      connections.push(
        ...await Promise.all(
          Array.from(
            { length: some },
            () => Deno.connect({ hostname: "127.0.0.1", port }),
          ),
        ),
      );
    }
    for (const connection of connections) connection.setNoDelay();
    await Promise.all(
      connections.map((connection, n) => call(connection, job, n, times)),
    );
    return times;
  } finally {
    for (const connection of connections) connection.close();
  }
}

print('{"url":""}');
await readJobs((job) => run(job as unknown as Job));
