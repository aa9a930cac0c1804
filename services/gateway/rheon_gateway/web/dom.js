/**
 * The element with this id, which the page is known to have.
 *
 * @template {Element} [T=HTMLElement]
 * @param {string} id
 * @param {new (...args: any[]) => T} [type]
 * @returns {T}
 */
export function byId(id, type) {
  const element = document.getElementById(id);
  if (!element || (type && !(element instanceof type))) throw new Error(`The page lacks #${id}`);
  return /** @type {T} */ (/** @type {unknown} */ (element));
}

/**
 * Shows on a mute button whether its source is off.
 *
 * @param {HTMLElement} button
 * @param {"mic" | "camera"} source
 * @param {boolean} off
 */
export function showMuteButton(button, source, off) {
  const [mute, unmute] =
    source === "mic" ? ["Mute microphone", "Unmute microphone"] : ["Turn camera off", "Turn camera on"];
  button.setAttribute("aria-pressed", String(off));
  button.setAttribute("aria-label", off ? unmute : mute);
  button.title = off ? unmute : mute;
  button.querySelector("use")?.setAttribute("href", `#icon-${source}${off ? "-off" : ""}`);
}
