import { Emitter } from "./events.js";

/**
 * Somebody else in the room. `stream` stays the same object for as long as the participant is there; its tracks come
 * and go, so it can be given to a media element once. `data` is a message on one of the participant's channels.
 *
 * @extends {Emitter<{data: {label: string, data: import("./data.js").Data}}>}
 */
export class Participant extends Emitter {
  /** Every track received from this participant. */
  stream = new MediaStream();
  /** Whether the participant has published something. */
  publishing = false;
  /** Whether the participant joined by name, so that it stays when it stops publishing. */
  joined = false;
  /** Of the tracks of each kind, those the participant has muted, by the server's track id. */
  #muted = { audio: new Set(), video: new Set() };
  /** @type {RTCPeerConnectionState} state of the connection that brings this participant's media */
  connectionState = "new";

  /**
   * @param {number} userId
   * @param {string} username
   */
  constructor(userId, username) {
    super();
    this.userId = userId;
    this.username = username;
  }

  /**
   * Whether the participant has muted what it publishes of a kind: nothing of it arrives.
   *
   * @param {"audio" | "video"} kind
   */
  isMuted(kind) {
    return this.#muted[kind].size > 0;
  }

  /**
   * Called by the room.
   *
   * @param {"audio" | "video"} kind
   * @param {string} trackId
   * @param {boolean} muted
   */
  noteMuted(kind, trackId, muted) {
    if (muted) this.#muted[kind].add(trackId);
    else this.#muted[kind].delete(trackId);
  }

  /** Whatever was muted is gone. Called by the room. */
  forgetMuted() {
    this.#muted.audio.clear();
    this.#muted.video.clear();
  }
}
