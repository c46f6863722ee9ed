// What makes the pages nicer where scripts run. Everything works without.

const focus = document.querySelector("[data-focus]");
if (focus instanceof HTMLElement) focus.focus();

// A question that waits for a phone: go on by itself once it is answered.
const form = document.querySelector("form[data-live]");
if (form instanceof HTMLFormElement) {
  const address = form.dataset.live;
  if (!address) {
    form.requestSubmit();
  } else {
    const source = new EventSource(address);
    source.addEventListener("changed", () => {
      source.close();
      location.reload();
    });
    addEventListener("pagehide", () => source.close());
  }
}

// Copies the text of the element that a button names.
for (const button of document.querySelectorAll("button[data-copy]")) {
  if (!(button instanceof HTMLButtonElement)) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    const from = document.getElementById(button.dataset.copy ?? "");
    if (!from) return;
    await navigator.clipboard.writeText(from.innerText);
    const said = document.getElementById(button.dataset.said ?? "");
    if (said) said.textContent = said.dataset.text ?? "";
  });
}

// Buttons that print, shown where they can.
for (const button of document.querySelectorAll("button[data-print]")) {
  if (!(button instanceof HTMLButtonElement)) continue;
  button.hidden = false;
  button.addEventListener("click", () => print());
}

// One press, one form: a second press while the first is under way does nothing.
for (const each of document.querySelectorAll("form")) {
  each.addEventListener("submit", (event) => {
    if (each.dataset.sent) event.preventDefault();
    each.dataset.sent = "1";
  });
}
addEventListener("pageshow", () => {
  for (const each of document.querySelectorAll("form")) delete each.dataset.sent;
});
