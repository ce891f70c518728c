/**
 * Tells who asks by the key that they show.
 *
 * @module
 */
import { createBoundedLog } from "../../server/bounded_log.ts";
import { nodeCrypto } from "../../server/builtin.ts";
import { createJudge, type GuessParts } from "../../server/guesses.ts";
import { HttpError } from "../../server/http.ts";
import type { Sender } from "../../server/router.ts";

/** What is needed to tell who asks. */
export interface KeyParts extends GuessParts {
  /** The owner's. */
  keys: readonly string[];
}

/** How many letters of a key's hash name it. */
const NAME_LETTERS = 8;

/**
 * Makes what checks the key of a request.
 *
 * @returns a function that gives the key's name, a part of its hash, and throws
 * an {@linkcode HttpError} where there is no right key: 401, and 429 past 30
 * wrong ones of an address in a minute
 */
export function createKeyCheck(
  { keys, ...parts }: KeyParts,
): (request: Request, sender?: Sender) => string {
  const { createHash, timingSafeEqual } = nodeCrypto();
  const digest = (text: string) => createHash("sha256").update(text).digest();
  const known = keys.map(digest);
  const judge = createJudge(parts);
  const log = createBoundedLog(parts.log, parts.now);

  return function check(request, sender) {
    const key = readKey(request.headers);
    const hash = digest(key);
    // No early way out: the time taken must not tell which key it was.
    const [found] = known.filter((own) => timingSafeEqual(own, hash));
    const shown = key === "" ? [] : [key];
    const isRight = judge(shown, () => found !== undefined, {
      request,
      sender,
    });
    if (isRight && found) return found.toString("hex").slice(0, NAME_LETTERS);
    log.warn("completions.refused", { address: sender?.address });
    throw new HttpError(
      401,
      "invalid_api_key",
      "Send one of this server's API_KEYS, as authorization: Bearer <key>",
      { "www-authenticate": "Bearer" },
    );
  };
}

/** The key as OpenAI's clients send it, or bare, or as others do. */
function readKey(headers: Headers): string {
  const authorization = headers.get("authorization") ?? "";
  const bearer = authorization.replace(/^Bearer\b/i, "").trim();
  return bearer || (headers.get("x-api-key")?.trim() ?? "");
}
