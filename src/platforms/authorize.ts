/**
 * The types of the owner's handler in `agent/authorize.ts`, which decides whether
 * a page may start a call.
 *
 * @module
 */

/** A page's request to start a call. */
export interface AuthorizeRequest {
  /** The headers of the HTTP request, such as `cookie` and `authorization`. */
  headers: Headers;
  /** The IP address of the caller. */
  address: string;
  /** The platform's id of the agent to talk to. */
  agentId: string;
  /** The conversation that the page wants to continue. Absent: a new one. */
  conversationId?: string;
  /** What the page says about its caller. Anybody who uses the page can change it. */
  untrustedMetadata: Record<string, unknown>;
  /** Aborted when the handler took too long; the request is refused then. */
  signal: AbortSignal;
}

/** Allows the page to start a call. */
export interface Approval {
  /** Distinguishes an approval from a denial. */
  allow: true;
  /** What tools and the prompt get to know about the caller. It counts as trusted. */
  metadata?: Record<string, unknown>;
  /**
   * The conversation to continue; `null` for a new one. Absent: the one that the
   * page wants, if it has a token for it, for this user.
   */
  conversationId?: string | null;
  /** The user who is logged in. No other user can continue the conversation. */
  user?: string;
}

/** Refuses the call. */
export interface Denial {
  /** Distinguishes an approval from a denial. */
  allow: false;
  /** The reason, for the log. */
  reason: string;
  /** Whether the page gets the reason, too. Default: it only learns that it was refused. */
  tellPage?: boolean;
}

/** The owner's handler. */
export type AuthorizeHandler = (
  request: AuthorizeRequest,
) => Approval | Denial | Promise<Approval | Denial>;
