import { showCall } from "./call.js";
import { RheonClient } from "./client/index.js";
import { Lobby } from "./lobby.js";
import { developmentTokens } from "./tokens.js";

const lobby = new Lobby(async ({ name, room: roomName, token, stream }) => {
  const client = await RheonClient.connect(new URL("ws", location.href).href, token || developmentTokens(name));
  try {
    const room = await client.join(roomName);
    lobby.leave();
    const reason = await showCall(client, room, stream);
    if (reason) throw reason;
  } finally {
    client.close();
    lobby.enter();
  }
});

await lobby.show();
