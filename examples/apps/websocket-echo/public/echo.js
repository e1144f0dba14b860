// Sends what is typed to /echo and shows what comes back, and how long it took.
"use strict";

const state = document.querySelector("#state");
const text = document.querySelector("#text");
const button = document.querySelector("button");
const sent = []; // the times of the messages that have not come back yet

const socket = new WebSocket(location.origin.replace(/^http/, "ws") + "/echo");

socket.onopen = () => {
  state.textContent = "connected";
  button.disabled = false;
};

socket.onmessage = (event) => {
  const item = document.createElement("li");
  item.textContent = `${event.data} (${(performance.now() - sent.shift()).toFixed(1)} ms)`;
  document.querySelector("#heard").append(item);
};

socket.onclose = (event) => {
  state.textContent = event.wasClean
    ? "the server closed the connection; reload to open another"
    : "no connection: the server may be one that does no WebSockets";
  button.disabled = true;
};

document.querySelector("form").onsubmit = (event) => {
  event.preventDefault();
  sent.push(performance.now());
  socket.send(text.value);
  text.value = "";
};
