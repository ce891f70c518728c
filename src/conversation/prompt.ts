/**
 * The system prompt of one turn: an owner's text with the time and the caller
 * filled in. Pure.
 *
 * @module
 */

/** What there is to fill in, besides the time. */
export interface PromptContext {
  /** What the owner attached when the session was authorised. */
  metadata: Record<string, unknown>;
  /** The caller's number, on phone calls. */
  fromPhoneNumber?: string;
}

/**
 * Fills in `{{date}}`, `{{time}}`, `{{caller}}` and `{{metadata.x}}`, where `x`
 * may be a path such as `user.name`. What isn't known becomes "unknown"; other
 * braces are left as they are.
 *
 * @param date when the turn is; told in the server's own time zone
 */
export function fillPrompt(
  prompt: string,
  { metadata, fromPhoneNumber }: PromptContext,
  date: Date,
): string {
  return prompt.replace(
    /\{\{\s*(date|time|caller|metadata((?:\.[\w-]+)+))\s*\}\}/g,
    (_, name: string, path?: string) => {
      switch (name) {
        case "date":
          return date.toLocaleDateString("en-GB", { dateStyle: "full" });
        case "time":
          return date.toLocaleTimeString("en-GB", { timeStyle: "short" });
        case "caller":
          return toWords(fromPhoneNumber);
        default:
          return toWords(lookUp(metadata, path ?? ""));
      }
    },
  );
}

function lookUp(metadata: unknown, path: string): unknown {
  let value = metadata;
  for (const key of path.slice(1).split(".")) {
    if (typeof value !== "object" || value === null) return undefined;
    if (!Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}

/**
 * On one line and short: what comes from outside must not look like a further
 * instruction.
 */
function toWords(value: unknown): string {
  if (value === undefined || value === null || value === "") return "unknown";
  const text = typeof value === "object" ? JSON.stringify(value) : `${value}`;
  return text.replace(/\s+/g, " ").trim().slice(0, 200).toWellFormed();
}
