// @ts-check
/// <reference lib="dom" />
/**
 * What the server tells of itself: its version, which model answers, and where
 * the secret is kept.
 *
 * @module
 */
import { byId, element } from "../dom.js";

/**
 * @typedef {object} Info
 * @property {string} version
 * @property {string} provider
 * @property {string} [model]
 * @property {{ variable: string } | { file: string }} secret where it is kept
 */

/**
 * Who answers, in a few words.
 *
 * @param {string} provider
 * @param {string} [model]
 */
export function nameModel(provider, model) {
  return model && model !== provider ? `${provider} · ${model}` : provider;
}

/** Makes what shows it. */
export function createInfo() {
  /** @type {Info | undefined} */
  let info;

  /**
   * @param {string} provider
   * @param {string} [model]
   */
  function showModel(provider, model) {
    const text = nameModel(provider, model);
    if (byId("model").textContent !== text) byId("model").textContent = text;
    // A stand-in gives way to Ollama while the page is open.
    if (provider !== "echo") byId("note").hidden = true;
  }

  async function load() {
    try {
      const response = await fetch("/playground/info");
      if (response.ok) show(info = await response.json());
    } catch {
      // Out of reach; the first turn says so.
    }
  }

  /** @param {Info} loaded */
  function show({ version, provider, model }) {
    showModel(provider, model);
    byId("version").textContent = `Parley ${version}`;
    const note = byId("note");
    note.hidden = provider !== "echo";
    note.replaceChildren(
      element("strong", {}, ["No model yet. "]),
      "A stand-in answers and repeats what it hears. For real answers start Ollama, or set ",
      element("code", {}, ["GOOGLE_GENERATIVE_AI_API_KEY"]),
      " in .env and start Parley again.",
    );
  }

  return {
    load,
    /** Shows which model has really answered. */
    showModel,
    /** Where the secret is kept, if the server could be asked. */
    async secret() {
      if (!info) await load();
      return info?.secret;
    },
  };
}
