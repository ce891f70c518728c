/**
 * Whether Layercode takes the API key and knows the agent. The agent's
 * description is asked for, which costs nothing.
 *
 * https://docs.layercode.com/api-reference/rest-api
 *
 * @module
 */
import { ask, type Reply, shown, whyUnreachable } from "./net.ts";
import { findings, type Patient, type Result } from "./result.ts";
import { looksLikeExample } from "./secret.ts";

const { ok, warn, fail, skipped } = findings("layercode");

const GET_A_KEY =
  "copy it again from the settings of Layercode's dashboard into LAYERCODE_API_KEY";

/** Looks at the API key and the agent. */
export async function checkLayercode(
  { config, publicUrl }: Patient,
  signal: AbortSignal,
): Promise<Result[]> {
  const { apiKey, agentId, apiUrl } = config.layercode;
  if (apiKey === undefined) {
    return [
      skipped(
        "LAYERCODE_API_KEY is not set; only web pages need it (/authorize)",
      ),
    ];
  }
  if (looksLikeExample(apiKey) || !/^[\x21-\x7e]+$/.test(apiKey)) {
    return [fail("LAYERCODE_API_KEY is not what a key looks like", GET_A_KEY)];
  }
  let reply: Reply;
  try {
    const agent = agentId === undefined
      ? ""
      : `/${encodeURIComponent(agentId)}`;
    reply = await ask(`${apiUrl}/v1/agents${agent}`, {
      headers: { authorization: `Bearer ${apiKey}` },
      signal,
    });
  } catch (error) {
    return [
      fail(
        `cannot reach ${shown(apiUrl)}: ${whyUnreachable(error)}`,
        "check the network and LAYERCODE_API_URL; Layercode itself may be down",
      ),
    ];
  }
  if (reply.status !== 200) return [explainRefusal(reply, agentId)];
  const whose = agentId === undefined ? "" : `, and knows agent ${agentId}`;
  const results = [ok(`takes the API key${whose}`)];
  const webhook = agentId === undefined ? undefined : findWebhook(reply.json);
  if (webhook !== undefined) results.push(judgeWebhook(webhook, publicUrl));
  return results;
}

function explainRefusal(
  { status, json }: Reply,
  agentId: string | undefined,
): Result {
  const said = typeof json.error === "string" ? `: ${json.error}` : "";
  if (status === 404 && agentId !== undefined) {
    return fail(
      `there is no agent ${agentId}${said}`,
      "copy its id again from Layercode's dashboard into LAYERCODE_AGENT_ID",
    );
  }
  if ([400, 401, 403].includes(status)) {
    return fail(`the API key is refused (${status})${said}`, GET_A_KEY);
  }
  if (status >= 500) {
    return fail(
      `it answered with status ${status}${said}`,
      "Layercode seems to be down: try again later",
    );
  }
  return warn(
    `could not tell whether the key is good: status ${status}${said}`,
    "see whether a page gets a session key (/authorize)",
  );
}

/** The address that Layercode sends the agent's webhooks to, wherever it stands. */
function findWebhook(agent: unknown): string | undefined {
  if (typeof agent !== "object" || agent === null) return undefined;
  const { webhook_url: direct, config, agent: inner } = agent as Record<
    string,
    unknown
  >;
  if (typeof direct === "string") return direct;
  if (inner !== undefined) return findWebhook(inner);
  const { plugins, endpoint } = (config ?? {}) as Record<string, unknown>;
  if (typeof endpoint === "string") return endpoint;
  for (const plugin of Array.isArray(plugins) ? plugins : []) {
    const url = plugin?.options?.url;
    if (plugin?.use === "agent.webhook" && typeof url === "string") return url;
  }
  return undefined;
}

function judgeWebhook(webhook: string, publicUrl: URL | undefined): Result {
  if (!URL.canParse(webhook)) {
    return warn(
      "the agent's webhook is no address",
      "enter your server's, with /agent at its end, in Layercode's dashboard",
    );
  }
  const theirs = shown(webhook);
  if (publicUrl === undefined) {
    return ok(`the agent's webhook is ${theirs}; --url ${theirs} tries it`);
  }
  const ours = shown(publicUrl);
  return theirs === ours ? ok("the agent's webhook is this --url") : warn(
    `the agent's webhook is ${theirs}, not ${ours}`,
    "change it in Layercode's dashboard",
  );
}
