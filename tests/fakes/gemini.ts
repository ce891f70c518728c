/**
 * A stand-in for the Gemini API on loopback: the streamed answer, the model's
 * description and the errors, in Google's own words and spacing. What it says
 * is scripted by the test; what Google would refuse before calling the model
 * (a wrong key, an unknown model, a call without its signature) it refuses too,
 * and takes no answer from the script for it.
 *
 * Follows https://ai.google.dev/api/generate-content and
 * https://ai.google.dev/gemini-api/docs/thought-signatures, and error bodies as
 * the service sent them in 2026.
 *
 * @module
 */

import {
  encode,
  type Fake,
  type Fault,
  faultWire,
  type Pace,
  paceOf,
  readScript,
  type RecordedRequest,
  type Script,
  startFake,
  type WireAnswer,
} from "./_wire.ts";

export {
  type Fake,
  type Outcome,
  type Pace,
  type RawAnswer,
  type RecordedRequest,
  type Script,
  splitAt,
} from "./_wire.ts";

/** A part of a message, as Google writes it. */
export interface GeminiPart {
  text?: string;
  thought?: boolean;
  thoughtSignature?: string;
  functionCall?: { name: string; args?: Record<string, unknown>; id?: string };
  functionResponse?: { name: string; response?: unknown; id?: string };
}

/** The fields of a request for an answer that tests look at. */
export interface GeminiRequestBody {
  contents?: { role?: string; parts?: GeminiPart[] }[];
  systemInstruction?: { role?: string; parts?: GeminiPart[] };
  tools?: {
    functionDeclarations?: {
      name: string;
      description?: string;
      parametersJsonSchema?: unknown;
    }[];
  }[];
  toolConfig?: unknown;
  generationConfig?: Record<string, unknown>;
}

/**
 * What the model does. Without `chunks`, it says nothing. An answer without a
 * fault has a `finishReason` in its last chunk, like Google's.
 */
export type GeminiAnswer =
  | Fault
  | Pace
    & (
      | { kind: "text"; chunks: string[]; finishReason?: string }
      /** Thought parts, then the text, then an empty part with the signature. */
      | {
        kind: "thought";
        thoughts: string[];
        chunks: string[];
        signature?: string;
      }
      /** All calls in one chunk, the signature on the first of them; then an empty last chunk. */
      | {
        kind: "tool-calls";
        calls: GeminiCall[];
        chunks?: string[];
        signature?: string;
      }
      /** The prompt is refused: one chunk without candidates. */
      | { kind: "blocked"; reason?: string }
      /** Stopped in mid-answer, with or without text in the last chunk. */
      | {
        kind: "safety";
        chunks?: string[];
        lastText?: string;
        finishReason?: string;
      }
      /** Ends without a fault but says nothing; `no-chunks` has no body at all. */
      | { kind: "empty"; shape?: "no-parts" | "no-candidates" | "no-chunks" }
      | { kind: "max-tokens"; chunks?: string[] }
      /** An error status, in Google's format unless `body` is given (a proxy's page, say). */
      | {
        kind: "status";
        status: number;
        message?: string;
        retryDelay?: string;
        retryAfter?: string;
        body?: string;
      }
      /** An error object inside the 200 stream. */
      | {
        kind: "error-chunk";
        chunks?: string[];
        status?: number;
        message?: string;
      }
    );

/** A call the model makes. */
export interface GeminiCall {
  name: string;
  args?: Record<string, unknown>;
  id?: string;
}

/** What a stand-in accepts. */
export interface FakeGeminiOptions {
  /** The only valid key. Default: `test-key`. */
  apiKey?: string;
  /** The available models. */
  models?: readonly string[];
}

const MODELS = [
  "gemini-2.5-flash",
  "gemini-2.5-flash-lite",
  "gemini-3.1-flash-lite",
  "gemini-3.5-flash-lite",
  "gemini-3.8-flash",
];

/** A signature: any non-empty string, since the stand-in checks only that there is one. */
const SIGNATURE =
  "CiwBVKhc7tZ0bW9jay1zaWduYXR1cmUtb2YtYS1zdGFuZC1pbi1tb2RlbA==";

/**
 * Starts a stand-in for `https://generativelanguage.googleapis.com`.
 *
 * @param script The answers to `streamGenerateContent`, one a request, or a
 * function that makes them. Once the list is used up, requests get a 500.
 *
 * @example
 * ```ts ignore
 * await using gemini = startFakeGemini([{ kind: "text", chunks: ["Hel", "lo"] }]);
 * // ... point the client's base address at gemini.url
 * ```
 */
export function startFakeGemini(
  script: Script<GeminiAnswer, GeminiRequestBody>,
  { apiKey = "test-key", models = MODELS }: FakeGeminiOptions = {},
): Fake<GeminiRequestBody> {
  const next = readScript(script);
  return startFake<GeminiRequestBody>((request) => {
    const refused = refuseKey(request, apiKey);
    if (refused) return refused;
    const [, model = "", task] =
      /^\/v1beta\/models\/([^/:]+)(?::(\w+))?$/.exec(request.path) ?? [];
    if (!models.includes(model)) {
      return googleError(404, unknownModel(model, task));
    }
    if (request.method === "GET" && task === undefined) {
      return json(200, describe(model));
    }
    if (request.method !== "POST" || task !== "streamGenerateContent") {
      return googleError(
        404,
        `The stand-in has no ${request.method} ${request.path}`,
      );
    }
    if (request.query.get("alt") !== "sse") {
      return googleError(400, "The stand-in streams with alt=sse only");
    }
    const wrong = refuseBody(model, request.body ?? {});
    if (wrong) return googleError(400, wrong);
    const answer = next(request);
    return answer
      ? toWire(answer, model)
      : googleError(500, "The stand-in's script has run out");
  });
}

function toWire(answer: GeminiAnswer, model: string): WireAnswer {
  const { say, event } = createEvents(model);
  const texts = (chunks: string[] = []) =>
    chunks.map((text) => say([{ text }]));
  const wire = (pieces: Uint8Array[]): WireAnswer => ({
    ...paceOf(answer),
    status: 200,
    contentType: "text/event-stream",
    pieces,
  });
  switch (answer.kind) {
    case "text": {
      const { chunks, finishReason = "STOP" } = answer;
      const last = chunks.slice(-1).map((text) => ({ text }));
      return wire([...texts(chunks.slice(0, -1)), say(last, finishReason)]);
    }
    case "thought": {
      const { signature: thoughtSignature = SIGNATURE } = answer;
      return wire([
        ...answer.thoughts.map((text) => say([{ text, thought: true }])),
        ...texts(answer.chunks),
        say([{ text: "", thoughtSignature }], "STOP"),
      ]);
    }
    case "tool-calls": {
      const { signature: thoughtSignature = SIGNATURE } = answer;
      const parts = answer.calls.map((functionCall, index): GeminiPart =>
        index === 0 ? { functionCall, thoughtSignature } : { functionCall }
      );
      return wire([
        ...texts(answer.chunks),
        say(parts),
        say([{ text: "" }], "STOP"),
      ]);
    }
    case "blocked":
      return wire([
        event({ promptFeedback: { blockReason: answer.reason ?? "SAFETY" } }),
      ]);
    case "safety": {
      const { chunks, lastText, finishReason = "SAFETY" } = answer;
      const parts = lastText === undefined ? undefined : [{ text: lastText }];
      return wire([
        ...texts(chunks),
        say(parts, finishReason, { safetyRatings: RATINGS }),
      ]);
    }
    case "empty":
      if (answer.shape === "no-chunks") return wire([]);
      return wire([
        answer.shape === "no-candidates" ? event({}) : say([], "STOP"),
      ]);
    case "max-tokens":
      return wire([...texts(answer.chunks), say([], "MAX_TOKENS")]);
    case "status": {
      const { status, body, message, retryDelay, retryAfter } = answer;
      const error = body === undefined
        ? googleError(status, message, { model, retryDelay })
        : {
          status,
          contentType: "text/html; charset=UTF-8",
          pieces: [encode(body)],
        };
      return { ...error, retryAfter, ...paceOf(answer) };
    }
    case "error-chunk": {
      const error = errorObject(answer.status ?? 503, answer.message);
      return wire([...texts(answer.chunks), sse({ error })]);
    }
    default:
      return faultWire(answer, "text/event-stream", texts);
  }
}

/** Makes the events of one answer, which share an id and a count of tokens. */
function createEvents(model: string) {
  const responseId = btoa(crypto.randomUUID().slice(0, 15));
  const tokens = { prompt: 12, answer: 0, thought: 0 };

  /** An event with a candidate; without `parts` it has no content, as after a stop for safety. */
  function say(
    parts?: GeminiPart[],
    finishReason?: string,
    more: Record<string, unknown> = {},
  ): Uint8Array {
    for (const part of parts ?? []) {
      tokens[part.thought ? "thought" : "answer"] += Math.ceil(
        JSON.stringify(part).length / 8,
      );
    }
    const content = parts &&
      { ...(parts.length > 0 ? { parts } : {}), role: "model" };
    return event({
      candidates: [{ content, finishReason, index: 0, ...more }],
    });
  }

  /** An event with the fields that all of Google's have. */
  function event(fields: Record<string, unknown>): Uint8Array {
    return sse({
      ...fields,
      usageMetadata: {
        promptTokenCount: tokens.prompt,
        candidatesTokenCount: tokens.answer || undefined,
        totalTokenCount: tokens.prompt + tokens.answer + tokens.thought,
        promptTokensDetails: [{ modality: "TEXT", tokenCount: tokens.prompt }],
        thoughtsTokenCount: tokens.thought || undefined,
      },
      modelVersion: model,
      responseId,
    });
  }

  return { say, event };
}

function refuseKey(
  request: RecordedRequest,
  apiKey: string,
): WireAnswer | undefined {
  const key = request.headers.get("x-goog-api-key") ?? request.query.get("key");
  if (!key) {
    return googleError(
      403,
      "Method doesn't allow unregistered callers (callers without established identity). " +
        "Please use API Key or other form of API consumer identity to call this API.",
    );
  }
  if (key === apiKey) return undefined;
  const message = "API key not valid. Please pass a valid API key.";
  return json(400, {
    error: {
      ...errorObject(400, message),
      details: [
        {
          "@type": "type.googleapis.com/google.rpc.ErrorInfo",
          reason: "API_KEY_INVALID",
          domain: "googleapis.com",
          metadata: { service: "generativelanguage.googleapis.com" },
        },
        {
          "@type": "type.googleapis.com/google.rpc.LocalizedMessage",
          locale: "en-US",
          message,
        },
      ],
    },
  });
}

/** Refuses the most common mistakes of clients, in Google's words. */
function refuseBody(
  model: string,
  body: GeminiRequestBody,
): string | undefined {
  const contents = body.contents ?? [];
  if (contents.length === 0) {
    return "* GenerateContentRequest.contents: contents is not specified\n";
  }
  const thinking = body.generationConfig?.thinkingConfig;
  if (
    typeof thinking === "object" && thinking !== null &&
    "thinkingLevel" in thinking
  ) {
    if ("thinkingBudget" in thinking) {
      return "You can only set only one of thinking budget and thinking level.";
    }
    if (model.startsWith("gemini-2")) {
      return "Thinking level is not supported for this model.";
    }
  }
  // From generation 3 on, each step of the current turn must bring back its first call's signature.
  if (model.startsWith("gemini-2")) return undefined;
  const asked = contents.findLastIndex(({ role, parts }) =>
    role !== "model" &&
    parts?.some(({ functionResponse }) => functionResponse === undefined)
  );
  for (
    const [offset, { role, parts = [] }] of contents.slice(asked + 1).entries()
  ) {
    const call = role === "model"
      ? parts.find((part) => part.functionCall)
      : undefined;
    if (call?.functionCall && !call.thoughtSignature) {
      return "Function call is missing a thought_signature in functionCall parts. This is required " +
        "for tools to work correctly, and missing thought_signature may lead to degraded model " +
        `performance. Additional data, function call \`default_api:${call.functionCall.name}\` , ` +
        `position ${asked + 2 + offset}. Please refer to ` +
        "https://ai.google.dev/gemini-api/docs/thought-signatures for more details.";
    }
  }
  return undefined;
}

function unknownModel(model: string, task = "generateContent"): string {
  return `models/${model} is not found for API version v1beta, or is not supported for ${
    task === "streamGenerateContent" ? "generateContent" : task
  }. Call ModelService.ListModels to see the list of available models and their supported methods.`;
}

function describe(model: string): Record<string, unknown> {
  const title = model.replace("gemini-", "Gemini ").replace("-flash", " Flash")
    .replace("lite", "Lite");
  return {
    name: `models/${model}`,
    version: "001",
    displayName: title,
    description: `Stable version of ${title}`,
    inputTokenLimit: 1048576,
    outputTokenLimit: 65536,
    supportedGenerationMethods: [
      "generateContent",
      "countTokens",
      "createCachedContent",
      "batchGenerateContent",
    ],
    temperature: 1,
    topP: 0.95,
    topK: 64,
    maxTemperature: 2,
    thinking: true,
  };
}

const RATINGS = [
  { category: "HARM_CATEGORY_HARASSMENT", probability: "NEGLIGIBLE" },
  { category: "HARM_CATEGORY_HATE_SPEECH", probability: "NEGLIGIBLE" },
  { category: "HARM_CATEGORY_SEXUALLY_EXPLICIT", probability: "NEGLIGIBLE" },
  {
    category: "HARM_CATEGORY_DANGEROUS_CONTENT",
    probability: "HIGH",
    blocked: true,
  },
];

/** Google's canonical code and usual message for each status. */
const ERRORS: Record<number, [status: string, message: string]> = {
  400: ["INVALID_ARGUMENT", "Request contains an invalid argument."],
  401: [
    "UNAUTHENTICATED",
    "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential.",
  ],
  403: ["PERMISSION_DENIED", "The caller does not have permission"],
  404: ["NOT_FOUND", "Requested entity was not found."],
  429: [
    "RESOURCE_EXHAUSTED",
    "You exceeded your current quota, please check your plan and billing details. For more information on this error, head to: https://ai.google.dev/gemini-api/docs/rate-limits.",
  ],
  500: ["INTERNAL", "Internal error encountered."],
  503: [
    "UNAVAILABLE",
    "This model is currently experiencing high demand. Spikes in demand are usually temporary. Please try again later.",
  ],
  504: [
    "DEADLINE_EXCEEDED",
    "Deadline expired before operation could complete.",
  ],
};

function errorObject(code: number, message?: string): Record<string, unknown> {
  const [status, usual] = ERRORS[code] ?? ["UNKNOWN", "Unknown error."];
  return { code, message: message ?? usual, status };
}

function googleError(
  status: number,
  message?: string,
  quota: { model?: string; retryDelay?: string | undefined } = {},
): WireAnswer {
  const details = status === 429 ? quotaDetails(quota) : undefined;
  return json(status, { error: { ...errorObject(status, message), details } });
}

function quotaDetails(
  { model, retryDelay = "34.074824224s" }: {
    model?: string;
    retryDelay?: string | undefined;
  },
): unknown[] {
  return [
    {
      "@type": "type.googleapis.com/google.rpc.Help",
      links: [{
        description: "Learn more about Gemini API quotas",
        url: "https://ai.google.dev/gemini-api/docs/rate-limits",
      }],
    },
    {
      "@type": "type.googleapis.com/google.rpc.QuotaFailure",
      violations: [{
        quotaMetric:
          "generativelanguage.googleapis.com/generate_content_free_tier_requests",
        quotaId: "GenerateRequestsPerMinutePerProjectPerModel-FreeTier",
        quotaDimensions: { location: "global", model },
        quotaValue: "15",
      }],
    },
    { "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay },
  ];
}

function json(status: number, value: unknown): WireAnswer {
  return {
    status,
    contentType: "application/json; charset=UTF-8",
    pieces: [encode(`${JSON.stringify(value, null, 2)}\n`)],
  };
}

function sse(event: Record<string, unknown>): Uint8Array {
  return encode(`data: ${googleJson(event)}\r\n\r\n`);
}

/** JSON as Google streams it: a space after each colon, none after a comma, no raw angle bracket. */
function googleJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(googleJson).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    const fields = Object.entries(value).filter(([, field]) =>
      field !== undefined
    );
    return `{${
      fields.map(([key, field]) =>
        `${JSON.stringify(key)}: ${googleJson(field)}`
      ).join(",")
    }}`;
  }
  return JSON.stringify(value).replace(
    /[<>\u2028\u2029]/g,
    (character) =>
      `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
