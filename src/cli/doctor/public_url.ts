/**
 * Has a turn with the server at its public address, signed as Layercode signs,
 * and says what stands in the way: a tunnel that is gone, a proxy that
 * redirects or collects the answer, another secret.
 *
 * @module
 */
import {
  type AnswerEvent,
  newId,
  readAnswer,
  sendEvent,
} from "../../platforms/layercode/client.ts";
import { explain } from "../../server/log.ts";
import type { Finding } from "../../settings/finding.ts";
import { followAnswer, isStream } from "../_answer.ts";

const TITLE = "public URL";

/**
 * Tries the public address.
 *
 * @param secret to sign with; the server at the address must know it
 * @param signal ends the turn; a model may take its time
 */
export async function checkPublicUrl(
  url: URL,
  secret: string,
  signal: AbortSignal,
): Promise<Finding[]> {
  const event = {
    type: "message",
    conversation_id: newId("conv_doctor"),
    session_id: newId("sess"),
    turn_id: newId("turn"),
    text: "Hello, can you hear me?",
  };
  const startedAt = performance.now();
  let response: Response;
  try {
    const client = { url: url.href, secret, withDetails: true };
    response = await sendEvent(event, client, signal);
  } catch (error) {
    return [fail(
      `cannot reach ${url.href}: ${explain(error)}`,
      "start the server and the tunnel, and check the address; a tunnel's name is " +
        "gone when the tunnel ends, and a new one needs some seconds",
    )];
  }
  if (!isStream(response)) {
    const text = await response.text().catch(explain);
    return [fail(...explainRefusal(response, text, url))];
  }
  const events: TimedEvent[] = [];
  const elapsed = () => Math.round(performance.now() - startedAt);
  const reason = await followAnswer(readAnswer(response), (event) => {
    events.push({ event, atMs: elapsed() });
  });
  if (reason === undefined) return judgeAnswer(events);
  return [fail(
    `the answer broke off after ${elapsed()} ms: ${reason}`,
    "see the server's log; a proxy must let an answer take its time (nginx: proxy_read_timeout)",
  )];
}

/** An event of the answer, and how long after the turn's beginning it came. */
interface TimedEvent {
  event: AnswerEvent;
  atMs: number;
}

function fail(detail: string, fix: string): Finding {
  return { status: "fail", title: TITLE, detail, fix };
}

/** An answer must take this long for the times of its pieces to tell something. */
const TELLING_MS = 1_000;

/** Pieces this close together came at once. */
const AT_ONCE_MS = 50;

/** Says how the turn went, and whether its answer came piece by piece. */
function judgeAnswer(events: readonly TimedEvent[]): Finding[] {
  const ofType = (type: string) =>
    events.filter(({ event }) => event.type === type);
  const endMs = ofType("response.end")[0]?.atMs ?? 0;
  const turn = ofType("parley.turn")[0]?.event;
  if (turn?.status === "failed") {
    return [fail(
      "the turn was answered with ERROR_MESSAGE: the model there fails",
      "see the language model above, and the server's log",
    )];
  }
  const words = ofType("response.tts");
  const firstMs = words[0]?.atMs ?? endMs;
  const who = turn ? ` by ${turn.provider}, ${turn.model}` : "";
  const findings: Finding[] = [{
    status: "ok",
    title: TITLE,
    detail:
      `a signed turn was answered${who}: first word after ${firstMs} ms, ` +
      `all of it after ${endMs} ms`,
  }];
  // Of one or two pieces it can't be told.
  const isCollected = endMs > TELLING_MS && words.length > 2 &&
    words.every(({ atMs }) => atMs - firstMs < AT_ONCE_MS);
  if (isCollected) {
    findings.push({
      status: "warn",
      title: TITLE,
      detail:
        "all of the answer came at once, at its end: a proxy seems to collect it first",
      fix:
        "switch off buffering there (nginx: proxy_buffering off); callers wait for the whole answer otherwise",
    });
  }
  return findings;
}

/** What is wrong, and how to fix it. */
type Explanation = [detail: string, fix: string];

/** Says why a signed turn was not answered with a stream, and how to fix that. */
function explainRefusal(
  response: Response,
  text: string,
  url: URL,
): Explanation {
  const byTunnel = explainTunnel(response, text, url);
  if (byTunnel) return byTunnel;
  const { status } = response;
  const said = /"message":\s*"([^"]*)"/.exec(text)?.[1];
  const because = said ? `(${status}): ${said}` : `(${status})`;
  if (status === 401 && /clocks/.test(text)) {
    return [
      "the server refuses the signature's time: the clocks differ",
      "have both machines' clocks set by the network",
    ];
  }
  switch (status) {
    case 200:
      return [
        "the turn was answered with status 200",
        "the address must be Parley's, with /agent at its end",
      ];
    case 401:
      return [
        `the server refuses our signature ${because}`,
        "both need the same LAYERCODE_WEBHOOK_SECRET; start the server again after changing it",
      ];
    case 403:
      return [
        `something before the server refuses strangers ${because}`,
        "let Layercode's POST through at the proxy or firewall; it brings its signature",
      ];
    case 404:
    case 405:
      return [
        `${url.pathname} is not the webhook's path (${status})`,
        `try ${new URL("/agent", url)}`,
      ];
    default:
      return [`the turn was refused ${because}`, "look at the server's log"];
  }
}

/** Says what a tunnel or proxy means that answers in the server's place. */
function explainTunnel(
  { status, headers }: Response,
  text: string,
  url: URL,
): Explanation | undefined {
  const location = headers.get("location");
  if (location !== null) {
    return [
      `${url.href} redirects (${status}) to ${location}: what is posted gets lost`,
      "give Layercode the address that it redirects to",
    ];
  }
  const code = `${headers.get("ngrok-error-code")} ${text}`;
  const [ngrok] = /ERR_NGROK_\d+/.exec(code) ?? [];
  if (ngrok) {
    return [
      `ngrok can't reach the server (${ngrok})`,
      "start the server, and the tunnel to its PORT: ngrok http 3000",
    ];
  }
  if (status === 530) {
    return [
      "the tunnel is gone (530 from Cloudflare)",
      "start it again (cloudflared tunnel --url http://localhost:3000); its address " +
      "is a new one each time, so enter that in Layercode's dashboard",
    ];
  }
  if (!/^(50[24]|52\d)$/.test(`${status}`)) return undefined;
  return [
    `a tunnel or proxy can't reach the server behind it (${status})`,
    "start the server, and point the tunnel or proxy to its HOST and PORT",
  ];
}
