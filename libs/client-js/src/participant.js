/**
 * Somebody else in the room. `stream` stays the same object for as long as the participant is there; its tracks come
 * and go, so it can be given to a media element once.
 */
export class Participant {
  /** Every track received from this participant. */
  stream = new MediaStream();
  /** Whether the participant has published something. */
  publishing = false;
  /** Whether the participant joined by name, so that it stays when it stops publishing. */
  joined = false;
  /** @type {RTCPeerConnectionState} state of the connection that brings this participant's media */
  connectionState = "new";

  /**
   * @param {number} userId
   * @param {string} username
   */
  constructor(userId, username) {
    this.userId = userId;
    this.username = username;
  }
}
