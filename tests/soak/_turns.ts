/**
 * The turns of a soak: sends them, reads the answers, and checks what was stored.
 *
 * @module
 */
import { agentSettings } from "../../src/agent/prompt.ts";
import { readAnswer } from "../../src/platforms/layercode/client.ts";
import { sign } from "../../src/platforms/layercode/verify.ts";
import type { SessionStore } from "../../src/sessions/store.ts";

const ERROR_MESSAGE = agentSettings.errorMessage.default;

/** What can go wrong in a turn: the model fails, or the caller hangs up. */
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

/** One turn in this many has a fault. */
const FAULT_EVERY = 20;

/** The number of turns in a conversation. */
const TURNS_A_CONVERSATION = 10;

/** A turn that is over. */
export interface Turn {
  id: string;
  conversation: string;
  said: string;
  heard: string;
  fault: Fault | undefined;
  /** The server's part of the wait for the first word, in milliseconds. */
  overheadMs: number | undefined;
  /** What is wrong with it, if anything. */
  wrong?: string;
}

/** Returns a turn's fault, by the turn's number. */
function faultOf(n: number): Fault | undefined {
  if (n % FAULT_EVERY !== FAULT_EVERY - 1) return undefined;
  return FAULTS[Math.floor(n / FAULT_EVERY) % FAULTS.length];
}

/** A caller's next turn. */
export interface CallerTurn {
  /** The number of the turn among all. */
  n: number;
  /** The number of the caller. */
  caller: number;
  /** How often this caller has spoken before. */
  before: number;
}

/** The server that turns are sent to. */
export interface Target {
  /** The webhook's URL. */
  url: string;
  /** The secret that signs turns. */
  secret: string;
  /** Holds the connections, so that they can be closed. */
  client: Deno.HttpClient;
}

/** Sends a turn and reads the answer. */
export async function talk(
  target: Target,
  { n, caller, before }: CallerTurn,
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
  const wrong = await ask(target, turn).catch(String);
  return wrong === undefined ? turn : { ...turn, wrong };
}

/** Fills in what is heard. Returns what is wrong with it, if anything. */
async function ask(
  target: Target,
  turn: Turn,
): Promise<string | undefined> {
  const leaving = new AbortController();
  const startedAt = performance.now();
  const response = await send(target, turn, leaving.signal);
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
  { url, secret, client }: Target,
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

/** Finds the turns that are not stored as they were heard. */
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
