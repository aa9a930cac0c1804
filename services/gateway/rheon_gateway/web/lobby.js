import { byId, showMuteButton } from "./dom.js";
import { closeMedia, mediaAllowed, openMedia } from "./media.js";
import { describe } from "./problems.js";
import { servesTokens } from "./tokens.js";

/**
 * @typedef {object} Entry what the person filled in
 * @property {string} name
 * @property {string} room
 * @property {string} token empty: the server makes one
 * @property {MediaStream | null} stream null: only watching
 */

const view = {
  lobby: byId("lobby"),
  form: byId("join", HTMLFormElement),
  name: byId("name", HTMLInputElement),
  room: byId("room", HTMLInputElement),
  token: byId("token", HTMLInputElement),
  tokenField: byId("token-field"),
  quality: byId("quality", HTMLSelectElement),
  join: byId("join-button", HTMLButtonElement),
  joinWatching: byId("join-watching", HTMLButtonElement),
  problem: byId("problem"),
  problemTitle: byId("problem-title"),
  problemAdvice: byId("problem-advice"),
  video: byId("preview-video", HTMLVideoElement),
  empty: byId("preview-empty"),
  start: byId("preview-start", HTMLButtonElement),
  text: byId("preview-text"),
  controls: byId("preview-controls"),
  mic: byId("preview-mic", HTMLButtonElement),
  camera: byId("preview-camera", HTMLButtonElement),
};

/** The screen before the call: who, where, with which picture. */
export class Lobby {
  /** @type {MediaStream | null} */
  #stream = null;
  /** @type {Promise<void> | null} */
  #opening = null;

  /** @param {(entry: Entry) => Promise<void>} join resolves when the call has ended, rejects with why it could not be */
  constructor(join) {
    const query = new URLSearchParams(location.search);
    view.name.value = query.get("name") ?? localStorage.getItem("rheon.name") ?? "";
    view.room.value = query.get("room") ?? "";
    view.form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#submit(join, true);
    });
    view.joinWatching.addEventListener("click", () => {
      if (view.form.reportValidity()) void this.#submit(join, false);
    });
    view.start.addEventListener("click", () => void this.#openPreview().catch((error) => this.#showProblem(error)));
    view.quality.addEventListener("change", () => void this.#reopen());
    view.mic.addEventListener("click", () => this.#toggle("audio"));
    view.camera.addEventListener("click", () => this.#toggle("video"));
  }

  /** Finds out what the server and the browser allow, and prepares the form accordingly. */
  async show() {
    (view.name.value ? view.room : view.name).focus();
    view.tokenField.hidden = await servesTokens();
    if (await mediaAllowed()) await this.#openPreview().catch((error) => this.#showProblem(error));
  }

  /**
   * @param {(entry: Entry) => Promise<void>} join
   * @param {boolean} withMedia
   */
  async #submit(join, withMedia) {
    const name = view.name.value.trim();
    const room = view.room.value.trim();
    localStorage.setItem("rheon.name", name);
    history.replaceState(null, "", `?${new URLSearchParams({ room })}`);
    this.#setBusy(true);
    view.problem.hidden = true;
    try {
      if (withMedia && (this.#opening || !this.#stream)) await this.#openPreview();
      if (!withMedia) this.#closePreview();
      const token = view.tokenField.hidden ? "" : view.token.value.trim();
      await join({ name, room, token, stream: this.#stream });
    } catch (error) {
      this.#showProblem(error);
    } finally {
      this.#setBusy(false);
    }
  }

  /** Hides the form while a call is on. */
  leave() {
    view.lobby.hidden = true;
    view.video.srcObject = null;
  }

  /** Shows the form again after a call, with the same camera. */
  enter() {
    view.lobby.hidden = false;
    this.#showPreview();
    view.join.focus();
  }

  /** Opens the camera; who asks while that is under way waits for the same one. */
  #openPreview() {
    this.#opening ??= this.#open().finally(() => (this.#opening = null));
    return this.#opening;
  }

  async #open() {
    view.text.textContent = "Waiting for the camera…";
    const muted = (this.#stream?.getTracks() ?? []).filter(({ enabled }) => !enabled).map(({ kind }) => kind);
    try {
      let quality;
      do {
        closeMedia(this.#stream);
        this.#stream = null;
        quality = view.quality.value;
        this.#stream = await openMedia(/** @type {import("./media.js").Quality} */ (quality));
      } while (quality !== view.quality.value); // the choice changed in the meantime
      for (const track of this.#stream.getTracks()) track.enabled = !muted.includes(track.kind);
    } finally {
      this.#showPreview();
    }
    view.problem.hidden = true;
    view.joinWatching.hidden = true;
  }

  #closePreview() {
    closeMedia(this.#stream);
    this.#stream = null;
    this.#showPreview();
  }

  async #reopen() {
    if (!this.#stream) return; // the next opening takes the choice into account
    await this.#openPreview().catch((error) => this.#showProblem(error));
  }

  #showPreview() {
    const stream = this.#stream;
    const camera = stream?.getVideoTracks()[0];
    const microphone = stream?.getAudioTracks()[0];
    view.video.srcObject = stream;
    view.video.hidden = !camera?.enabled;
    view.controls.hidden = !stream;
    view.empty.hidden = Boolean(camera?.enabled);
    view.start.hidden = Boolean(stream);
    view.text.textContent = stream ? "Your camera is off." : "See yourself before you join.";
    view.mic.disabled = !microphone;
    view.camera.disabled = !camera;
    showMuteButton(view.mic, "mic", !microphone?.enabled);
    showMuteButton(view.camera, "camera", !camera?.enabled);
  }

  /** @param {"audio" | "video"} kind */
  #toggle(kind) {
    for (const track of this.#stream?.getTracks() ?? []) if (track.kind === kind) track.enabled = !track.enabled;
    this.#showPreview();
  }

  /** @param {unknown} error */
  #showProblem(error) {
    const { title, advice, about } = describe(error);
    view.problemTitle.textContent = title;
    view.problemAdvice.textContent = advice;
    view.problem.hidden = false;
    view.joinWatching.hidden = about !== "media";
    if (about === "token") view.tokenField.hidden = false;
    (about === "token" ? view.token : view.problem).focus();
  }

  /** @param {boolean} busy */
  #setBusy(busy) {
    view.join.disabled = view.joinWatching.disabled = busy;
    view.join.textContent = busy ? "Joining…" : "Join";
  }
}
