// Rheon's browser client. Start with RheonClient.
export { RheonClient } from "./client.js";
export { DataChannel, MAX_MESSAGE_BYTES } from "./data.js";
export { RheonError } from "./errors.js";
export { Emitter } from "./events.js";
export { Participant } from "./participant.js";
export { Room } from "./room.js";
