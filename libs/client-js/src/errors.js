/**
 * @typedef {"bad-url" | "unreachable" | "timeout" | "unauthorized" | "replaced" | "closed" | "webrtc"
 *   | "refused" | "unavailable" | "invalid"} ErrorReason
 *   - `bad-url`: not a ws:, wss:, http: or https: address
 *   - `unreachable`: no WebSocket connection could be made
 *   - `timeout`: the server did not answer in time
 *   - `unauthorized`: the token was refused
 *   - `replaced`: the same user joined from somewhere else
 *   - `closed`: the client was closed or the room left while waiting
 *   - `webrtc`: the browser refused a session description
 *   - `refused`: the server refused the request; `code` and `message` say why
 *   - `unavailable`: the server cannot do it now; trying again later can help
 *   - `invalid`: what was asked for cannot be done at all
 */

/** Every failure the client reports. */
export class RheonError extends Error {
  /**
   * @param {ErrorReason} reason what kind of failure, for programs
   * @param {string} message what happened, for people
   * @param {number | undefined} [code] the server's error code, where it sent one
   */
  constructor(reason, message, code) {
    super(message);
    this.name = "RheonError";
    this.reason = reason;
    this.code = code;
  }

  /** Whether the same request may succeed a little later. */
  get retryable() {
    return this.reason === "unavailable" || this.reason === "timeout" || this.reason === "unreachable";
  }

  /**
   * @param {import("./messages.js").ServerError} message
   * @returns {RheonError}
   */
  static fromServer({ code, message }) {
    switch (code) {
      case 401:
        return new RheonError("unauthorized", message, code);
      case 429:
      case 500:
      case 503:
        return new RheonError("unavailable", message, code);
      default:
        return new RheonError("refused", message, code);
    }
  }
}
