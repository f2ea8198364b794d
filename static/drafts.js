/* A comment that is being written survives the browser: it is kept here, per ticket and account, until
   it was sent, for a week at most. Logging out takes all of them away. Every page works without this file. */
(function () {
  "use strict";
  const BEGINS = "draft:", WEEK = 7 * 86400000;

  function store() {
    try { return window.localStorage; } catch (error) { return null; } /* a browser may forbid it */
  }
  function all() {
    return Object.keys(store() || {}).filter(function (key) { return key.startsWith(BEGINS); });
  }
  function forget(key) {
    if (store()) store().removeItem(key);
  }
  function text(form) {
    return form.querySelector("textarea[name=text]");
  }
  function read(key) {
    try { return JSON.parse((store() || {}).getItem(key)); } catch (error) { return null; }
  }
  function keep(form) {
    const field = text(form), key = BEGINS + form.dataset.draft;
    if (!store()) return;
    if (!field.value.trim()) { forget(key); return; }
    const kind = form.querySelector("[name=kind]:checked");
    try {
      store().setItem(key, JSON.stringify({ text: field.value, kind: kind && kind.value, at: Date.now() }));
    } catch (error) { /* no room: it is as it was without drafts */ }
  }
  function restore(form, loud) {
    const field = text(form), draft = read(BEGINS + form.dataset.draft);
    if (form.dataset.ready || !draft || field.value) return;
    form.dataset.ready = "yes";
    field.value = draft.text;
    const kind = Array.from(form.querySelectorAll("[name=kind]")).find(function (one) { return one.value === draft.kind; });
    if (kind) kind.checked = true;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    if (!loud) return; /* only another part of the page was fetched again */
    const note = document.createElement("p"), drop = document.createElement("button");
    note.className = "small draft-note";
    note.setAttribute("role", "status");
    drop.type = "button";
    drop.className = "link-button";
    drop.textContent = _("Discard");
    drop.addEventListener("click", function () {
      field.value = "";
      field.dispatchEvent(new Event("input", { bubbles: true }));
      note.remove();
      field.focus();
    });
    note.append(_("Your draft was restored.") + " ", drop);
    field.before(note);
  }
  function ready(root, loud) {
    root.querySelectorAll("form[data-draft]").forEach(function (form) { restore(form, loud); });
  }

  document.addEventListener("input", function (event) {
    const form = event.target.closest("form[data-draft]");
    if (form) keep(form);
  });
  document.addEventListener("htmx:beforeOnLoad", function (event) { /* before the answer brings the next form */
    const form = event.detail.requestConfig.elt;
    if (event.defaultPrevented) return; /* the login has ended: nothing was stored */
    if (event.detail.xhr.status < 300 && form.matches("form[data-draft]")) forget(BEGINS + form.dataset.draft);
  });
  document.addEventListener("submit", function (event) {
    if ((event.target.getAttribute("action") || "").endsWith("/logout")) all().forEach(forget);
  });
  document.addEventListener("DOMContentLoaded", function () {
    all().forEach(function (key) {
      const draft = read(key);
      if (!draft || !(Date.now() - draft.at < WEEK)) forget(key);
    });
    ready(document, true);
  });
  document.addEventListener("htmx:load", function (event) { ready(event.detail.elt, false); });
})();
