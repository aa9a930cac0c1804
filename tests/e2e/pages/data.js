// A participant that sends and receives data: keeps what came on each channel.
import { RheonClient } from "/rheon/index.js";

/** Bytes whose every position is told from its neighbours. */
export function pattern(length) {
  return Uint8Array.from({ length }, (_, index) => (index * 7 + (index >> 8)) % 251);
}

export async function join({ url, token, roomName, camera }) {
  const client = await RheonClient.connect(url, token);
  const room = await client.join(roomName);
  const received = {};
  const errors = [];
  room.on("error", ({ reason, message }) => errors.push(`${reason}: ${message}`));
  room.on("data", ({ participant, label, data }) => {
    (received[`${participant.username} ${label}`] ??= []).push(describe(data));
  });
  window.data = { client, room, received, errors, channels: {} };
  if (camera) await room.publish(await navigator.mediaDevices.getUserMedia({ audio: true, video: true }));
}

/** Opens a channel and waits until it can be used. */
export async function open({ label, options }) {
  const channel = window.data.room.openData(label, options);
  window.data.channels[label] = channel;
  if (!channel.isOpen) await new Promise((resolve) => channel.on("open", resolve));
}

/** Sends texts "0" to "count - 1", no faster than the connection takes them. */
export async function count({ label, count }) {
  for (let number = 0; number < count; number += 1) await send(label, String(number));
}

/** Sends `times` binary messages of this length. */
export async function binary({ label, length, times = 1 }) {
  for (let time = 0; time < times; time += 1) await send(label, pattern(length));
}

async function send(label, message) {
  const channel = window.data.channels[label];
  while (channel.bufferedAmount > 1_000_000) await new Promise((resolve) => setTimeout(resolve, 1));
  if (!channel.send(message)) throw new Error(`${label} is not open`);
}

/** A text as it is, binary by its length and whether it is the pattern. */
function describe(data) {
  if (typeof data === "string") return data;
  const bytes = new Uint8Array(data);
  const expected = pattern(bytes.length);
  return `${bytes.length} bytes, ${bytes.every((byte, index) => byte === expected[index]) ? "whole" : "damaged"}`;
}
