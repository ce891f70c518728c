/**
 * Whether the token that opens `/sessions` can be guessed.
 *
 * @module
 */
import { findings, type Patient, type Result } from "./result.ts";
import { looksLikeExample } from "./secret.ts";

const { ok, warn } = findings("admin token");

/** Shorter ones can be guessed: nothing limits how often one may try. */
const SHORT = 16;

/** Looks at `ADMIN_TOKEN`, if there is one. */
export function checkAdminToken({ config }: Patient): Promise<Result[]> {
  const { adminToken } = config;
  if (adminToken === undefined) return Promise.resolve([]);
  const isGood = adminToken.length >= SHORT && !looksLikeExample(adminToken);
  return Promise.resolve([
    isGood ? ok("ADMIN_TOKEN is set") : warn(
      "ADMIN_TOKEN is short or an example: whoever guesses it reads all " +
        "conversations",
      "make a long one, such as openssl rand -hex 24 prints",
    ),
  ]);
}
