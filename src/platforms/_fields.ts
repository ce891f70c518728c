/**
 * Validates the JSON that a platform or a page sent. Unknown fields are dropped.
 *
 * @module
 */
import * as v from "@badrap/valita";
import { HttpError } from "../server/http.ts";

/** Makes a field optional: a value of the wrong type counts as missing, so that the caller still gets an answer. */
export function lenient<T>(type: v.Type<T>): v.Optional<T | undefined> {
  return v.union(type, v.unknown().map(() => undefined)).optional();
}

/** A text that is not empty. */
export const filled = v.string().assert((value) => value !== "");

/** Creates a 400 with this message. */
export function invalid(message: string, code = "invalid_request"): HttpError {
  return new HttpError(400, code, message);
}

/** Reads the fields of a body. Throws a 400 that names the invalid one as the sender spells it. */
export function readFields<T>(schema: v.Type<T>, body: unknown, code?: string) {
  const result = schema.try(body, { mode: "strip" });
  if (result.ok) return result.value;
  const [issue] = result.issues;
  if (issue === undefined || issue.path.length === 0) {
    throw invalid("The body must be a JSON object", code);
  }
  const fault = issue.code === "missing_value"
    ? "is missing"
    : issue.code === "invalid_type"
    ? `must be of type ${issue.expected.join(" or ")}`
    : issue.code === "custom_error" && issue.message
    ? issue.message
    : "must not be empty";
  throw invalid(`Field "${issue.path.join(".")}" ${fault}`, code);
}
