/* Passkeys: a form with data-options asks that address what the browser is to be asked, and sends what a device answered as its
   field "credential". Where the browser has no passkeys such forms stay hidden; nothing needs them. */
(function () {
  "use strict";
  const known = window.PublicKeyCredential;
  if (!known || !known.parseCreationOptionsFromJSON || !known.parseRequestOptionsFromJSON) return;
  document.querySelectorAll("[data-with-passkeys]").forEach(function (part) { part.hidden = false; });
  document.querySelectorAll("[data-without-passkeys]").forEach(function (part) { part.hidden = true; });

  const PROBLEMS = {
    NotAllowedError: _("Cancelled, or this device has no passkey for this portal."),
    InvalidStateError: _("This device already has a passkey for your account."),
  };

  /* true: the form is filled; else what is wrong */
  async function filled(form, button) {
    for (;;) {
      const body = new URLSearchParams(new FormData(form, button));
      const asked = await (await fetch(form.dataset.options, { method: "POST", body: body })).json();
      if (asked.problem) return asked.problem;
      const answer = asked.create
        ? await navigator.credentials.create({ publicKey: known.parseCreationOptionsFromJSON(asked.create) })
        : await navigator.credentials.get({ publicKey: known.parseRequestOptionsFromJSON(asked.get) });
      form.elements.credential.value = JSON.stringify(answer.toJSON());
      if (!asked.again) return true;
    }
  }

  document.addEventListener("submit", function (event) {
    const form = event.target, button = event.submitter;
    if (!form.matches("form[data-options]")) return;
    event.preventDefault();
    if (form.getAttribute("aria-busy") === "true") return;
    const alert = form.querySelector("[role=alert]");
    function end(problem) {
      alert.textContent = problem;
      alert.hidden = !problem;
      form.elements.credential.value = "";
      form.removeAttribute("aria-busy");
    }
    end("");
    form.setAttribute("aria-busy", "true");
    filled(form, button).then(function (result) {
      if (result !== true) return end(result);
      form.removeAttribute("aria-busy"); /* for a person who returns to the page */
      if (form.elements.password) form.elements.password.value = ""; /* it did its work */
      form.submit();
    }).catch(function (error) {
      end(PROBLEMS[error.name] || _("Something went wrong. Reload the page and try again."));
    });
  });
})();
