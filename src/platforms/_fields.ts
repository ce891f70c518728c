/**
 * Reads what a platform or a page sent as JSON, as far as it is needed: fields
 * that nobody knows are left out.
 *
 * @module
 */
import * as v from "@badrap/valita";
import { HttpError } from "../server/http.ts";

/** A field that Parley can do without: of a wrong type, it counts as missing. A caller who waits matters more. */
export function lenient<T>(type: v.Type<T>): v.Optional<T | undefined> {
  return v.union(type, v.unknown().map(() => undefined)).optional();
}

/** A text that says something. */
export const filled = v.string().assert((value) => value !== "");

/** A refusal of what was sent. */
export function invalid(message: string, code = "invalid_request"): HttpError {
  return new HttpError(400, code, message);
}

/**
 * Reads the fields of a body.
 *
 * @throws {HttpError} 400 that names the field at fault, in the sender's words
 */
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
