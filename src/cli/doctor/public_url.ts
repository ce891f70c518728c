/**
 * Whether Layercode would reach this server at its public address: asks who
 * answers there, then has a turn, signed as Layercode signs.
 *
 * @module
 */
import {
  newId,
  readAnswer,
  sendEvent,
} from "../../platforms/layercode/client.ts";
import { readKeptSecret } from "../../settings/secret.ts";
import { judgeClock } from "./clock.ts";
import {
  ask,
  compareClocks,
  isTimeout,
  readStart,
  type Reply,
  shown,
  whyUnreachable,
} from "./net.ts";
import { findings, type Patient, type Result } from "./result.ts";
import { findRunning, toRunning } from "./running.ts";
import { explainRefusal, findRedirect, findTunnelPage } from "./tunnel.ts";

const { ok, warn, fail, skipped } = findings("public URL");

/** How long an answer must take for its pieces' times to tell something. */
const TELLING_MS = 1_000;

/** Pieces this close together came at once. */
const AT_ONCE_MS = 50;

/** Tries the public address, where one was given. */
export async function checkPublicUrl(
  patient: Patient,
  signal: AbortSignal,
): Promise<Result[]> {
  const { publicUrl: url, config } = patient;
  if (url === undefined) {
    return [skipped("--url https://… sends a turn through your tunnel")];
  }
  const results = judgeScheme(url);
  let health: Reply;
  try {
    health = await ask(healthOf(url), { signal });
  } catch (error) {
    return [...results, explainUnreachable(error, url)];
  }
  const obstacle = findRedirect(health, healthOf(url)) ??
    findTunnelPage(health);
  if (obstacle) return [...results, fail(obstacle.detail, obstacle.mend)];
  results.push(...await identify(health, patient, signal));
  const difference = compareClocks(health);
  const clock = difference && judgeClock(difference, url.host);
  if (clock && clock.status !== "ok") results.push(clock);

  const secret = config.webhookSecrets[0] ??
    await readKeptSecret(config.dataDir);
  if (secret === undefined) {
    return [
      ...results,
      fail(
        "no turn was sent: there is no webhook secret to sign it with",
        "start the server once (deno task start), or set LAYERCODE_WEBHOOK_SECRET",
      ),
    ];
  }
  return [...results, ...await takeTurn(url, secret, patient, signal)];
}

function judgeScheme(url: URL): Result[] {
  const isLocal = /^(localhost|127\.|\[::1\])/.test(url.hostname);
  if (url.protocol === "https:" || isLocal) return [];
  return [
    warn(
      `${shown(url)} is not encrypted: what callers say can be read on the way`,
      "use https://",
    ),
  ];
}

/** `/health` beside the webhook. */
function healthOf(url: URL): URL {
  return new URL(
    url.pathname.replace(/(\/api)?\/[^/]*\/?$/, "") + "/health",
    url,
  );
}

function explainUnreachable(error: unknown, url: URL): Result {
  const why = whyUnreachable(error);
  const mend = /name/.test(why)
    ? "check the spelling; a tunnel's name is gone when the tunnel ends, and a new one needs some seconds"
    : /certificate/.test(why)
    ? "give the server a certificate that is trusted (Let's Encrypt), or let a tunnel or proxy speak https for it"
    : "start the server and the tunnel, and check the firewall";
  return fail(`cannot reach ${shown(url)}: ${why}`, mend);
}

/** Whether it is Parley that answers, and the one that runs here. */
async function identify(
  health: Reply,
  { config }: Patient,
  signal: AbortSignal,
): Promise<Result[]> {
  const there = toRunning("", health.json);
  if (there === undefined) {
    return [
      warn(
        `/health there is not Parley's (status ${health.status})`,
        "point the tunnel to Parley's PORT; if only the webhook's path is public, all is well",
      ),
    ];
  }
  const here = await findRunning(config, signal);
  const name = `Parley ${there.version} answers there`;
  if (here === undefined) return [ok(`${name}; none runs here`)];
  const isSame = here.version === there.version &&
    here.model === there.model &&
    Math.abs(here.uptimeSeconds - there.uptimeSeconds) <= 2;
  return [
    isSame ? ok(`${name}, the one that runs here`) : warn(
      `${name}, but another than the one that runs here`,
      "point the tunnel to this one's PORT, if it is meant to be this one",
    ),
  ];
}

/** Sends a real turn and reads its answer. */
async function takeTurn(
  url: URL,
  secret: string,
  { config }: Patient,
  signal: AbortSignal,
): Promise<Result[]> {
  const conversationId = newId("conv_doctor");
  const event = {
    type: "message",
    conversation_id: conversationId,
    session_id: newId("sess"),
    turn_id: newId("turn"),
    text: "Hello, can you hear me?",
  };
  const startedAt = performance.now();
  const elapsed = () => performance.now() - startedAt;
  const heard: number[] = [];
  let said = "";
  let ended = false;
  try {
    const response = await sendEvent(event, { url: url.href, secret }, signal);
    const type = response.headers.get("content-type") ?? "";
    if (response.status !== 200 || !type.startsWith("text/event-stream")) {
      const { status, headers } = response;
      const answer = { status, headers, text: await readStart(response) };
      const { detail, mend } = explainRefusal(answer, url);
      return [fail(detail, mend)];
    }
    for await (const { type, content } of readAnswer(response)) {
      if (type === "response.tts") {
        heard.push(elapsed());
        said += String(content);
      } else if (type === "response.end") ended = true;
    }
  } catch (error) {
    if (!isTimeout(error)) return [brokenOff(whyUnreachable(error))];
    return [brokenOff(`no end after ${Math.round(elapsed() / 1000)} s`)];
  }
  if (!ended) return [brokenOff("no response.end came")];
  const total = elapsed();
  const [first] = heard;
  if (said.trim() === config.agent.errorMessage.trim()) {
    return [
      fail(
        "a turn was answered with ERROR_MESSAGE: the model there fails",
        "see the language model above, and the server's log",
      ),
    ];
  }
  const results = [
    ok(
      `a signed turn was answered: first word after ${
        first === undefined ? "none" : `${Math.round(first)} ms`
      }, all of it after ${
        Math.round(total)
      } ms (conversation ${conversationId})`,
    ),
  ];
  if (total > TELLING_MS && isBuffered(heard)) {
    results.push(warn(
      "all of the answer came at once, at its end: a proxy seems to collect it first",
      "switch off buffering there (nginx: proxy_buffering off); callers wait for the whole answer otherwise",
    ));
  }
  return results;
}

/** Of one or two pieces it can't be told. */
function isBuffered(heard: number[]): boolean {
  const [first = 0] = heard;
  return heard.length > 2 && (heard.at(-1) ?? 0) - first < AT_ONCE_MS;
}

function brokenOff(why: string): Result {
  return fail(
    `the answer broke off: ${why}`,
    "see the server's log; a proxy must let an answer take its time (nginx: proxy_read_timeout)",
  );
}
