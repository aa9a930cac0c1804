import { byId } from "./dom.js";

const LABEL = "chat";
const MAX_MESSAGES = 500;

const view = {
  panel: byId("chat"),
  messages: byId("chat-messages"),
  form: byId("chat-form", HTMLFormElement),
  text: byId("chat-text", HTMLInputElement),
  button: byId("chat-button", HTMLButtonElement),
  close: byId("chat-close", HTMLButtonElement),
  unread: byId("chat-unread"),
};

/** The chat of a call: text messages over a data channel, to everybody who is here when they are sent. */
export class Chat {
  #room;
  #channel;
  #unread = 0;
  /** @type {(() => void)[]} */
  #undo = [];

  /**
   * @param {import("./client/index.js").Room} room
   * @param {string} username our own
   */
  constructor(room, username) {
    this.#room = room;
    this.username = username;
    view.messages.replaceChildren();
    view.text.value = "";
    this.#show(false);
    this.#channel = room.openData(LABEL);
    this.#undo.push(
      room.on("data", ({ participant, label, data }) => {
        if (label === LABEL && typeof data === "string") this.#received(participant.username, data);
      }),
      this.#channel.on("open", () => this.#refresh()),
      this.#channel.on("close", () => this.#refresh()),
    );
    this.#refresh();
    this.#operate();
  }

  close() {
    for (const undo of this.#undo) undo();
    if (this.#room.state !== "left") this.#channel.close();
    this.#show(false);
  }

  #operate() {
    const controls = new AbortController();
    const { signal } = controls;
    this.#undo.push(() => controls.abort());
    view.button.addEventListener("click", () => this.#show(Boolean(view.panel.hidden)), { signal });
    view.close.addEventListener("click", () => this.#show(false), { signal });
    view.panel.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.#show(false);
    }, { signal });
    view.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send(view.text.value.trim());
    }, { signal });
  }

  /** @param {string} text */
  #send(text) {
    if (text === "" || !this.#channel.send(text)) return;
    view.text.value = "";
    this.#add(this.username, text, true);
  }

  /**
   * @param {string} username
   * @param {string} text
   */
  #received(username, text) {
    this.#add(username, text, false);
    if (!view.panel.hidden) return;
    this.#unread += 1;
    this.#refresh();
  }

  /**
   * @param {string} username
   * @param {string} text
   * @param {boolean} own
   */
  #add(username, text, own) {
    const message = document.createElement("li");
    message.classList.toggle("own", own);
    const author = document.createElement("span");
    author.className = "chat-author";
    author.textContent = own ? "You" : username;
    const body = document.createElement("p");
    body.textContent = text;
    message.append(author, body);
    view.messages.append(message);
    while (view.messages.childElementCount > MAX_MESSAGES) view.messages.firstElementChild?.remove();
    view.messages.scrollTop = view.messages.scrollHeight;
  }

  /** @param {boolean} visible */
  #show(visible) {
    const hadFocus = view.panel.contains(document.activeElement);
    view.panel.hidden = !visible;
    view.button.setAttribute("aria-expanded", String(visible));
    if (visible) {
      this.#unread = 0;
      view.messages.scrollTop = view.messages.scrollHeight;
      view.text.focus();
    } else if (hadFocus) {
      view.button.focus();
    }
    this.#refresh();
  }

  #refresh() {
    view.unread.hidden = this.#unread === 0;
    view.unread.textContent = this.#unread > 99 ? "99+" : String(this.#unread);
    view.button.setAttribute("aria-label", this.#unread > 0 ? `Chat, ${this.#unread} unread` : "Chat");
    const open = this.#channel?.isOpen ?? false;
    view.text.placeholder = open ? "Message to everybody" : "Connecting…";
    view.form.classList.toggle("waiting", !open);
  }
}
