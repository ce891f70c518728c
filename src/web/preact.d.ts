/**
 * The types of those functions of Preact and htm that the pages use.
 *
 * https://preactjs.com/guide/v10/getting-started#no-build-tools-route
 *
 * @module
 */

/** A virtual element, as {@linkcode html} returns it. */
export type View = object;

/**
 * Creates a virtual element from a template: HTML elements, `<${Function} …/>`
 * for a component, and `onClick=${…}` for an event handler. The pages import it
 * as `view`, because `deno fmt` formats templates named `html`, and differently
 * in each version.
 */
export function html(
  template: TemplateStringsArray,
  ...values: unknown[]
): View;

/** Renders a view into an element, and updates only what has changed. */
export function render(view: View, element: Element): void;

/** Stores a value for as long as the calling component is on the page. */
export function useState<T>(initial: T): [T, (next: T) => void];
