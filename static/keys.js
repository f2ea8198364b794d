/* Single-key shortcuts, the sheet that lists them (templates/home/shortcuts), and selecting rows of the list.
   They are ignored while a person types, with a modifier, and for a person who turned them off
   (WCAG 2.1.4); the place in the list is the focus itself, so that a screen reader follows.
   Every page works without this file. */
(function () {
  "use strict";
  const PLACES = { h: "/", t: "/tickets", n: "/topology", l: "/links", s: "/sites", c: "/calendar/agenda", e: "/events/timeline", r: "/reports", f: "/filters", p: "/profile", m: "/mails", w: "/work", a: "/admin" };
  const FOR_SOME = "mwa"; /* who may not go there has no link to it */
  const TEXTLESS = ["checkbox", "radio", "button", "submit", "reset", "file", "image"];
  const WAIT = 1500;
  let going = 0, sheet = null;

  function one(selector, root) {
    return (root || document).querySelector(selector);
  }
  function typing(at) {
    const field = at.closest("input, textarea, select, [contenteditable]");
    return Boolean(field) && !(field.matches("input") && TEXTLESS.includes(field.type));
  }
  function follow(selector) {
    const found = one(selector);
    if (found) found.click();
    return Boolean(found);
  }

  /* ---- the list: the focus goes from title to title ---- */
  function titles() {
    return Array.from(document.querySelectorAll("#list a.title"));
  }
  function row() {
    return document.activeElement.closest("#list tbody tr");
  }
  function step(by) {
    const all = titles(), here = row();
    if (!all.length) return false;
    const at = here ? all.indexOf(one("a.title", here)) : (by > 0 ? -1 : all.length);
    const next = all[at + by];
    if (next) {
      next.focus();
      next.scrollIntoView({ block: "nearest" });
    } else if (by > 0) {
      const count = all.length, more = one("#more a");
      if (!more) return true;
      document.addEventListener("htmx:afterSettle", function () {
        const now = titles();
        if (now.length > count) now[count].focus();
      }, { once: true });
      more.click();
    }
    return true;
  }
  function tick() {
    const box = row() && one('[name="n"]', row());
    if (!box) return false;
    box.checked = !box.checked;
    box.dispatchEvent(new Event("change", { bubbles: true }));
    return true;
  }
  function open() {
    const title = row() && one("a.title", row());
    if (title) title.click();
    return Boolean(title);
  }
  function save() {
    const menu = one("#list .saved"), asks = menu && one("[data-asks]", menu);
    if (!asks) return false;
    menu.open = asks.open = true;
    one("input:not([type=hidden])", asks).focus();
    return true;
  }
  function comment() {
    const title = row() && one("a.title", row());
    return title ? go(title.href + "#text") : write("public");
  }
  function write(kind) {
    const choice = one('.write [name="kind"][value="' + kind + '"]'), text = one(".write textarea");
    if (!text || !choice) return false;
    choice.checked = true;
    choice.dispatchEvent(new Event("change", { bubbles: true }));
    text.focus();
    text.scrollIntoView({ block: "center" });
    return true;
  }
  function remind() {
    const asks = document.getElementById("remind");
    if (!asks) return false;
    asks.open = true;
    one("input:not([type=hidden])", asks).focus();
    return true;
  }
  function filter() {
    const menu = one("#list .filters details:has(.filter-panel)");
    if (!menu) return false;
    menu.open = true;
    const write = function () {
      const field = one(".filter-panel input:not([type=hidden])", menu);
      if (field) field.focus();
      return Boolean(field);
    };
    if (!write()) menu.addEventListener("htmx:load", write, { once: true }); /* it comes when it is opened */
    return true;
  }
  function search() {
    const field = document.getElementById("search");
    if (!field) return false;
    field.focus();
    field.select();
    return true;
  }

  /* ---- the sheet ---- */
  function show() {
    if (!sheet) {
      sheet = document.createElement("dialog");
      sheet.className = "sheet";
      sheet.setAttribute("aria-labelledby", "sheet-title");
      document.body.append(sheet);
      sheet.addEventListener("click", function (event) { if (event.target === sheet) sheet.close(); });
    }
    fetch("/shortcuts", { headers: { "HX-Request": "true" }, credentials: "same-origin" }).then(function (answer) {
      if (answer.status !== 200) throw new Error("no sheet");
      return answer.text();
    }).then(function (text) {
      sheet.innerHTML = text;
      one("[data-close]", sheet).hidden = false;
      one("[data-close]", sheet).addEventListener("click", function () { sheet.close(); });
      if (!sheet.open) sheet.showModal();
    }).catch(function () { window.location.assign("/shortcuts"); });
    return true;
  }

  const KEYS = {
    "?": show,
    "/": search,
    ".": function () { return follow("#live button"); },
    j: function () { return step(1); },
    k: function () { return step(-1); },
    o: open,
    x: tick,
    f: filter,
    s: save,
    b: function () { return Boolean(one('#list [name="n"]:checked')) && follow("#bulk button"); },
    n: function () { return follow('a[href="/tickets/new"]') || (document.body.dataset.writes === "yes" && go("/tickets/new")); },
    a: function () { return follow("[data-take] button"); },
    c: comment,
    w: function () { return follow("[data-watch] button"); },
    r: remind,
    i: function () { return write("internal"); },
    e: function () { return follow('#ticket a[href$="/edit"], .head a[href$="/edit"]'); },
    u: function () { return follow(".crumbs a:last-of-type, .crumbs li:has(+ li:last-child) a"); },
  };
  function go(path) {
    window.location.assign(path);
    return true;
  }
  function place(key) {
    const path = PLACES[key];
    return Boolean(path) && (FOR_SOME.includes(key) ? follow('.bar a[href="' + path + '"]') : go(path));
  }

  document.addEventListener("keydown", function (event) {
    const at = event.target;
    if ((event.ctrlKey || event.metaKey) && event.key === "Enter" && at.matches("textarea, input, select") && at.form && at.form.method === "post") {
      event.preventDefault();
      at.form.requestSubmit();
      return;
    }
    if (event.key === "Escape" && at.id === "search" && !event.defaultPrevented) at.blur();
    if (document.body.dataset.shortcuts !== "on" || event.defaultPrevented || event.isComposing) return;
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat && event.key !== "j" && event.key !== "k") return;
    if (typing(at) || one("dialog[open]")) return;
    const goes = going && Date.now() - going < WAIT;
    going = 0;
    if (goes ? place(event.key) : KEYS[event.key] && KEYS[event.key]()) event.preventDefault();
    else if (event.key === "g" && !goes) going = Date.now();
  });

  /* the list leads straight to writing a comment */
  window.addEventListener("DOMContentLoaded", function () { if (window.location.hash === "#text") write("public"); });

  /* ---- ticking rows: all of the page, a range with Shift, how many ---- */
  let last = null;
  function boxes() {
    return Array.from(document.querySelectorAll('#list [name="n"]'));
  }
  function count() {
    const all = boxes(), ticked = all.filter(function (box) { return box.checked; }).length;
    const head = one("[data-pick-all]"), words = one("[data-picked]");
    if (head) { head.hidden = false; head.checked = ticked > 0 && ticked === all.length; head.indeterminate = ticked > 0 && ticked < all.length; }
    if (words) words.textContent = ticked ? _("%(count)s selected", { count: ticked }) : "";
  }
  document.addEventListener("change", function (event) {
    if (event.target.matches("[data-pick-all]")) boxes().forEach(function (box) { box.checked = event.target.checked; });
    if (event.target.matches('[data-pick-all], #list [name="n"]')) count();
  });
  document.addEventListener("click", function (event) {
    if (!event.target.matches('#list [name="n"]')) return;
    const all = boxes(), from = all.indexOf(last), to = all.indexOf(event.target);
    if (event.shiftKey && from >= 0) {
      all.slice(Math.min(from, to), Math.max(from, to) + 1).forEach(function (box) { box.checked = event.target.checked; });
      count();
    }
    last = event.target;
  });
  document.addEventListener("htmx:afterSettle", count);

  /* ---- rows that lead to one ticket together ---- */
  function countLinks() {
    const button = one("[data-several-words]"), ticked = document.querySelectorAll("[data-several] [form=several]:checked").length;
    if (!button || !ticked) return;
    button.textContent = ticked === 1 ? _("Create a ticket for 1 link") : _("Create one ticket for %(count)s links", { count: ticked });
  }
  document.addEventListener("change", function (event) { if (event.target.matches("[form=several]")) countLinks(); });
  document.addEventListener("htmx:afterSettle", countLinks);
  window.addEventListener("pageshow", countLinks);
  document.addEventListener("DOMContentLoaded", count);
  window.addEventListener("pageshow", count);

  /* ---- what takes a while says so, and is sent once ---- */
  document.addEventListener("submit", function (event) {
    const words = event.target.dataset.busy, button = event.submitter;
    if (!words || !button) return;
    button.setAttribute("aria-live", "polite");
    button.textContent = words;
    window.setTimeout(function () { button.disabled = true; }, 0);
  });
})();
