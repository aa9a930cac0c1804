// What every peer here shares: it takes part with a client of tests/fixtures/clients, and answers questions on stdin.
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import WebSocket from "ws";

/** `{url, token, roomName}` as the test gave them, and what else a script takes. */
export const options = JSON.parse(process.argv[2]);

/** The unchanged SFU client, run on this implementation of RTCPeerConnection. */
export async function startSfuClient(RTCPeerConnection, { stream, onTrack }) {
  Object.assign(globalThis, { RTCPeerConnection, WebSocket });
  const source = await readFile(new URL("../../../fixtures/clients/sfu-client.js", import.meta.url));
  const client = await import(`data:text/javascript;base64,${source.toString("base64")}`);
  return client.startSfuClient({ ...options, stream, onTrack });
}

/** Answers each line on stdin with one line of JSON, what `report` gives for it; the end of stdin ends the process. */
export function answerWith(report) {
  const lines = createInterface({ input: process.stdin });
  lines.on("line", async (line) => process.stdout.write(`${JSON.stringify(await report(line))}\n`));
  lines.on("close", () => process.exit(0));
}
