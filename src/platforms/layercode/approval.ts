/**
 * Asks the owner's handler, and lets nobody in where it fails.
 *
 * @module
 */
import { HttpError } from "../../server/http.ts";
import type { Log } from "../../server/log.ts";
import type {
  Approval,
  AuthorizeHandler,
  AuthorizeRequest,
} from "../authorize.ts";

/** Who is asked, and how. */
export interface ApprovalParts {
  /** The owner's handler. */
  authorize: AuthorizeHandler;
  /** Told of refusals and failures. */
  log: Log;
  /** How long the handler may take. */
  timeoutMs: number;
}

/**
 * Asks the owner's handler.
 *
 * @returns its approval
 * @throws {HttpError} 403 when it refuses, 500 when it fails or takes too long
 */
export async function askOwner(
  question: Omit<AuthorizeRequest, "signal">,
  { authorize, log, timeoutMs }: ApprovalParts,
): Promise<Approval> {
  const late = Promise.withResolvers<never>();
  const controller = new AbortController();
  const timer = setTimeout(() => {
    const error = new Error(`authorize() took longer than ${timeoutMs} ms`);
    controller.abort(error);
    late.reject(error);
  }, timeoutMs);
  try {
    const { signal } = controller;
    const answer = authorize({ ...question, signal });
    const decision = await Promise.race([answer, late.promise]);
    if (decision.allow === true) return decision;
    const { reason, tellPage = false } = decision;
    log.info("authorize.denied", { reason });
    throw new HttpError(
      403,
      "not_authorized",
      tellPage ? reason : "You may not start a call here",
    );
  } catch (error) {
    if (error instanceof HttpError) throw error;
    log.error("authorize.failed", { error });
    throw new HttpError(500, "internal", "Something went wrong here");
  } finally {
    clearTimeout(timer);
  }
}
