// @ts-check
/**
 * An event as a shell script that signs for itself and so works for good, also
 * after the five minutes that a signature lasts. Pure.
 *
 * @module
 */

/** Stands for the time of each run. */
const TIME = "TIME-OF-THE-RUN";

/**
 * Writes the script, for sh, bash and zsh; needs openssl and curl. The turn's
 * id is new on each run: a known one would only be answered from the record.
 *
 * @param {Record<string, unknown>} event
 * @param {object} place
 * @param {string} place.url the webhook's
 * @param {{ variable: string } | { file: string }} place.secret where it is kept
 */
export function toCurl(event, { url, secret }) {
  const body = JSON.stringify({ ...event, turn_id: `turn_${TIME}` });
  const read = "variable" in secret
    ? [
      `secret="\${${secret.variable}:?is not set in this shell}"`,
      // The setting may hold several; the first will do.
      'secret="${secret%%,*}"',
    ]
    : [`secret=$(cat ${quote(secret.file)})`];
  return [
    ...read,
    "t=$(date +%s)",
    `body=${quote(body).replace(TIME, `'"$t"'`)}`,
    `v1=$(printf '%s.%s' "$t" "$body" | openssl dgst -sha256 -hmac "$secret" -r | cut -d' ' -f1)`,
    `curl -N ${quote(url)} \\`,
    `  -H 'content-type: application/json' \\`,
    `  -H "layercode-signature: t=$t,v1=$v1" \\`,
    `  --data-binary "$body"`,
    "",
  ].join("\n");
}

/**
 * A text as one word of the shell, whatever is in it.
 *
 * @param {string} text
 */
export function quote(text) {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
