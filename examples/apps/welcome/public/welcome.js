// What the welcome page measures: how long the page and its picture took, and how long a
// message takes over a WebSocket and back.
"use strict";

const MESSAGES = 5;
const PATIENCE = 5000; // milliseconds

function milliseconds(value) {
  return value < 10 ? value.toFixed(1) + " ms" : Math.round(value) + " ms";
}

function show(id, text) {
  document.querySelector("#" + id).textContent = text;
}

function showPage() {
  const page = performance.getEntriesByType("navigation")[0];
  if (page && page.responseEnd > 0) show("page", milliseconds(page.responseEnd - page.requestStart));
}

// The picture once more, past the browser's cache.
async function showFile() {
  const start = performance.now();
  const response = await fetch("/logo.svg", { cache: "no-store" });
  await response.blob();
  show("file", response.ok ? milliseconds(performance.now() - start) : "not there");
}

// The times of some messages there and back.
function roundTrips() {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(location.origin.replace(/^http/, "ws") + "/ws");
    const times = [];
    let sent = 0;
    const patience = setTimeout(() => { socket.close(); reject(); }, PATIENCE);
    const send = () => {
      sent = performance.now();
      socket.send("message " + times.length);
    };
    socket.onopen = send;
    socket.onmessage = (event) => {
      if (event.data !== "message " + times.length) return socket.close();
      times.push(performance.now() - sent);
      if (times.length < MESSAGES) return send();
      socket.close();
      resolve(times);
    };
    socket.onclose = () => { clearTimeout(patience); reject(); }; // after resolve: no effect
  });
}

// The place for the result: a figure in bold, a sentence, perhaps a button.
function showSocket(figure, sentence, again) {
  const place = document.querySelector("#socket");
  const bold = document.createElement("b");
  bold.textContent = figure;
  place.replaceChildren(bold, sentence);
  if (again) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "once more";
    button.onclick = () => measureSocket().then(() => place.querySelector("button")?.focus());
    place.append(", ", button);
  }
}

async function measureSocket() {
  if (document.body.dataset.websocket !== "yes") {
    showSocket("no WebSocket", "with this server: it answers one request at a time. gevent does many.");
    return;
  }
  try {
    const times = (await roundTrips()).sort((a, b) => a - b);
    showSocket(milliseconds(times[MESSAGES >> 1]), "for a message over WebSocket and back", true);
  } catch {
    showSocket("no WebSocket", "came through this time. A proxy on the way may not let them pass", true);
  }
}

addEventListener("load", async () => {
  showPage();
  await showFile().catch(() => show("file", "not there"));
  await measureSocket(); // one after the other: measurements disturb each other
});
