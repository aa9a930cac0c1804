import { Chat } from "./chat.js";
import { byId, showMuteButton } from "./dom.js";
import { layOutGrid } from "./grid.js";
import { describe } from "./problems.js";
import { Tile } from "./tile.js";

const STATS_INTERVAL_MS = 1000;

const view = {
  call: byId("call"),
  room: byId("call-room"),
  count: byId("call-count"),
  state: byId("call-state"),
  grid: byId("grid"),
  mic: byId("mic", HTMLButtonElement),
  camera: byId("camera", HTMLButtonElement),
  leave: byId("leave", HTMLButtonElement),
  invite: byId("invite", HTMLButtonElement),
  inviteText: byId("invite-text"),
  announcer: byId("announcer"),
};

layOutGrid(view.grid);

/**
 * Runs the call screen until the call ends.
 *
 * @param {import("./client/index.js").RheonClient} client
 * @param {import("./client/index.js").Room} room
 * @param {MediaStream | null} stream null: only watching
 * @returns {Promise<unknown>} why it ended; null: the person left
 */
export async function showCall(client, room, stream) {
  const screen = new CallScreen(client, room, stream);
  try {
    return await screen.run();
  } finally {
    screen.close();
  }
}

class CallScreen {
  /** @type {Map<number, Tile>} */
  #tiles = new Map();
  /** @type {Tile} */
  #self;
  /** @type {(() => void)[]} */
  #undo = [];
  /** What keeps us from being seen just now. */
  #problem = "";

  /**
   * @param {import("./client/index.js").RheonClient} client
   * @param {import("./client/index.js").Room} room
   * @param {MediaStream | null} stream
   */
  constructor(client, room, stream) {
    this.client = client;
    this.room = room;
    this.stream = stream;
    this.#self = new Tile(client.user.username, { self: true });
  }

  /** @returns {Promise<unknown>} */
  run() {
    view.room.textContent = this.room.name;
    view.grid.replaceChildren(this.#self.element);
    view.call.hidden = false;
    view.room.focus();
    this.#self.setStream(this.stream);
    this.#showMuted();
    this.#showState();
    for (const participant of this.room.participants.values()) this.#added(participant);
    this.#count();
    return new Promise((resolve) => {
      this.#follow(resolve);
      this.#operate(resolve);
      const chat = new Chat(this.room, this.client.user.username);
      this.#undo.push(() => chat.close());
      if (this.stream) this.#publish(this.stream).catch(resolve);
    });
  }

  close() {
    for (const undo of this.#undo) undo();
    for (const tile of this.#tiles.values()) tile.remove();
    this.#self.remove();
    view.call.hidden = true;
  }

  /** @param {MediaStream} stream */
  async #publish(stream) {
    // What was switched off before the call stays off in it.
    for (const kind of /** @type {const} */ (["audio", "video"])) {
      if (tracksOf(stream, kind).length > 0 && isMuted(stream, kind)) this.room.setMuted(kind, true);
    }
    await this.room.publish(stream);
  }

  /** @param {(reason: unknown) => void} ended */
  #follow(ended) {
    const { room, client } = this;
    this.#undo.push(
      room.on("left", ended),
      client.on("closed", ended),
      client.on("state", () => this.#showState()),
      room.on("state", () => this.#showState()),
      room.on("publish-state", (state) => {
        if (state === "connected") this.#problem = "";
        this.#showState();
      }),
      room.on("error", (error) => {
        this.#problem = describe(error).title;
        this.#showState();
      }),
      room.on("participant-joined", (participant) => {
        this.#added(participant);
        this.#announce(`${participant.username} joined`);
      }),
      room.on("participant-left", ({ userId, username }) => {
        this.#tiles.get(userId)?.remove();
        this.#tiles.delete(userId);
        this.#count();
        this.#announce(`${username} left`);
      }),
      room.on("participant-changed", (participant) => this.#changed(participant)),
      room.on("track", ({ participant }) => this.#changed(participant)),
      room.on("track-removed", ({ participant }) => this.#changed(participant)),
    );
    const timer = setInterval(() => void this.#measure(), STATS_INTERVAL_MS);
    this.#undo.push(() => clearInterval(timer));
  }

  /** @param {(reason: unknown) => void} ended */
  #operate(ended) {
    const controls = new AbortController();
    const { signal } = controls;
    this.#undo.push(() => controls.abort());
    view.mic.addEventListener("click", () => this.#toggle("audio"), { signal });
    view.camera.addEventListener("click", () => this.#toggle("video"), { signal });
    view.leave.addEventListener("click", () => ended(null), { signal });
    view.invite.addEventListener("click", () => void this.#copyInvitation(), { signal });
    document.addEventListener("keydown", (event) => {
      if (event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement) return;
      if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
      if (event.key === "m") this.#toggle("audio");
      if (event.key === "v") this.#toggle("video");
    }, { signal });
  }

  /** @param {import("./client/index.js").Participant} participant */
  #added(participant) {
    const { userId, username } = participant;
    const tile = new Tile(username, { preferLayer: (layer) => this.room.setPreferredLayer(userId, layer) });
    this.#tiles.set(userId, tile);
    view.grid.append(tile.element);
    this.#changed(participant);
    this.#count();
  }

  /** @param {import("./client/index.js").Participant} participant */
  #changed(participant) {
    const tile = this.#tiles.get(participant.userId);
    if (!tile) return;
    tile.setStream(participant.stream);
    tile.setMuted(participant.isMuted("audio"), participant.isMuted("video"));
    tile.setState(stateText(participant));
    if (!participant.publishing) tile.setStats(null);
  }

  /** @param {"audio" | "video"} kind */
  #toggle(kind) {
    this.room.setMuted(kind, !isMuted(this.stream, kind));
    this.#showMuted();
  }

  #showMuted() {
    for (const [button, source, kind] of /** @type {const} */ ([
      [view.mic, "mic", "audio"],
      [view.camera, "camera", "video"],
    ])) {
      button.disabled = tracksOf(this.stream, kind).length === 0;
      showMuteButton(button, source, isMuted(this.stream, kind));
    }
    this.#self.setMuted(isMuted(this.stream, "audio"), isMuted(this.stream, "video"));
  }

  #showState() {
    const connected = this.client.state === "connected" && this.room.state === "joined";
    const text = connected ? this.#problem : "Reconnecting…";
    view.state.textContent = text;
    view.state.hidden = text === "";
  }

  #count() {
    const count = this.#tiles.size + 1;
    view.count.textContent = count === 1 ? "Only you" : `${count} people`;
  }

  /** @param {string} text */
  #announce(text) {
    view.announcer.textContent = text;
  }

  async #measure() {
    const { local, remote } = await this.room.stats();
    this.#self.setStats(local);
    for (const [userId, tile] of this.#tiles) {
      const receiving = this.room.participants.get(userId)?.stream.getTracks().length;
      tile.setStats(receiving ? remote.get(userId) : null);
    }
  }

  async #copyInvitation() {
    try {
      await navigator.clipboard.writeText(invitation(this.room.name));
      view.inviteText.textContent = "Copied";
    } catch {
      view.inviteText.textContent = "Copy the address bar";
    }
    this.#announce(view.inviteText.textContent);
    setTimeout(() => (view.inviteText.textContent = "Copy invitation"), 2000);
  }
}

/**
 * @param {string} room
 * @returns {string}
 */
function invitation(room) {
  const url = new URL(location.href);
  url.search = new URLSearchParams({ room }).toString();
  url.hash = "";
  return url.href;
}

/** @param {import("./client/index.js").Participant} participant */
function stateText({ publishing, connectionState, stream }) {
  if (!publishing) return "watching";
  if (connectionState === "connected" && stream.getTracks().length === 0) return "watching"; // and may chat
  if (connectionState === "connected") return "";
  return connectionState === "disconnected" || connectionState === "failed" ? "reconnecting…" : "connecting…";
}

/**
 * @param {MediaStream | null} stream
 * @param {"audio" | "video"} kind
 */
function tracksOf(stream, kind) {
  return stream?.getTracks().filter((track) => track.kind === kind) ?? [];
}

/**
 * @param {MediaStream | null} stream
 * @param {"audio" | "video"} kind
 */
function isMuted(stream, kind) {
  return tracksOf(stream, kind).every((track) => !track.enabled);
}
