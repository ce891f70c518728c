/**
 * Which vendors the settings name.
 *
 * @module
 */
import type { Setting } from "../settings/setting.ts";
import type { Vendor } from "./vendor.ts";

/** Those that `LLM_PROVIDER` names, else the first that one of its own settings does. */
export function findNamed<Name extends string>(
  vendors: Readonly<Record<Name, Vendor>>,
  text: (env: string) => string | undefined,
  problems: string[],
): [names: Name[], by?: string] {
  // Its keys are its names.
  const names = Object.keys(vendors) as Name[];
  const list = text("LLM_PROVIDER");
  if (list === undefined) {
    for (const name of names) {
      const isMeant = ({ selects, env }: Setting<unknown>) =>
        selects && text(env) !== undefined;
      const setting = Object.values(vendors[name].settings).find(isMeant);
      if (setting) return [[name], setting.env];
    }
    return [[]];
  }
  const words = new Set(list.split(",").map((word) => word.trim()));
  for (const word of words) {
    if (names.some((name) => name === word)) continue;
    problems.push(
      word === ""
        ? "LLM_PROVIDER: has an empty entry; remove the comma too many"
        : `LLM_PROVIDER: "${word}" is not one of ${names.join(", ")}; ` +
          "name one of them, several with commas between, or unset it",
    );
  }
  const isNamed = (word: string) => names.find((name) => name === word) ?? [];
  return [[...words].flatMap(isNamed), "LLM_PROVIDER"];
}
