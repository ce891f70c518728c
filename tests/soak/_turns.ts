/**
 * A soak's turns: what is said, what is heard, and what of it has to be kept.
 *
 * @module
 */
import { ERROR_MESSAGE } from "../../src/agent/prompt.ts";
import { readAnswer } from "../../src/platforms/layercode/client.ts";
import { sign } from "../../src/platforms/layercode/verify.ts";
import type { SessionStore } from "../../src/sessions/store.ts";

/** What goes wrong in a turn: the model's doing, or a caller who hangs up. */
export const FAULTS = [
  "refused",
  "reset",
  "cut",
  "half",
  "endless",
  "hangup",
] as const;

/** One of {@linkcode FAULTS}. */
export type Fault = typeof FAULTS[number];

/** One turn in this many has a fault: five in a hundred. */
const FAULT_EVERY = 20;

/** A conversation has as many turns as this. */
const TURNS_A_CONVERSATION = 10;

/** A turn that is over. */
export interface Turn {
  id: string;
  conversation: string;
  said: string;
  heard: string;
  fault: Fault | undefined;
  /** How much of the wait for the first word was the server's, in milliseconds. */
  overheadMs: number | undefined;
  /** What is wrong with it, if anything. */
  wrong?: string;
}

/** The fault of a turn, by its number. */
function faultOf(n: number): Fault | undefined {
  if (n % FAULT_EVERY !== FAULT_EVERY - 1) return undefined;
  return FAULTS[Math.floor(n / FAULT_EVERY) % FAULTS.length];
}

/** A caller's next words. */
export interface Words {
  /** The number of the turn among all. */
  n: number;
  /** The number of the caller. */
  caller: number;
  /** How often this caller has spoken before. */
  before: number;
}

/** Where turns go. */
export interface Line {
  /** The webhook's address. */
  url: string;
  /** What turns are signed with. */
  secret: string;
  /** Holds the connections, so that they can be closed. */
  client: Deno.HttpClient;
}

/** Has a caller say something, and hears what comes. */
export async function talk(
  line: Line,
  { n, caller, before }: Words,
): Promise<Turn> {
  const fault = faultOf(n);
  const conversation = `soak-${caller}-${
    Math.floor(before / TURNS_A_CONVERSATION)
  }`;
  const turn: Turn = {
    id: `turn-${n}`,
    conversation,
    said: `Question ${n}: is there a room?${fault ? ` fault:${fault}` : ""}`,
    heard: "",
    fault,
    overheadMs: undefined,
  };
  const wrong = await ask(line, turn).catch(String);
  return wrong === undefined ? turn : { ...turn, wrong };
}

/** Fills in what is heard; says what is wrong with it. */
async function ask(
  line: Line,
  turn: Turn,
): Promise<string | undefined> {
  const leaving = new AbortController();
  const startedAt = performance.now();
  const response = await send(line, turn, leaving.signal);
  if (response.status !== 200) {
    await response.body?.cancel();
    return `Status ${response.status}`;
  }
  let ends = 0;
  for await (const { type, content } of readAnswer(response)) {
    if (type === "response.tts") turn.heard += content;
    if (type === "response.end") ends++;
    const held = /Held ([\d.]+) ms/.exec(turn.heard)?.[1];
    if (turn.overheadMs !== undefined || held === undefined) continue;
    turn.overheadMs = performance.now() - startedAt - Number(held);
    if (turn.fault === "hangup") break;
  }
  if (turn.fault === "hangup") {
    leaving.abort();
    return undefined;
  }
  return ends === 1 ? judge(turn) : `${ends} ends`;
}

function send(
  { url, secret, client }: Line,
  { id, conversation, said }: Turn,
  signal: AbortSignal,
): Promise<Response> {
  const event = {
    type: "message",
    conversation_id: conversation,
    session_id: conversation,
    turn_id: id,
    text: said,
  };
  const body = new TextEncoder().encode(JSON.stringify(event));
  const headers = {
    "content-type": "application/json",
    "layercode-signature": sign(body, secret, Date.now() / 1000),
  };
  return fetch(url, { method: "POST", headers, body, signal, client });
}

function judge({ fault, heard }: Turn): string | undefined {
  const isWhole = heard.includes("Sunday");
  const isSorry = heard.endsWith(ERROR_MESSAGE);
  if (fault === undefined) return isWhole ? undefined : `Heard "${heard}"`;
  return isSorry ? undefined : `No word of the fault ${fault}: "${heard}"`;
}

/** Which of these turns are not kept as they were promised. */
export async function findLost(
  turns: readonly Turn[],
  store: SessionStore,
): Promise<string[]> {
  const lost: string[] = [];
  for (const { id, conversation, said, heard, fault } of turns) {
    const kept = (await store.load(conversation)).turn(id);
    const isKept = kept?.user === said && kept.status !== undefined &&
      kept.assistant.trim().startsWith(heard.trim());
    if (isKept) continue;
    const told = JSON.stringify(kept?.assistant);
    lost.push(
      `${id} (${fault}): "${heard}" is kept as ${told}, ${kept?.status}`,
    );
  }
  return lost;
}
