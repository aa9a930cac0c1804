/**
 * What identifies the peer connection behind a session description.
 *
 * @typedef {{sessionId: string, ufrag: string, fingerprint: string}} SessionIdentity
 */

/**
 * @param {string} sdp
 * @returns {SessionIdentity}
 */
export function sessionIdentity(sdp) {
  const first = (/** @type {RegExp} */ pattern) => pattern.exec(sdp)?.[1] ?? "";
  return {
    sessionId: first(/^o=\S+ (\S+) /m), // RFC 8866 section 5.2: the version follows it and changes with every offer
    ufrag: first(/^a=ice-ufrag:(\S+)/m),
    fingerprint: first(/^a=fingerprint:(.+?)\s*$/m).toLowerCase(),
  };
}

/**
 * Whether an offer comes from another peer connection than the one before. New ICE credentials alone are an ICE
 * restart (RFC 8839 section 4.4.1.1.1) of the same connection.
 *
 * @param {SessionIdentity} before
 * @param {SessionIdentity} now
 * @returns {boolean}
 */
export function isNewSession(before, now) {
  return now.ufrag !== before.ufrag && (now.sessionId !== before.sessionId || now.fingerprint !== before.fingerprint);
}
