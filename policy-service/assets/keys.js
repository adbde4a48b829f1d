// Asks the browser for a security key, and sends what it says with the page's form. It decides nothing: the service
// verifies what was signed.
"use strict";
(() => {
  const form = document.getElementById("key");
  const button = document.getElementById("use-key");
  const fault = document.getElementById("key-fault");
  if (!form || !button) return;
  const tell = (text) => { fault.textContent = text; fault.hidden = false; };
  button.hidden = false;
  if (!window.PublicKeyCredential) {
    button.disabled = true;
    tell("This browser has no security keys.");
    return;
  }

  const encode = (buffer) => {
    let text = "";
    for (const byte of new Uint8Array(buffer)) text += String.fromCharCode(byte);
    return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  };
  const decode = (text) => {
    const bytes = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    return Uint8Array.from(bytes, (byte) => byte.charCodeAt(0));
  };

  const asked = form.dataset;
  const known = asked.known.split(" ").filter(Boolean)
    .map((id) => ({ type: "public-key", id: decode(id) }));
  const fill = (name, buffer) => { form.elements.namedItem(name).value = encode(buffer); };

  const create = async () => {
    const key = await navigator.credentials.create({ publicKey: {
      challenge: decode(asked.challenge),
      rp: { id: asked.party, name: "Velum" },
      user: { id: decode(asked.user), name: asked.name, displayName: asked.name },
      pubKeyCredParams: [{ type: "public-key", alg: -8 }, { type: "public-key", alg: -7 }],
      excludeCredentials: known,
      authenticatorSelection: { residentKey: "discouraged", userVerification: "required" },
      attestation: "none",
      timeout: 240000,
    } });
    fill("client_data", key.response.clientDataJSON);
    fill("authenticator_data", key.response.getAuthenticatorData());
  };
  const sign = async () => {
    const key = await navigator.credentials.get({ publicKey: {
      challenge: decode(asked.challenge),
      rpId: asked.party,
      allowCredentials: known,
      userVerification: "required",
      timeout: 240000,
    } });
    fill("credential", key.rawId);
    fill("client_data", key.response.clientDataJSON);
    fill("authenticator_data", key.response.authenticatorData);
    fill("signature", key.response.signature);
  };

  button.addEventListener("click", async () => {
    button.disabled = true;
    fault.hidden = true;
    try {
      await (asked.does === "create" ? create() : sign());
      form.submit();
    } catch (error) {
      button.disabled = false;
      tell(error.name === "InvalidStateError"
        ? "You have added this key already."
        : "The key was not used: it was not there, was refused, or took too long.");
    }
  });
})();
