import { byId } from "./dom.js";

const AVATAR_COLOURS = ["#3f5fbd", "#7a4fb5", "#b04a83", "#b0593f", "#8a7430", "#3f8561", "#2f7f93"];

/** @typedef {import("./client/simulcast.js").PreferredLayer} PreferredLayer */

/** @type {Record<string, PreferredLayer>} by the choice's value */
const LAYERS = { auto: {}, low: { spatial: 0 }, medium: { spatial: 1 }, high: { spatial: 2 } };

/** One participant on the screen: picture or initials, name, state and figures. */
export class Tile {
  #video;
  #name;
  #state;
  #stats;
  #muted;
  #layer;
  /** @type {MediaStreamTrack | undefined} */
  #track;
  #cameraOff = false;
  #self;

  /**
   * @param {string} name
   * @param {{self?: boolean, preferLayer?: (layer: PreferredLayer) => void}} [options] self: mirrored, and silent;
   *   preferLayer: the person chose a size of the picture
   */
  constructor(name, { self = false, preferLayer } = {}) {
    const fragment = /** @type {DocumentFragment} */ (byId("tile-template", HTMLTemplateElement).content.cloneNode(true));
    const find = (/** @type {string} */ selector) => /** @type {HTMLElement} */ (fragment.querySelector(selector));
    this.element = find(".tile");
    this.#video = /** @type {HTMLVideoElement} */ (find("video"));
    this.#name = find(".tile-name");
    this.#state = find(".tile-state");
    this.#stats = find(".tile-stats");
    this.#muted = find(".tile-muted");
    this.#layer = /** @type {HTMLSelectElement} */ (find(".tile-layer"));
    this.#layer.setAttribute("aria-label", `Picture of ${name}`);
    this.#layer.addEventListener("change", () => preferLayer?.(LAYERS[this.#layer.value] ?? {}));
    this.#self = self;
    this.#video.muted = self;
    this.#video.classList.toggle("mirrored", self);
    this.#video.addEventListener("resize", () => this.#show());
    this.#name.textContent = self ? `${name} (you)` : name;
    this.element.setAttribute("aria-label", this.#name.textContent);
    const avatar = find(".avatar");
    avatar.textContent = initials(name);
    avatar.style.setProperty("--avatar", colour(name));
  }

  /** @param {MediaStream | null} stream */
  setStream(stream) {
    if (this.#video.srcObject !== stream) this.#video.srcObject = stream;
    this.#track = stream?.getVideoTracks()[0];
    if (this.#track) this.#track.onmute = this.#track.onunmute = () => this.#show();
    this.#show();
  }

  /**
   * @param {boolean} microphone whether the microphone is muted
   * @param {boolean} camera whether the camera is off
   */
  setMuted(microphone, camera) {
    this.#muted.toggleAttribute("hidden", !microphone);
    this.#cameraOff = camera;
    this.#show();
  }

  /** @param {string} text empty: nothing to say */
  setState(text) {
    this.#state.textContent = text;
    this.#state.hidden = text === "";
  }

  /** @param {import("./client/stats.js").MediaStats | null | undefined} stats */
  setStats(stats) {
    this.#stats.replaceChildren(...(stats ? figures(stats) : []));
  }

  remove() {
    this.#video.srcObject = null;
    this.element.remove();
  }

  #show() {
    const track = this.#track;
    const live = track?.readyState === "live" && !track.muted && track.enabled;
    const showing = live && !this.#cameraOff && this.#video.videoWidth > 0;
    this.element.classList.toggle("showing", Boolean(showing));
    this.#layer.hidden = !showing || this.#self;
  }
}

/**
 * @param {import("./client/stats.js").MediaStats} stats
 * @returns {HTMLElement[]}
 */
function figures({ width, height, framesPerSecond, bitrate, loss }) {
  const parts = width ? [`${width} × ${height}`, `${Math.round(framesPerSecond)} frames/s`] : [];
  const items = [...parts, formatBitrate(bitrate), `${(loss * 100).toFixed(1)} % loss`].map(span);
  if (loss > 0.02) items.at(-1)?.classList.add("bad");
  return items;
}

/** @param {string} text */
function span(text) {
  const element = document.createElement("span");
  element.textContent = text;
  return element;
}

/** @param {number} bitrate */
function formatBitrate(bitrate) {
  return bitrate >= 1e6 ? `${(bitrate / 1e6).toFixed(1)} Mbit/s` : `${Math.round(bitrate / 1e3)} kbit/s`;
}

/** @param {string} name */
function initials(name) {
  const words = name.trim().split(/\s+/);
  return words.slice(0, 2).map((word) => [...word][0] ?? "").join("").toUpperCase() || "?";
}

/** @param {string} name */
function colour(name) {
  const sum = [...name].reduce((total, char) => (total * 31 + (char.codePointAt(0) ?? 0)) % 9973, 7);
  return AVATAR_COLOURS[sum % AVATAR_COLOURS.length] ?? "";
}
