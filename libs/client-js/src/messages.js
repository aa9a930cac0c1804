// The signaling messages as types: one JSON object per WebSocket text frame, told apart by `type`.

/**
 * @typedef {{userId: number, username: string}} User
 * @typedef {string | (RTCIceCandidateInit & {candidate?: string})} WireCandidate
 */

/**
 * What a client sends.
 *
 * @typedef {{type: "auth", token: string, features: string[]}
 *   | {type: "join-room", roomName: string}
 *   | {type: "leave-room", roomName: string}
 *   | {type: "publish-offer", roomName: string, offer: string}
 *   | {type: "unpublish", roomName: string}
 *   | {type: "subscribe-request", roomName: string, publisherId: number}
 *   | {type: "subscribe-answer", roomName: string, publisherId?: number, connectionId?: string, answer: string}
 *   | {type: "unsubscribe", roomName: string, publisherId?: number}
 *   | {type: "set-preferred-layer", roomName: string, publisherId: number, spatial: number, temporal: number}
 *   | {type: "set-muted", roomName: string, kind: "audio" | "video", muted: boolean}
 *   | {type: "ping"}} ClientMessage
 */

/**
 * @typedef {{type: "authenticated", features?: string[]} & User} Authenticated
 * @typedef {{type: "error", message: string, code: number, roomName?: string, publisherId?: number,
 *   requestType?: string}} ServerError
 */

/**
 * What a server sends about one room.
 *
 * @typedef {{type: "room-joined", roomName: string, userId: number, participants: User[]}
 *   | {type: "room-left", roomName: string, userId: number}
 *   | {type: "user-joined", roomName: string, user: User}
 *   | {type: "user-left", roomName: string, userId: number}
 *   | {type: "publish-answer", roomName: string, answer: string}
 *   | {type: "publish-ice-candidate", roomName: string, candidate: WireCandidate | null}
 *   | {type: "subscribe-offer", roomName: string, publisherId?: number, connectionId?: string, offer: string,
 *       tracks?: {mid: string, publisherId: number, trackId: string, kind: "audio" | "video"}[]}
 *   | {type: "subscribe-ice-candidate", roomName: string, publisherId?: number, connectionId?: string,
 *       candidate: WireCandidate | null}
 *   | {type: "new-publisher", roomName: string, publisherId: number, username: string}
 *   | {type: "publisher-left", roomName: string, publisherId: number}
 *   | {type: "track-muted", roomName: string, publisherId: number, trackId: string, kind: "audio" | "video",
 *       muted: boolean}} RoomMessage
 */

/** @typedef {Authenticated | ServerError | RoomMessage | {type: "pong"}} ServerMessage */

/**
 * The candidate of a server message as the browser takes it; bare strings carry no section, and with BUNDLE the first
 * section is the one that counts.
 *
 * @param {WireCandidate} candidate
 * @returns {RTCIceCandidateInit}
 */
export function candidateInit(candidate) {
  return typeof candidate === "string" ? { candidate, sdpMLineIndex: 0 } : candidate;
}
