/**
 * What an owner is asked before a page may start a call, and what the owner
 * can answer. The answer itself is given in `agent/authorize.ts`.
 *
 * @module
 */

/** What is known of a page that asks to start a call. */
export interface AuthorizeRequest {
  /** Headers as they came, such as `cookie` and `authorization`. */
  headers: Headers;
  /** The IP address of the caller. */
  address: string;
  /** The agent to talk to, by the platform's id. */
  agentId: string;
  /** The conversation that the page wants to go on with. Absent: a new one. */
  conversationId?: string;
  /** What the page says of its caller. Whoever uses the page can change it. */
  untrustedMetadata: Record<string, unknown>;
  /** Aborted when the time to answer is over; nobody is let in then. */
  signal: AbortSignal;
}

/** Lets a page start a call. */
export interface Approval {
  /** Tells an approval from a refusal. */
  allow: true;
  /** What tools and the prompt get to know of the caller, as the owner's word. */
  metadata?: Record<string, unknown>;
  /**
   * The conversation to go on with; `null` for a new one. Absent: the one that
   * the page wants, if this browser was given it, for this user.
   */
  conversationId?: string | null;
  /** Who is logged in. A conversation is given to one user of a browser, not to all. */
  user?: string;
}

/** Lets no call start. */
export interface Denial {
  /** Tells an approval from a refusal. */
  allow: false;
  /** Why. For the log. */
  reason: string;
  /** Whether the page is told the reason. Default: only that it may not. */
  tellPage?: boolean;
}

/** The owner's answer. */
export type AuthorizeHandler = (
  request: AuthorizeRequest,
) => Approval | Denial | Promise<Approval | Denial>;
