/**
 * Stand-in for `@std/http/server-sent-event-stream`, used only where JSR is
 * out of reach (see pick.ts). It frames messages as the real one does, byte
 * for byte; tests/offline/std_test.ts runs on both.
 *
 * Format: https://html.spec.whatwg.org/multipage/server-sent-events.html
 *
 * @module
 */

const LINE_BREAK = /\r\n|\r|\n/;

/** One server-sent event, or a comment alone. */
export interface ServerSentEventMessage {
  /** Ignored by the client. */
  comment?: string;
  /** The type of the event. */
  event?: string;
  /** The payload; every line of it becomes a `data` line. */
  data?: string;
  /** What the client sends back as `Last-Event-ID`. */
  id?: string | number;
  /** How long the client waits before it reconnects, in milliseconds. */
  retry?: number;
}

/**
 * Turns messages into the bytes of a `text/event-stream` body.
 *
 * The stream errors with a `SyntaxError` when `event` or `id` has a line break,
 * which would end the field early.
 */
export class ServerSentEventStream
  extends TransformStream<ServerSentEventMessage, Uint8Array> {
  /** Makes a stream that is ready to be piped through. */
  constructor() {
    const encoder = new TextEncoder();
    super({
      transform(message, controller) {
        controller.enqueue(encoder.encode(frame(message)));
      },
    });
  }
}

function frame(
  { comment, event, data, id, retry }: ServerSentEventMessage,
): string {
  const lines = [
    ...fields("", comment?.split(LINE_BREAK)),
    ...fields("event", oneLine("event", event)),
    ...fields("data", data?.split(LINE_BREAK)),
    ...fields("id", oneLine("id", id)),
    ...fields("retry", retry === undefined ? undefined : [retry]),
  ];
  return lines.join("\n") + "\n\n";
}

function fields(name: string, values: (string | number)[] = []): string[] {
  return values.map((value) => `${name}:${value}`);
}

function oneLine(
  name: string,
  value: string | number | undefined,
): [string] | undefined {
  if (value === undefined) return undefined;
  if (LINE_BREAK.test(`${value}`)) {
    throw new SyntaxError(
      `Cannot serialize message: \`message.${name}\` cannot contain a newline`,
    );
  }
  return [`${value}`];
}
