// Asks the browser for a passkey (WebAuthn Level 3) and sends the form with what it answers.
//
//   <form data-passkey="create|get|find" data-options="{…}" data-said-KIND="…">
//     <input type="hidden" name="answer"> <p role="alert" hidden></p> <button hidden>…</button>
//
// "get" asks as soon as it can, "find" while a name is typed (conditional mediation), each also when its button is pressed.

const encoded = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const decoded = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));

function read(options, kind) {
  const own = kind === "create" ? "parseCreationOptionsFromJSON" : "parseRequestOptionsFromJSON";
  if (PublicKeyCredential[own]) return PublicKeyCredential[own](options);
  const list = (known) => known?.map((each) => ({ ...each, id: decoded(each.id) }));
  return {
    ...options,
    challenge: decoded(options.challenge),
    ...(options.user && { user: { ...options.user, id: decoded(options.user.id) } }),
    excludeCredentials: list(options.excludeCredentials),
    allowCredentials: list(options.allowCredentials),
  };
}

function written(made) {
  try {
    return JSON.stringify(made.toJSON());
  } catch {
    // Older browsers have none, and that of some password managers fails.
    const response = {};
    for (const part of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (made.response[part]) response[part] = encoded(made.response[part]);
    }
    const { id, type } = made;
    return JSON.stringify({ id, rawId: encoded(made.rawId), type, response, clientExtensionResults: {} });
  }
}

let asking;

async function ask(form, mediation) {
  asking?.abort();
  asking = new AbortController();
  const { passkey: kind, options } = form.dataset;
  const said = form.querySelector("[role=alert]");
  said.hidden = true;
  try {
    const publicKey = read(JSON.parse(options), kind);
    const how = { publicKey, signal: asking.signal, ...(mediation && { mediation }) };
    const made = await (kind === "create" ? navigator.credentials.create(how) : navigator.credentials.get(how));
    form.elements.answer.value = written(made);
    form.submit();
  } catch (fault) {
    // Nobody asked for it, or something else is asked by now.
    if (mediation || fault.name === "AbortError") return;
    const { saidCancelled, saidKnown, saidFailed } = form.dataset;
    said.textContent = { NotAllowedError: saidCancelled, InvalidStateError: saidKnown }[fault.name] ?? saidFailed;
    said.hidden = false;
  }
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  const button = form.querySelector("button");
  if (!window.PublicKeyCredential) {
    const said = form.querySelector("[role=alert]");
    said.textContent = form.dataset.saidUnable ?? "";
    said.hidden = !said.textContent;
    continue;
  }
  button.hidden = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    // portal.js takes a form that was sent for one that must not be sent again.
    delete form.dataset.sent;
    if (form.reportValidity()) ask(form);
  });
  const kind = form.dataset.passkey;
  if (kind === "get") ask(form);
  if (kind === "find") {
    PublicKeyCredential.isConditionalMediationAvailable?.().then((can) => can && !asking && ask(form, "conditional"));
  }
}
